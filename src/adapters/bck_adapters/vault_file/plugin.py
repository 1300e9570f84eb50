"""What the file vault offers."""

from bck_adapters.vault_file.vault import FileVault
from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import VaultFactories


@hookimpl
def bck_vaults() -> VaultFactories:
    """``file`` keeps secrets below the installation's home."""
    return {"file": lambda context: FileVault(context.home / "vault")}
