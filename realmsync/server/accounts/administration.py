"""What operators do to the users of a data directory, whether or not a server runs on it.

Who is meant by a name, and what is refused; statements are in file/, the commands in
../../cli_users.py. A server that runs looks for changes of its file of users each second, and ends
the websockets of log-ins that have ended.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realmsync.errors import UserCommandError
from realmsync.server.accounts.credentials import (
    BadCredential,
    check_key_name,
    check_name,
    check_password,
    hash_password,
    new_secret,
    secret_hash,
)
from realmsync.server.accounts.data_administration import DataAdministration
from realmsync.server.accounts.email_accounts import mail_link, new_mail_token
from realmsync.server.accounts.file.records import ApiKey, Gone, NameInUse, UserSummary
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.apps.known_apps import known_apps

# Days. The use of a log-in is noted once a day, so that less would delete users who are there.
SHORTEST_IDLE_TIME = 2.0


@contextmanager
def administration(data: Path) -> Iterator[Administration]:
    """The users of a data directory. Raises UserCommandError, also for what fails meanwhile."""
    path = data / "users.sqlite"
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise UserCommandError(f"there is no server's data in {data}: no users.sqlite") from None
    except OSError as error:
        raise UserCommandError(f"cannot use {data}: {error.strerror}") from error
    try:
        file = UserFile(path, create=False)
        try:
            yield Administration(file, known_apps(data))
        finally:
            file.close()
    except sqlite3.Error as error:
        raise UserCommandError(f"cannot use the users' file {path}: {error}") from error
    except Gone as error:
        raise UserCommandError("the user was deleted meanwhile") from error


class Administration:
    """What can be done. Where an app is given only its users are seen; None means all apps."""

    def __init__(self, file: UserFile, apps: frozenset[str]) -> None:
        """`apps`: those that servers have had here; none: it cannot be told."""
        self._file = file
        self._apps = apps

    def require_app(self, app_id: str) -> None:
        """Raises UserCommandError for an app that no server has had here.

        Nobody would ever see who is made in it.
        """
        if self._apps and app_id not in self._apps:
            raise UserCommandError(
                f"no server has had an app '{app_id}' here, only "
                f"{', '.join(sorted(self._apps))}: start one with the new app first"
            )

    def data(self, app_id: str, collection: str | None = None) -> DataAdministration:
        """What can be done to the custom data of an app's users, and to import some."""
        return DataAdministration(self._file, app_id, collection)

    def users(self, app_id: str | None) -> Iterator[list[UserSummary]]:
        """All users, and accounts that never logged in, in pages."""
        return self._file.listing.summaries(app_id)

    def find(self, who: str, app_id: str | None) -> UserSummary:
        """The user with this id or account name. An id goes before a name that looks like it.

        Raises UserCommandError when there is none, or one in each of several apps.
        """
        found = self._file.listing.called(who, app_id)
        found = [user for user in found if user.id == who] or found
        if len(found) > 1:
            apps = ", ".join(sorted(user.app_id for user in found))
            raise UserCommandError(f"'{who}' is a user of several apps: choose one of {apps}")
        if not found:
            raise UserCommandError(f"no user '{who}'{self._hint(who, app_id)}")
        return found[0]

    def add(self, app_id: str, name: str, password: str) -> None:
        """Makes an account that can log in, also where registration is closed."""
        self.require_app(app_id)
        try:
            check_name(name)
            self._file.accounts.add(app_id, name, _hashed(password))
        except BadCredential as error:
            raise UserCommandError(str(error)) from error
        except NameInUse:
            raise UserCommandError(f"app {app_id} has an account '{name}' already") from None

    def set_disabled(self, user: UserSummary, disabled: bool) -> None:
        """Locks a user out of log-in and sync, or lets him in again."""
        user_id = user.id
        if user_id is None:  # what is disabled is a user
            user_id = self._file.accounts.user(user.app_id, user.names[0]).id
        self._file.users.set_disabled(user_id, disabled)

    def log_out(self, user: UserSummary) -> None:
        """Ends all log-ins; who knows the password may log in again."""
        if user.id is not None:
            self._file.log_ins.end_all(user.id)

    def delete(self, user: UserSummary) -> None:
        """Forgets a user with his accounts. What he has uploaded stays."""
        if user.id is None:
            self._file.accounts.delete(user.app_id, user.names[0])
        else:
            self._file.users.delete(user.id)

    def reset_password(
        self, user: UserSummary, who: str, password: str, *, keep_log_ins: bool = False
    ) -> None:
        """A new password for an account, and the end of the log-ins made with the old one.

        `who` says which one is meant of a user's accounts.
        """
        name = self._account(user, who)
        self._file.accounts.reset_password(
            user.app_id, name, _hashed(password), log_out=not keep_log_ins
        )

    def confirm(self, user: UserSummary, who: str) -> None:
        """Lets an account log in that waits for its confirmation; `who` as in reset_password."""
        self._file.accounts.confirm(user.app_id, self._account(user, who))

    def mail_link(self, user: UserSummary, who: str, purpose: str, url: str) -> str:
        """A link as a mail would have it, for the operator to pass on.

        `purpose` is "confirm" or "reset", `url` the page of the app that it leads to; `who` as in
        reset_password.
        """
        token, secret = new_mail_token(user.app_id, self._account(user, who), purpose)
        self._file.mail_tokens.add(token)
        return mail_link(url, secret, token.id)

    def add_server_key(self, app_id: str, name: str) -> tuple[ApiKey, str]:
        """An API key for a server, which is a user of its own, and the text of the key."""
        self.require_app(app_id)
        try:
            check_key_name(name)
        except BadCredential as error:
            raise UserCommandError(str(error)) from error
        text = new_secret()
        return self._file.api_keys.add_for_server(app_id, name, secret_hash(text)), text

    def keys(self, app_id: str | None) -> list[ApiKey]:
        """The API keys of users and servers."""
        return self._file.api_keys.of_app(app_id)

    def key(self, key_id: str) -> ApiKey:
        """The API key with this id. Raises UserCommandError."""
        for key in self._file.api_keys.of_app(None):
            if key.id == key_id:
                return key
        raise UserCommandError(f"no API key '{key_id}'")

    def set_key_disabled(self, key: ApiKey, disabled: bool) -> None:
        """Makes a key useless, with the log-ins that were made with it, or good again."""
        self._file.api_keys.set_disabled(key.user_id, key.id, disabled)

    def delete_key(self, key: ApiKey) -> None:
        """Forgets a key, and the server that it stands for."""
        self._file.api_keys.delete(key.user_id, key.id)

    def count_idle(self, app_id: str | None, before: float) -> int:
        """How many anonymous users have not been heard of since `before` (seconds since 1970).

        Raises UserCommandError for less than SHORTEST_IDLE_TIME ago.
        """
        if before > time.time() - SHORTEST_IDLE_TIME * 24 * 3600:
            raise UserCommandError(
                f"users can be called idle after {SHORTEST_IDLE_TIME:.0f} days at the earliest: "
                "who is there is noted once a day"
            )
        return self._file.listing.count_idle(app_id, int(before * 1000))

    def delete_idle(self, app_id: str | None, before: float) -> int:
        """Deletes those that count_idle counts; gives how many."""
        deleted = 0
        while count := self._file.listing.delete_idle(app_id, int(before * 1000)):
            deleted += count
        return deleted

    def _account(self, user: UserSummary, who: str) -> str:
        """The account that is meant by a user's name; or by his id, if he has only one."""
        names = [name for name in user.names if name == who] or user.names
        if not names:
            raise UserCommandError(f"'{who}' is anonymous: there is no password")
        if len(names) > 1:
            raise UserCommandError(
                f"'{who}' has several accounts: choose one of {', '.join(names)}"
            )
        return names[0]

    def _hint(self, who: str, app_id: str | None) -> str:
        similar = self._file.listing.similar_name(app_id, who)
        if similar is not None:
            return f". Did you mean '{similar}'?"
        if app_id is None:
            return ""
        apps = sorted({user.app_id for user in self._file.listing.called(who, None)})
        return f" in app {app_id}, but in {', '.join(apps)}" if apps else f" in app {app_id}"


def _hashed(password: str) -> bytes:
    try:
        check_password(password)
    except BadCredential as error:
        raise UserCommandError(str(error)) from error
    return hash_password(password)
