"""Realm's numeric error codes: those that Python gives or reads, by Realm's own names.

What each class of errors.py stands for is said there. Specification: data-model.md section 25,
app-services-http.md section 6.
"""

from __future__ import annotations

from enum import IntEnum


class SyncCode(IntEnum):
    """How a wait or a session ended; the engine's table is csrc/client/failure.hpp."""

    Ok = 0
    SubscriptionFailed = 1016
    OperationAborted = 1027
    SyncClientResetRequired = 1032
    UnknownError = 2000000


class AppCode(IntEnum):
    """Errors of App Services. Those from 4300 on a server may send by name."""

    CustomError = 4000
    ClientUserNotFound = 4100
    ClientUserNotLoggedIn = 4101
    ClientRedirectError = 4103
    ClientTooManyRedirects = 4104
    ClientUserAlreadyNamed = 4105
    BadToken = 4200
    MalformedJson = 4201
    MissingJsonKey = 4202
    BadBsonParse = 4203

    MissingAuthReq = 4300
    InvalidSession = 4301
    UserAppDomainMismatch = 4302
    DomainNotAllowed = 4303
    ReadSizeLimitExceeded = 4304
    InvalidParameter = 4305
    MissingParameter = 4306
    TwilioError = 4307
    GCMError = 4308
    HTTPError = 4309
    AWSError = 4310
    MongoDBError = 4311
    ArgumentsNotAllowed = 4312
    FunctionExecutionError = 4313
    NoMatchingRuleFound = 4314
    InternalServerError = 4315
    AuthProviderNotFound = 4316
    AuthProviderAlreadyExists = 4317
    ServiceNotFound = 4318
    ServiceTypeNotFound = 4319
    ServiceAlreadyExists = 4320
    ServiceCommandNotFound = 4321
    ValueNotFound = 4322
    ValueAlreadyExists = 4323
    ValueDuplicateName = 4324
    FunctionNotFound = 4325
    FunctionAlreadyExists = 4326
    FunctionDuplicateName = 4327
    FunctionSyntaxError = 4328
    FunctionInvalid = 4329
    IncomingWebhookNotFound = 4330
    IncomingWebhookAlreadyExists = 4331
    IncomingWebhookDuplicateName = 4332
    RuleNotFound = 4333
    APIKeyNotFound = 4334
    RuleAlreadyExists = 4335
    RuleDuplicateName = 4336
    AuthProviderDuplicateName = 4337
    RestrictedHost = 4338
    APIKeyAlreadyExists = 4339
    IncomingWebhookAuthFailed = 4340
    ExecutionTimeLimitExceeded = 4341
    NotCallable = 4342
    UserAlreadyConfirmed = 4343
    UserNotFound = 4344
    UserDisabled = 4345
    AuthError = 4346
    BadRequest = 4347
    AccountNameInUse = 4348
    InvalidPassword = 4349
    SchemaValidationFailedWrite = 4350
    AppUnknownError = 4351
    MaintenanceInProgress = 4352
    UserpassTokenInvalid = 4353
    InvalidServerResponse = 4354
    AppServerError = 4355


APP_ERROR_CODES = AppCode.__members__
