"""Whether imported accounts of an app take the first password that they are tried with.

The setting alone; what is done is in ../accounts/email_accounts.py. Specification:
app-configuration.md 11.7.
"""

from __future__ import annotations

from dataclasses import dataclass

from realmsync.server.accounts.old_tokens import shown_in_utc


@dataclass(frozen=True)
class PasswordAdoption:
    """The first log-in with the name of an imported account that has no password sets it.

    Who comes first owns the account, so it needs a second proof and has an end.
    """

    # Function of the app that is asked for the proof, such as a code that users were sent: it is
    # given {username, password, userId} and lets him in by returning {status: "success"}.
    function: str
    # Seconds since 1970: nothing is adopted later.
    until: float

    def __post_init__(self) -> None:
        if not self.function:
            raise ValueError("adopting first passwords needs a function that is asked for a proof")

    def warning(self, now: float) -> str:
        """What an operator hears of it at a start; `now` is in seconds since 1970."""
        end = shown_in_utc(self.until)
        if self.until <= now:
            return f"the end of adopting first passwords, {end}, has passed: no account takes one"
        return (
            "WHOEVER LOGS IN FIRST WITH THE NAME OF AN IMPORTED ACCOUNT OWNS IT, if function "
            f"'{self.function}' lets him, until {end}"
        )
