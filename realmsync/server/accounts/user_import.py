"""Users that come from elsewhere, with the ids that they had there: reading the file of an import.

The file holds a JSON array, or one object after another, as the hosted service's admin API lists
users; `email` is short for an identity with a password, `password_hash` what that password is
checked with. Nothing is stored here: rows are made in file/imports.py. Specification:
app-configuration.md 8.4 and 11.7.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from bson import ObjectId

from realmsync import ejson
from realmsync.server.accounts.credentials import BadCredential, check_hash, check_name
from realmsync.server.accounts.foreign_tokens import BadToken, checked_subject
from realmsync.server.extent import is_deeper

_ID = re.compile(r"[0-9a-f]{24}")
_BLANKS = re.compile(r"[ \t\r\n]*")
_DEPTH = 100
# Providers whose identities are found by a name of their own.
_NAMED = ("custom-token", "custom-function", "oauth2-google", "oauth2-apple", "oauth2-facebook")
_LOST = ("api-key",)  # whose secrets nobody has
_PROVIDERS = ("anon-user", "local-userpass", *_NAMED, *_LOST)
_MEMBERS = {
    *("_id", "id", "type", "disabled", "identities", "data", "custom_data", "email"),
    *("password_hash", "creation_date", "last_authentication_date"),
}
_MEMBERS_OF_IDENTITIES = {"id", "provider_type", "provider_id", "provider_data"}
_FIRST_OF_MILLISECONDS = 10**11  # as seconds it is the year 5138, as milliseconds 1973


class BadImport(Exception):
    """An import that is refused, and the line that it is about, if it is one."""

    def __init__(self, line: int | None, reason: str) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")


@dataclass(frozen=True)
class ImportedIdentity:
    """A way to log in that a user had."""

    provider: str
    provider_id: str  # the provider's name for him; "" of an anonymous one
    id: str | None = None  # where it is one that can be kept
    data: Mapping[str, Any] = field(default_factory=dict)  # for the profile


@dataclass(frozen=True)
class ImportedUser:
    """A user, as the file has him."""

    line: int
    id: str
    type: str
    disabled: bool
    created: int | None  # in seconds since 1970, as is the other
    last_authentication: int | None
    identities: tuple[ImportedIdentity, ...]
    password_hash: bytes | None
    custom_data: Mapping[str, Any] | None
    # Ways to log in that cannot be kept, each with the reason.
    lost: tuple[str, ...]
    unknown: tuple[str, ...]  # members that nobody reads


def read_users(text: str) -> list[ImportedUser]:
    """The users of an import in the order of the file. Raises BadImport for what is no such file.

    Two with the same id or the same identity are refused too.
    """
    entries = list(read_entries(text))
    providers = _ids_of_providers([entry for _, entry in entries])
    users = [_User(line, entry, providers).read() for line, entry in entries]
    first: dict[tuple[str, ...], int] = {}
    for user in users:
        named = [(i.provider, i.provider_id) for i in user.identities if i.provider_id]
        for key in [(user.id,), *named]:
            before = first.setdefault(key, user.line)
            if before != user.line:
                raise BadImport(user.line, f"{' '.join(key)} is that of line {before} already")
    return users


def unknown_members(users: Sequence[ImportedUser]) -> Iterator[str]:
    """A line for each member that nobody reads: a list of the service may have some, and another
    one may be mistyped."""
    first = {name: user for user in reversed(users) for name in user.unknown}
    counts = Counter(name for user in users for name in user.unknown)
    for name, user in first.items():
        count = f"{counts[name]:,} users"
        yield f"line {user.line}: member '{name}' is not known, and left out of {count}"


def ids_in(text: str, field: str) -> set[str]:
    """The ids that documents of a file have in a field (`a.b` of one inside), or in a list there.

    As text or ObjectId; what else is there is none. Raises BadImport for what is no such file.
    """
    found: set[str] = set()
    for line, entry in read_entries(text):
        try:
            value: Any = ejson.decode(entry)
        except ValueError as error:
            raise BadImport(line, str(error)) from None
        for name in field.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        listed = value if isinstance(value, list) else [value]
        texts = [str(item) for item in listed if isinstance(item, str | ObjectId)]
        found.update(text for text in texts if _ID.fullmatch(text))
    return found


def read_entries(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file, in an array or not, each with its line. Raises BadImport."""
    decoder = json.JSONDecoder()
    position = _blanks(text, 1 if text.startswith("\ufeff") else 0)
    is_array = text.startswith("[", position)
    position = _blanks(text, position + is_array)
    line, counted = 1, 0
    while position < len(text) and not (is_array and text[position] == "]"):
        line, counted = line + text.count("\n", counted, position), position
        try:
            entry, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            raise BadImport(line, "it is no JSON") from None
        if not isinstance(entry, dict) or is_deeper(entry, _DEPTH):
            raise BadImport(line, f"an object is expected, nested no deeper than {_DEPTH}")
        yield line, entry
        position = _blanks(text, position)
        if is_array and text.startswith(",", position):
            position = _blanks(text, position + 1)
        elif is_array and not text.startswith("]", position):
            raise BadImport(line, "behind it a comma or ] is missing")
    if is_array and position == len(text):
        raise BadImport(line, "the list has no end")
    if is_array and _blanks(text, position + 1) != len(text):
        raise BadImport(line, "behind the list there is more")


