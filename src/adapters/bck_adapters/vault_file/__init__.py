"""Secrets as private, sealed files below the installation's home."""

from bck_adapters.vault_file.sealing import Sealer, keys_of
from bck_adapters.vault_file.vault import FileVault

__all__ = ["FileVault", "Sealer", "keys_of"]
