"""realmsync: Realm Device Sync for Python."""

from realmsync.errors import RealmError

__version__ = "0.1.0"

__all__ = ["RealmError", "__version__"]
