"""What the file vault offers."""

from bck_adapters.vault_file.sealing import Sealer, keys_of
from bck_adapters.vault_file.vault import FileVault
from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import VaultFactories


@hookimpl
def bck_vaults() -> VaultFactories:
    """``file`` keeps secrets below the installation's home, sealed."""
    return {"file": lambda context: FileVault(context.home / "vault", Sealer(keys_of(context.home)))}
