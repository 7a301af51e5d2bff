"""Settings of a server, with unit and reason per member; no behaviour."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from realmsync.server.accounts.old_tokens import OldTokens
from realmsync.server.addresses import is_network
from realmsync.server.admin.access import AdminAccount
from realmsync.server.apps.sources import AppFolder
from realmsync.server.authorization import AuthorizeFunction, require_function
from realmsync.server.mail import MailFunction, SmtpServer
from realmsync.transport.loop import TransportLimits

# How users may log in, by Realm's names (app-services-http.md section 8.3).
PROVIDERS = ("anon-user", "local-userpass", "api-key")


class Durability(str, Enum):
    """What an acknowledged upload survives."""

    FULL = "full"  # power failure: every commit reaches the disk before its acknowledgement
    PROCESS = "process"  # death of the process, not of the machine


@dataclass(frozen=True)
class HttpLimits:
    """Limits of the HTTP side, which any stranger can reach."""

    # Bytes of a request head; a token makes up most of it, and in a token custom user data of up to
    # 64 KiB. More is answered with 431.
    head_bytes: int = 96 << 10
    # Seconds until the first request's head must be complete.
    head_timeout: float = 30.0
    # Bytes and seconds of a request body. The largest legitimate one is a login; calls of functions
    # may have 1 MiB.
    body_bytes: int = 64 << 10
    body_timeout: float = 30.0
    # Seconds a connection may stay open between requests.
    keep_alive: float = 75.0
    # Seconds in which a client must have taken an answer.
    answer_timeout: float = 30.0
    # Connections that are no websockets: in all, and of one address. At the limit the one whose
    # client has been silent for longest gives way, so phones behind one NAT do not notice. At most
    # a quarter of the descriptors; proxies (`trusted_proxies`) are not one address.
    connections: int = 1024
    connections_per_address: int = 256
    # Websockets of one address; at most half of what the descriptors allow. More get 503.
    websockets_per_address: int = 10_000
    # Requests without a valid token, per address: at once, and then per second. A phone needs two
    # to log in, so a thousand may do so at once behind one NAT. More get 429.
    requests_burst: int = 2000
    requests_per_second: float = 100.0
    # Log-ins and registrations per address: each is stored, so an address makes at most 90,000
    # rows in a day. More get 429.
    log_ins_burst: int = 1000
    log_ins_per_second: float = 1.0
    # Mails, and calls of functions that confirm, per account: at once, and then per second. Its
    # owner must not drown in mails that strangers ask for. More get 429.
    mails_burst: int = 5
    mails_per_second: float = 1 / 300
    # Log-ins that wait until their password is hashed, which takes a processor about 50 ms: more
    # would wait for longer than clients do. They get 503.
    passwords_waiting: int = 40
    # Calls of functions that are not answered yet: of one user, whose devices may each have some,
    # and of all. A user's that cannot run beside each other wait. More get 429, beyond all 503.
    function_calls_per_user: int = 20
    function_calls: int = 1000
    # Bytes of request bodies beyond `body_bytes` that are not answered yet, of one user and of all.
    # A value that is read takes some twenty times its bytes. More get 429, beyond all 503.
    long_bodies_bytes_per_user: int = 4 << 20
    long_bodies_bytes: int = 16 << 20
    # Websockets of one user. A client that does not multiplex has one per open realm, and a user
    # several devices. More are answered with 503, after which clients try again later.
    websockets_per_user: int = 1000
    # Bytes of messages that have begun to arrive on websockets: what one user's may take, in whose
    # share at least one message fits, and all together, beyond which the costliest is given up.
    unfinished_bytes_per_user: int = 128 << 20
    unfinished_bytes: int = 256 << 20

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"a limit is above 0, and {name} is not: {value}")


@dataclass(frozen=True)
class UserQuotas:
    """What one user may have on the server, in each app; None is no limit.

    Beyond it his session ends for good: the app hears a sync error and keeps its data.
    """

    # Partitions that he was the first to open.
    partitions: int | None = 100_000
    # Client files: an SDK makes one for each realm that a device opens, and another one when it is
    # reset or the app is installed again.
    client_files: int | None = 100_000
    # Bytes of history: all changesets that he has uploaded, and 100 for each of them.
    bytes: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and value < 1:
                raise ValueError(f"a quota is at least 1, and that of {name} is not: {value}")


@dataclass(frozen=True)
class ServerConfig:
    """What `Server` is started with."""

    # Where users, the secret key and all synced data live; created when missing.
    data: Path
    # "localhost" listens on both loopback addresses, "0.0.0.0" or "::" for everybody.
    host: str = "localhost"
    # 0 picks a free one; see Server.port.
    port: int = 9090
    # Apps with a configuration, which says who may log in and do what. Each has its own users and
    # data, and ids that are nobody's are refused.
    app_folders: tuple[AppFolder, ...] = ()
    # Ids of apps without one, in which everybody may do everything: for development, or with
    # `authorize`. If there are neither these nor folders, this server is one app like that,
    # whatever id a client calls it by.
    apps: frozenset[str] = frozenset()
    # Takes changes of apps that no client can follow: all clients of the app start afresh then. A
    # class less makes them lose what they have not uploaded, another partition key does not. For
    # one start: not to be kept.
    accept_breaking: bool = False
    # Switches the admin API on, for this account: apps can then be made and configured over HTTP.
    admin: AdminAccount | None = None
    # Refuses to start with an app in which everybody may do everything.
    production: bool = False
    # How users of apps without a configuration may log in: without a name, with e-mail and
    # password, or either. Who has logged in stays so when his provider is taken away.
    providers: frozenset[str] = frozenset(PROVIDERS)
    # Whether strangers may register accounts with e-mail and password. If not, `realmsync user add`
    # makes them, in all apps. Who was imported without a password may still claim his by a mail.
    registration: bool = True
    # Log-ins that one user keeps, each on a device or in a program of his; a newer one ends the one
    # that was unused longest, and its device logs its user out.
    log_ins_per_user: int = 1000
    # Who may do what: asked when a user opens a partition (see AuthorizationRequest), once for each
    # session; what it answers counts as long as the session lasts, or until Server.reauthorize().
    # What an app's configuration does not allow it cannot allow either. Without it everybody may
    # read and write everything in apps without a configuration.
    authorize: AuthorizeFunction | None = None
    # Seconds in which it must answer. Otherwise, and when it raises, the client is told to try
    # again.
    authorize_timeout: float = 5.0
    durability: Durability = Durability.FULL
    # How concurrent changes are merged (docs/concepts/merging.md). "safe" spares clients some
    # failures of the Realm SDKs' own rules, "strict" repeats those rules to the letter.
    merge_profile: Literal["safe", "strict"] = "safe"
    # Whether clients may add classes and properties to the schema: in all apps without a
    # configuration, in none, or in those named here. Elsewhere only what is there already is taken.
    development_mode: bool | frozenset[str] = True
    # Seconds by which the time of a change may be ahead of this machine's clock; such a change wins
    # over all others until then. Uploads with later ones are refused. None: any.
    max_clock_ahead: float | None = None
    # Origin that clients should use, such as "https://sync.example.org", behind a proxy that does
    # not pass the Host header on. Default: what the request itself says.
    public_url: str | None = None
    # Host names that requests may be for, beside `host`, that of `public_url`, this machine's own,
    # names without a dot and IP addresses: ".example.org" is a domain with all names in it, "*"
    # everything. Others get 403, as web pages could stand behind them.
    allowed_hosts: frozenset[str] = frozenset()
    # Addresses and networks of proxies whose X-Forwarded-For is believed; "*" is everybody.
    trusted_proxies: frozenset[str] = frozenset({"127.0.0.1", "::1"})
    # Bearer token for /status; without one only clients on this machine may see it.
    status_token: str | None = None
    # How mails to the owners of accounts are sent, to confirm them or to set a new password: a
    # function that is given each Mail, or an SMTP server. None: the links are logged, and operators
    # pass them on.
    mail: MailFunction | SmtpServer | None = None
    ssl_context: ssl.SSLContext | None = None
    # Native threads for storage beside the event loop.
    workers: int = 2
    # Seconds of an access token: that of the original service.
    access_token_lifetime: int = 30 * 60
    # Seconds of a refresh token: what the original service is said to use.
    refresh_token_lifetime: int = 60 * 24 * 3600
    # What becomes of the log-ins that devices have from the service that their app has left.
    old_tokens: OldTokens = field(default_factory=OldTokens)
    # Lines of one kind in the log, per minute; what was left out is counted in one more.
    log_lines_per_minute: int = 60
    # Seconds that a graceful stop may take.
    stop_timeout: float = 10.0
    quotas: UserQuotas = field(default_factory=UserQuotas)
    http: HttpLimits = field(default_factory=HttpLimits)
    transport: TransportLimits = field(default_factory=TransportLimits)

    def is_in_development(self, app: str) -> bool:
        """Whether clients may add to the schema of an app."""
        mode = self.development_mode
        return mode if isinstance(mode, bool) else app in mode

    def __post_init__(self) -> None:
        if self.merge_profile not in ("safe", "strict"):
            raise ValueError(
                f"a server's merge profile is 'safe' or 'strict', not {self.merge_profile!r}"
            )
        if not isinstance(self.development_mode, bool):
            unknown = self.development_mode - self.apps
            if unknown:
                raise ValueError(f"no apps of this server: {', '.join(sorted(unknown))}")
        if self.max_clock_ahead is not None and not 0 < self.max_clock_ahead < float("inf"):
            raise ValueError(f"a clock is ahead by more than 0 s, not {self.max_clock_ahead}")
        if not self.providers or self.providers - set(PROVIDERS):
            raise ValueError(
                f"providers are some of {', '.join(PROVIDERS)}, "
                f"not {', '.join(sorted(self.providers)) or 'none'}"
            )
        if self.authorize is not None:
            require_function(self.authorize)
        if not self.authorize_timeout > 0:
            raise ValueError(f"an answer takes more than 0 s, not {self.authorize_timeout}")
        if self.log_ins_per_user < 1:
            raise ValueError(f"a user keeps at least one log-in, not {self.log_ins_per_user}")
        for proxy in self.trusted_proxies:
            if not is_network(proxy):
                raise ValueError(f"a trusted proxy is an IP address or network, not {proxy!r}")
        if self.status_token is not None and not self.status_token.strip():
            raise ValueError("a status token that is empty would be everybody's")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"a port is 0 to 65535, not {self.port}")
        if self.public_url is not None and not _is_origin(self.public_url):
            raise ValueError(
                "a public URL is an origin such as 'https://sync.example.org', "
                f"not {self.public_url!r}"
            )


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        valid_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and valid_port and bare
