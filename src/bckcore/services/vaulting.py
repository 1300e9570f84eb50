"""Vaulting: what the vault holds changes together with what the database says of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret
from bckcore.errors import StorageError
from bckcore.ports.vault import Vault
from bckcore.services.lookup import or_none


@contextmanager
def stored(vault: Vault, ref: SecretRef | None, secret: Secret[str] | None) -> Iterator[None]:
    """Around a commit: the secret is in the vault by then, and what was there comes back if it fails.

    So a key that a PC trusts never gives way to one of which nobody heard. Without a name or a secret, the
    block alone. What could not be read before is not brought back. Raises StorageError, of the way back
    too.
    """
    if ref is None or secret is None:
        yield
        return
    readable = True
    try:
        before = or_none(lambda: vault.get(ref))
    except StorageError:  # damaged: to replace it is what is wanted
        readable, before = False, None
    vault.put(ref, secret)
    try:
        yield
    except BaseException:
        if readable:
            vault.undo_put(ref, before)
        raise
