"""Secrets as private files below the installation's home."""

from bck_adapters.vault_file.vault import FileVault

__all__ = ["FileVault"]
