"""The applications that a server serves, as they are right now.

A reload replaces a RunningApp's model in one step; who is in the middle of something keeps the one
that he began with. Loading is ../../apps', deciding permissions is permissions.py's. Specification:
app-configuration.md section 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from realmsync.apps.model import App
from realmsync.apps.permissions import Permissions
from realmsync.server.apps.password_adoption import PasswordAdoption
from realmsync.server.functions.port import Functions

# Name under which the users and partitions of a server without configured apps are kept.
ONLY_APP = "app"


@dataclass
class RunningApp:
    """One application."""

    key: str  # names its users and partitions in storage; never changes
    model: App
    functions: Functions
    permissions: Permissions | None = None  # compiled from the model; None where it is open
    # Without a configuration: everybody may do everything, and clients make the schema.
    is_open: bool = False
    # Where the keys are that verify others' tokens, by provider.
    key_sets: Mapping[str, str] = field(default_factory=dict)
    # Whether imported accounts take the first password that they are tried with.
    adopt_passwords: PasswordAdoption | None = None
    # What told partitions apart before the app went over to flexible sync.
    migrated_partition_key: str | None = None
    # Versions of the schema that programs may be made for; None: any.
    schema_versions: Set[int] | None = None

    def replace(self, model: App) -> None:
        """Obeys another model from now on; users, data and functions in Python stay."""
        self.model, self.permissions = model, Permissions(model)


class Apps:
    """The applications by client app id."""

    def __init__(self, apps: Iterable[RunningApp] = (), only: RunningApp | None = None) -> None:
        """`only`: the server is this one app, whatever id a client calls it by."""
        self._by_id = {app.model.id: app for app in apps}
        self._by_key = {app.key: app for app in (*self._by_id.values(), only) if app is not None}
        self._only = only

    @property
    def is_one(self) -> bool:
        """Whether the server is one app, whatever it is called."""
        return self._only is not None

    def find(self, app_id: str) -> RunningApp | None:
        """The application that a client's app id means here; None if it is not served."""
        if self._only is not None:
            return self._only if app_id else None
        return self._by_id.get(app_id)

    def of(self, key: str) -> RunningApp | None:
        """The application whose users and partitions are kept under this key, if it is served."""
        return self._by_key.get(key)

    def let_in(self, origin: str) -> bool:
        """Whether some app lets a web site in."""
        return any(origin in app.model.allowed_origins for app in self)

    def add(self, app: RunningApp) -> None:
        """One more, whose id and key nobody else has."""
        self._by_id[app.model.id] = app
        self._by_key[app.key] = app

    def remove(self, key: str) -> None:
        """It is served no more."""
        app = self._by_key.pop(key)
        self._by_id = {id: other for id, other in self._by_id.items() if other is not app}

    def __iter__(self) -> Iterator[RunningApp]:
        return iter(self._by_key.values())
