"""The file of users against a naive model of it: who is whom after any series of calls.

The model is dictionaries, with a loop wherever the file has a foreign key, an index or a trigger.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from realmsync.server.accounts.credentials import secret_hash
from realmsync.server.accounts.file.mail_tokens import MailToken
from realmsync.server.accounts.file.records import Gone, IdentityTaken, KeyInUse, NameInUse
from realmsync.server.accounts.file.user_file import UserFile

APPS = st.sampled_from(["a", "b"])
NAMES = st.sampled_from(["ada", "bob", "Ada"])
USERPASS = "local-userpass"


@dataclass
class NaiveUser:
    app: str
    disabled: bool = False
    names: list[tuple[str, str]] = field(default_factory=list)  # provider and name, in order


class Naive:
    """What the file should hold."""

    def __init__(self) -> None:
        self.users: dict[str, NaiveUser] = {}
        self.accounts: dict[tuple[str, str], tuple[bytes, bool]] = {}
        self.log_ins: dict[str, tuple[str, str | None]] = {}  # user and key
        self.keys: dict[str, tuple[str, str, bool]] = {}  # app, user and whether disabled
        self.tokens: dict[str, tuple[str, str]] = {}  # app and name

    def owner(self, app: str, provider: str, name: str) -> str | None:
        for id, user in self.users.items():
            if user.app == app and (provider, name) in user.names:
                return id
        return None

    def may_become(self, app: str, provider: str, name: str) -> bool:
        return provider != USERPASS or (app, name) in self.accounts

    def delete_user(self, id: str) -> set[str]:
        user = self.users.pop(id)
        for provider, name in user.names:
            if provider == USERPASS:
                self.delete_account(user.app, name)
        self.keys = {key: value for key, value in self.keys.items() if value[1] != id}
        return self.end(lambda log_in: log_in[0] == id)

    def delete_account(self, app: str, name: str) -> None:
        del self.accounts[app, name]
        self.tokens = {id: value for id, value in self.tokens.items() if value != (app, name)}

    def end(self, which: Any) -> set[str]:
        ended = {id for id, log_in in self.log_ins.items() if which(log_in)}
        for id in ended:
            del self.log_ins[id]
        return ended


class UsersMachine(RuleBasedStateMachine):
    """Calls of servers and operators, in any order."""

    users = Bundle("users")
    sessions = Bundle("sessions")
    keys = Bundle("keys")
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = UserFile(Path(self.folder.name) / "users.sqlite")
        self.file.database.execute("PRAGMA synchronous = OFF")
        self.naive = Naive()
        self.made = 0  # keys

    def teardown(self) -> None:
        self.file.close()
        self.folder.cleanup()

    @rule(app=APPS, name=NAMES, password=st.sampled_from([b"1", b"2"]), confirmed=st.booleans())
    def register(self, app: str, name: str, password: bytes, confirmed: bool) -> None:
        if (app, name) in self.naive.accounts:
            with pytest.raises(NameInUse):
                self.file.accounts.add(app, name, password, is_confirmed=confirmed)
        else:
            self.file.accounts.add(app, name, password, is_confirmed=confirmed)
            self.naive.accounts[app, name] = (password, confirmed)

    @rule(app=APPS, name=NAMES)
    def confirm(self, app: str, name: str) -> None:
        if (app, name) in self.naive.accounts:
            self.file.accounts.confirm(app, name)
            self.naive.accounts[app, name] = (self.naive.accounts[app, name][0], True)
        else:
            with pytest.raises(Gone):
                self.file.accounts.confirm(app, name)

    @rule(app=APPS, name=NAMES)
    def refuse(self, app: str, name: str) -> None:
        self.file.accounts.delete_unconfirmed(app, name)
        account = self.naive.accounts.get((app, name))
        owner = self.naive.owner(app, USERPASS, name)
        if account is not None and not account[1] and owner is None:
            self.naive.delete_account(app, name)

    @rule(target=users, app=APPS)
    def anonymous(self, app: str) -> str:
        user = self.file.users.create_anonymous(app)
        self.naive.users[user.id] = NaiveUser(app, names=[("anon-user", user.identities[0].id)])
        return user.id

    @rule(
        target=users,
        app=APPS,
        provider=st.sampled_from([USERPASS, "custom-token"]),
        name=NAMES,
        create=st.booleans(),
    )
    def identify(self, app: str, provider: str, name: str, create: bool) -> Any:
        owner = self.naive.owner(app, provider, name)
        if owner is None and not (create and self.naive.may_become(app, provider, name)):
            with pytest.raises(Gone):
                self.file.users.of_identity(app, provider, name, {}, create=create)
            return multiple()
        user = self.file.users.of_identity(app, provider, name, {"by": provider}, create=create)
        assert owner is None or owner == user.id
        if owner is None:
            assert user.id not in self.naive.users
            self.naive.users[user.id] = NaiveUser(app, names=[(provider, name)])
        return user.id

    @rule(user=users, provider=st.sampled_from([USERPASS, "custom-token"]), name=NAMES)
    def link(self, user: str, provider: str, name: str) -> None:
        found = self.naive.users.get(user)
        app = found.app if found is not None else "a"
        owner = self.naive.owner(app, provider, name)
        if owner is not None and owner != user:
            with pytest.raises(IdentityTaken):
                self.file.users.link(app, provider, name, {}, user)
        elif found is None or not self.naive.may_become(app, provider, name):
            with pytest.raises(Gone):
                self.file.users.link(app, provider, name, {}, user)
        else:
            self.file.users.link(app, provider, name, {}, user)
            if owner is None:
                found.names.append((provider, name))

    @rule(target=sessions, user=users)
    def log_in(self, user: str) -> Any:
        if user not in self.naive.users:
            with pytest.raises(Gone):
                self.file.log_ins.open(user, "device", 100)
            return multiple()
        session, ended = self.file.log_ins.open(user, "device", 100)
        assert ended == []
        self.naive.log_ins[session] = (user, None)
        return session

    @rule(target=keys, user=users)
    def add_key(self, user: str) -> Any:
        self.made += 1
        hash = secret_hash(f"key {self.made}")
        if user not in self.naive.users:
            with pytest.raises(Gone):
                self.file.api_keys.add("a", user, "key", hash, 100)
            return multiple()
        key = self.file.api_keys.add(self.naive.users[user].app, user, "key", hash, 100)
        self.naive.keys[key.id] = (key.app_id, user, False)
        return key.id

    @rule(target=sessions, key=keys)
    def log_in_with_key(self, key: str) -> Any:
        _, user, disabled = self.naive.keys.get(key, ("", "nobody", True))
        if disabled:
            with pytest.raises(Gone):
                self.file.log_ins.open(user, "device", 100, key)
            return multiple()
        session, _ = self.file.log_ins.open(user, "device", 100, key)
        self.naive.log_ins[session] = (user, key)
        return session

    @rule(key=keys, user=users, disabled=st.booleans())
    def disable_key(self, key: str, user: str, disabled: bool) -> None:
        app, owner, _ = self.naive.keys.get(key, ("", "", False))
        if owner != user:
            with pytest.raises(Gone):
                self.file.api_keys.set_disabled(user, key, disabled)
            return
        ended = self.file.api_keys.set_disabled(user, key, disabled)
        self.naive.keys[key] = (app, owner, disabled)
        expected = self.naive.end(lambda log_in: disabled and log_in[1] == key)
        assert set(ended) == expected

    @rule(key=keys, session=st.none() | sessions)
    def delete_key(self, key: str, session: str | None) -> None:
        _, owner, _ = self.naive.keys.get(key, ("", "", False))
        if key not in self.naive.keys:
            with pytest.raises(Gone):
                self.file.api_keys.delete(owner, key, session)
        elif session is not None and self.naive.log_ins.get(session, ("", None))[1] == key:
            with pytest.raises(KeyInUse):
                self.file.api_keys.delete(owner, key, session)
        else:
            ended = self.file.api_keys.delete(owner, key, session)
            del self.naive.keys[key]
            assert set(ended) == self.naive.end(lambda log_in: log_in[1] == key)

    @rule(session=consumes(sessions))
    def log_out(self, session: str) -> None:
        ended = self.file.log_ins.close(session)
        assert ended == ([session] if self.naive.log_ins.pop(session, None) else [])

    @rule(user=users, disabled=st.booleans())
    def disable(self, user: str, disabled: bool) -> None:
        if user not in self.naive.users:
            with pytest.raises(Gone):
                self.file.users.set_disabled(user, disabled)
            return
        locked_out = self.file.users.set_disabled(user, disabled)
        self.naive.users[user].disabled = disabled
        his = {id for id, log_in in self.naive.log_ins.items() if log_in[0] == user}
        assert set(locked_out) == (his if disabled else set())

    @rule(user=users)
    def delete_user(self, user: str) -> None:
        ended = self.file.users.delete(user)
        assert set(ended) == (self.naive.delete_user(user) if user in self.naive.users else set())

    @rule(target=tokens, app=APPS, name=NAMES, id=st.uuids())
    def mail(self, app: str, name: str, id: Any) -> Any:
        token = MailToken(str(id), app, name, "reset", secret_hash("secret"), 100)
        if (app, name) not in self.naive.accounts:
            with pytest.raises(Gone):
                self.file.mail_tokens.add(token)
            return multiple()
        self.file.mail_tokens.add(token)
        self.naive.tokens[token.id] = (app, name)
        his = [id for id, value in self.naive.tokens.items() if value == (app, name)]
        for older in his[:-5]:
            del self.naive.tokens[older]
        return token.id

    @rule(
        token=tokens,
        app=APPS,
        secret=st.sampled_from(["secret", "guess"]),
        now=st.sampled_from([99, 100]),
    )
    def reset(self, token: str, app: str, secret: str, now: int) -> None:
        used = self.file.mail_tokens.use(app, "reset", token, secret_hash(secret), now)
        account = self.naive.tokens.get(token)
        is_good = account is not None and account[0] == app and secret == "secret" and now < 100
        assert (used is not None) == is_good
        if used is None or account is None:
            return
        ended = self.file.accounts.reset_password(app, used.email, b"new", log_out=True)
        owner = self.naive.owner(app, USERPASS, used.email)
        assert set(ended) == self.naive.end(lambda log_in: log_in[0] == owner)
        self.naive.accounts[account] = (b"new", self.naive.accounts[account][1])
        self.naive.tokens = {id: v for id, v in self.naive.tokens.items() if v != account}

    @invariant()
    def the_file_is_as_the_model_says(self) -> None:
        for id, user in self.naive.users.items():
            stored = self.file.users.load(id)
            names = [(i.provider, i.provider_id) for i in stored.identities]
            assert (stored.app_id, stored.disabled, names) == (user.app, user.disabled, user.names)
            his = [key for key, value in self.naive.keys.items() if value[1] == id]
            assert [key.id for key in self.file.api_keys.of_user(id)] == his
            assert all(
                (user.app, name) in self.naive.accounts
                for provider, name in user.names
                if provider == USERPASS
            ), "or the next who takes the name would become him"
        for (app, name), (password, confirmed) in self.naive.accounts.items():
            account = self.file.accounts.find(app, name)
            assert account is not None
            assert (account.password, account.is_confirmed) == (password, confirmed)
        counts = {
            "users": len(self.naive.users),
            "identities": sum(len(user.names) for user in self.naive.users.values()),
            "accounts": len(self.naive.accounts),
            "sessions": len(self.naive.log_ins),
            "api_keys": len(self.naive.keys),
            "mail_tokens": len(self.naive.tokens),
        }
        for table, count in counts.items():
            ((stored_count,),) = self.file.database.execute(f"SELECT count(*) FROM {table}")
            assert stored_count == count, table
        assert all(
            (found := self.file.log_ins.owner(id)) is not None and found[0] == log_in[0]
            for id, log_in in self.naive.log_ins.items()
        )


TestUsers = UsersMachine.TestCase
TestUsers.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
