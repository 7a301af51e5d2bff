"""An application's configuration as an export: the files of the current layout.

Loaded again they give an equal model. What the documents cannot say is brought into them first.
Specification: app-configuration.md 5.7 and 10.3.
"""

from __future__ import annotations

from realmsync.apps.bundle import Bundle
from realmsync.apps.files import Files, files_of
from realmsync.apps.model import App


def exported_files(bundle: Bundle, app: App) -> Files:
    """The files of what was loaded to this model."""
    return files_of(bundle, app.id)
