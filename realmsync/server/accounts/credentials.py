"""What names, passwords and secrets may be, and the form in which they are stored.

A stored password is a PHC string, `$argon2id$v=19$m=…`, which names its parameters, so that they
can be raised without a migration. Files of older versions hold salt and key of scrypt instead; both
are checked, and what is outdated is replaced at the next log-in. Which account has which password
is in file/accounts.py. Specification: app-services-http.md section 6.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets

import argon2

# What OWASP asks of argon2id is 19 MiB and two passes. Four cost what scrypt did before, some 50
# ms, and little memory, of which strangers can have several logs-in at once.
_HASHER = argon2.PasswordHasher(
    time_cost=4, memory_cost=19 << 10, parallelism=1, hash_len=32, salt_len=16
)
_SCRYPT = {"n": 1 << 14, "r": 8, "p": 1, "dklen": 32}
_SCRYPT_BYTES = 16 + 32  # salt and key, without a name; a PHC string of ours has 97

# What is taken of others' making: argon2 in this form, which costs a log-in no more than these.
_PHC = re.compile(
    r"\$argon2(?:id|i|d)\$v=19\$m=[0-9]{1,7},t=[0-9]{1,2},p=[0-9]{1,2}"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}"
)
_MOST_MEMORY = 256 << 10  # in KiB
_MOST_PASSES = 16
_MOST_LANES = 16

_NAME_BYTES = 320  # of an e-mail address: 64, @, 255
_PASSWORD_CHARACTERS = range(6, 129)


class BadCredential(ValueError):
    """A user name or a password that no account may have."""


def check_name(name: str) -> None:
    """Raises BadCredential for what cannot become a user name. It need not be an e-mail address."""
    _check_label(name, "email")


def check_key_name(name: str) -> None:
    """Raises BadCredential for what cannot become the name of an API key."""
    _check_label(name, "name")


def _check_label(text: str, what: str) -> None:
    if not text:
        raise BadCredential(f"{what} is required")
    if len(_utf8(text, what)) > _NAME_BYTES:
        raise BadCredential(f"{what} must not be longer than {_NAME_BYTES} bytes")
    if any(character < " " or character == "\x7f" for character in text):
        raise BadCredential(f"{what} must not contain control characters")


def check_password(password: str) -> None:
    """Raises BadCredential for what cannot become a password."""
    if len(password) not in _PASSWORD_CHARACTERS:
        raise BadCredential("password must be between 6 and 128 characters")
    _utf8(password, "password")


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadCredential(f"{what} must be valid Unicode") from None


def hash_password(password: str) -> bytes:
    """A PHC string; takes some 50 ms and 19 MiB on purpose, without the GIL."""
    return _HASHER.hash(password).encode()


def check_hash(text: object) -> bytes:
    """The stored form of a password that was hashed elsewhere: the PHC string of argon2.

    Raises BadCredential for other schemes, and for one that would take too long.
    """
    if not isinstance(text, str) or not _PHC.fullmatch(text):
        raise BadCredential("a password_hash is a PHC string of argon2, $argon2id$v=19$m=…")
    parameters = argon2.extract_parameters(text)
    if (
        parameters.memory_cost > _MOST_MEMORY
        or parameters.time_cost > _MOST_PASSES
        or parameters.parallelism > _MOST_LANES
    ):
        raise BadCredential("a password_hash must not take more than 256 MiB and 16 passes")
    return text.encode()


def password_matches(password: str, stored: bytes) -> bool:
    """Whether `stored` was made from this password; as slow in either case."""
    if len(stored) == _SCRYPT_BYTES:
        key = hashlib.scrypt(password.encode(), salt=stored[:16], **_SCRYPT)
        return hmac.compare_digest(key, stored[16:])
    try:
        return _HASHER.verify(stored, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False  # another password, or what was imported was no hash


def is_outdated(stored: bytes) -> bool:
    """Whether it was made in another way than hash_password does it now."""
    return len(stored) == _SCRYPT_BYTES or _HASHER.check_needs_rehash(stored.decode())


def new_secret() -> str:
    """64 hexadecimal digits that nobody guesses: an API key, the secret part of a mail's token."""
    return secrets.token_hex(32)


def secret_hash(secret: str) -> bytes:
    """What is stored of such a secret, which is long enough to need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def unguessable() -> bytes:
    """The stored form of a password that nobody has, at once: as slow to check as any other."""
    salt, key = (_base64(os.urandom(size)) for size in (_HASHER.salt_len, _HASHER.hash_len))
    cost = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${key}".encode()


def _base64(data: bytes) -> str:
    """As PHC strings have it: without padding."""
    return base64.b64encode(data).decode().rstrip("=")
