"""What the memory adapters offer."""

from bck_adapters.memory.secrets import MemoryVault
from bck_adapters.memory.stores import MemoryDatabase
from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import DatabaseFactories, VaultFactories


@hookimpl
def bck_databases() -> DatabaseFactories:
    """``memory:`` keeps everything in this process."""
    return {"memory": lambda context: MemoryDatabase(context.clock).as_database()}


@hookimpl
def bck_vaults() -> VaultFactories:
    """``memory`` forgets its secrets with the process."""
    return {"memory": lambda _context: MemoryVault()}
