"""The file of users as a whole: one connection, and each group of tables on it.

Who uses which app, with which identities, passwords and log-ins. Synchronous, one thread at a time;
threads are in ../users.py.
"""

from __future__ import annotations

from pathlib import Path

from realmsync.server.accounts.file.accounts import AccountTable
from realmsync.server.accounts.file.adopted_tokens import AdoptedTokenTable
from realmsync.server.accounts.file.api_keys import ApiKeyTable
from realmsync.server.accounts.file.custom_data import CustomDataTable
from realmsync.server.accounts.file.database import Database
from realmsync.server.accounts.file.imports import ImportTable
from realmsync.server.accounts.file.listing import Listing
from realmsync.server.accounts.file.log_ins import LogInTable
from realmsync.server.accounts.file.mail_tokens import MailTokenTable
from realmsync.server.accounts.file.tables import prepare_tables
from realmsync.server.accounts.file.users import UserTable


class UserFile:
    """The open file."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Raises sqlite3.Error when it cannot be used, or is missing and not to be created."""
        self.database = Database(path, create=create)
        try:
            prepare_tables(self.database)
        except BaseException:
            self.database.close()
            raise
        self.log_ins = LogInTable(self.database)
        self.users = UserTable(self.database, self.log_ins)
        self.accounts = AccountTable(self.database, self.users, self.log_ins)
        self.api_keys = ApiKeyTable(self.database, self.users, self.log_ins)
        self.mail_tokens = MailTokenTable(self.database)
        self.listing = Listing(self.database)
        self.custom_data = CustomDataTable(self.database)
        self.imports = ImportTable(self.database)
        self.adopted_tokens = AdoptedTokenTable(self.database, self.log_ins)

    def close(self) -> None:
        """Closes the file."""
        self.database.close()
