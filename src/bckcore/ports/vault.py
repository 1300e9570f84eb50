"""Vault: keeps secrets; the rest of the program holds references."""

from typing import Protocol

from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret


class Vault(Protocol):
    """Thread-safe; readable by this service's user only."""

    def put(self, ref: SecretRef, secret: Secret[str]) -> None:
        """Store or replace."""

    def get(self, ref: SecretRef) -> Secret[str]:
        """Raises NotFoundError."""

    def delete(self, ref: SecretRef) -> None:
        """Safe to repeat."""

    def undo_put(self, ref: SecretRef, before: Secret[str] | None) -> None:
        """Make a put that was not to be as if it had not happened: what was there comes back, or nothing
        is there again. Possible also where the database does not answer: nothing is entered."""
