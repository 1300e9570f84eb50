"""Storage on a POSIX file system: current, history and receipts as plain files."""

from bck_adapters.storage_fs.ground import FsOwnGround
from bck_adapters.storage_fs.storage import FsStorage
from bck_adapters.storage_fs.targets import FsRestoreTargets

__all__ = ["FsOwnGround", "FsRestoreTargets", "FsStorage"]