def _blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position


def _ids_of_providers(entries: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Pairs of provider and `provider_id` where that is the id of the provider itself.

    Lists of the hosted service have it there, and the user's name in `id`; then it is the same for
    all. Elsewhere `provider_id` is the name.
    """
    found: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        listed = entry.get("identities")
        for identity in listed if isinstance(listed, list) else ():
            if not isinstance(identity, dict):
                continue
            provider, id = identity.get("provider_type"), str(identity.get("provider_id"))
            if isinstance(provider, str) and _ID.fullmatch(id):
                # One user is enough where his own name has another form.
                found[provider, id] += 1 if _ID.fullmatch(str(identity.get("id"))) else 2
    return {pair for pair, weight in found.items() if weight > 1}


class _User:
    """One entry of the file."""

    def __init__(
        self, line: int, entry: Mapping[str, Any], ids_of_providers: set[tuple[str, str]]
    ) -> None:
        self._line = line
        self._entry = entry
        self._ids_of_providers = ids_of_providers
        self._lost: list[str] = []

    def read(self) -> ImportedUser:
        kind = self._entry.get("type", "normal")
        if kind not in ("normal", "server"):
            raise self._bad(f"type is normal or server, not {kind!r}")
        identities = list(self._identities())
        email = self._entry.get("email")
        if email is not None and not any(i.provider == "local-userpass" for i in identities):
            identities.append(self._account(email, None, {}))
        password_hash = self._password_hash()
        if password_hash and not any(i.provider == "local-userpass" for i in identities):
            raise self._bad("a password_hash needs an e-mail address")
        return ImportedUser(
            line=self._line,
            id=self._id(),
            type=kind,
            disabled=self._flag("disabled"),
            created=self._moment("creation_date"),
            last_authentication=self._moment("last_authentication_date"),
            identities=tuple(identities),
            password_hash=password_hash,
            custom_data=self._object("custom_data"),
            lost=tuple(self._lost),
            unknown=tuple(sorted(self._unknown())),
        )

    def _id(self) -> str:
        value = self._decoded("_id") if "_id" in self._entry else self._decoded("id")
        text = str(value) if isinstance(value, ObjectId) else value
        if not isinstance(text, str) or not _ID.fullmatch(text):
            raise self._bad("a user's _id is a text of 24 hexadecimal digits, or an ObjectId")
        return text

    def _unknown(self) -> set[str]:
        unknown = self._entry.keys() - _MEMBERS
        for identity in self._entry.get("identities", ()):
            unknown |= {f"identities.{name}" for name in identity.keys() - _MEMBERS_OF_IDENTITIES}
        return unknown

    def _identities(self) -> Iterator[ImportedIdentity]:
        listed = self._entry.get("identities", [])
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            raise self._bad("identities is a list of objects")
        profile = self._object("data") or {}
        for identity in listed:
            read = self._identity(identity, profile)
            if read is not None:
                yield read

    def _identity(
        self, identity: Mapping[str, Any], profile: Mapping[str, Any]
    ) -> ImportedIdentity | None:
        provider, id = identity.get("provider_type"), identity.get("id")
        own_id = id if isinstance(id, str) and _ID.fullmatch(id) else None
        if provider == "anon-user":
            return ImportedIdentity(provider, "", own_id)
        if provider == "local-userpass":
            of_provider = identity.get("provider_data")
            email = of_provider.get("email") if isinstance(of_provider, dict) else None
            email = email or profile.get("email") or self._entry.get("email")
            email = email or _address(identity.get("provider_id")) or _address(id)
            if email is None:
                self._lost.append("local-userpass: no e-mail address is known")
                return None
            return self._account(email, own_id, profile)
        if provider not in _PROVIDERS:
            raise self._bad(
                f"the provider_type of an identity is one of {', '.join(_PROVIDERS)}, not "
                f"{provider!r:.100}"
            )
        if provider in _LOST:
            self._lost.append(f"{provider}: such identities cannot be kept")
            return None
        name = identity.get("provider_id")
        if not isinstance(name, str) or (provider, name) in self._ids_of_providers:
            name = id
        try:
            subject = checked_subject(name) if isinstance(name, str) else ""
        except BadToken as error:
            raise self._bad(str(error)) from None
        if not subject:
            raise self._bad(f"an identity of {provider} has a provider_id or an id")
        return ImportedIdentity(provider, subject, own_id if own_id != subject else None, profile)

    def _account(
        self, email: Any, own_id: str | None, profile: Mapping[str, Any]
    ) -> ImportedIdentity:
        if not isinstance(email, str):
            raise self._bad("an e-mail address is a text")
        try:
            check_name(email)
        except BadCredential as error:
            raise self._bad(str(error)) from None
        return ImportedIdentity("local-userpass", email, own_id, {**profile, "email": email})

    def _password_hash(self) -> bytes | None:
        value = self._entry.get("password_hash")
        if value is None:
            return None
        try:
            return check_hash(value)
        except BadCredential as error:
            raise self._bad(str(error)) from None

    def _moment(self, name: str) -> int | None:
        value = self._decoded(name)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(re.sub("Z$", "+00:00", value))
            except ValueError:
                raise self._bad(f"{name} is a time") from None
        if isinstance(value, datetime):
            if value.tzinfo is None:
                value = value.replace(tzinfo=timezone.utc)
            value = value.timestamp()
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**15:
            raise self._bad(f"{name} is a time, in seconds since 1970")
        return int(value if value < _FIRST_OF_MILLISECONDS else value / 1000)

    def _flag(self, name: str) -> bool:
        value = self._entry.get(name, False)
        if not isinstance(value, bool):
            raise self._bad(f"{name} is true or false")
        return value

    def _object(self, name: str) -> dict[str, Any] | None:
        value = self._entry.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._bad(f"{name} is an object")
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except ValueError:
            raise self._bad(f"{name} is no JSON in valid Unicode") from None
        return value

    def _decoded(self, name: str) -> Any:
        try:
            return ejson.decode(self._entry.get(name))
        except ValueError:
            raise self._bad(f"{name} is malformed") from None

    def _bad(self, reason: str) -> BadImport:
        return BadImport(self._line, reason)


def _address(name: Any) -> str | None:
    """A name at the provider that is an e-mail address; the former service had ids there."""
    return name if isinstance(name, str) and "@" in name else None
