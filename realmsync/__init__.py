"""realmsync: Realm Device Sync for Python."""

from realmsync.containers import Dictionary, List, Set
from realmsync.errors import RealmError
from realmsync.objects import EmbeddedObject, Object
from realmsync.realm import Realm
from realmsync.results import Results
from realmsync.schema import field_options as property
from realmsync.schema import primary_key
from realmsync.values import Float32, Timestamp

__version__ = "0.1.0"

__all__ = [
    "Dictionary",
    "EmbeddedObject",
    "Float32",
    "List",
    "Object",
    "Realm",
    "RealmError",
    "Results",
    "Set",
    "Timestamp",
    "__version__",
    "primary_key",
    "property",
]
