"""What the file-system storage offers."""

from bck_adapters.storage_fs.storage import FsStorage
from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import StorageFactories


@hookimpl
def bck_storages() -> StorageFactories:
    """``fs`` keeps backups as plain files below the storage root."""
    return {"fs": lambda context: FsStorage(context.target.root, processes=context.processes)}
