"""Offers the transports ``rsync-ssh`` and ``local``."""

from bck_adapters.rsync.routes import LocalRoute, SshRoute
from bck_adapters.rsync.transport import RsyncTransport
from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import TransportFactories


@hookimpl
def bck_transports() -> TransportFactories:
    """rsync over OpenSSH, and the same rsync on this machine."""
    return {
        "rsync-ssh": lambda context: RsyncTransport(
            route=SshRoute(context.runtime_dir), memory=context.transfer_memory
        ),
        "local": lambda context: RsyncTransport(route=LocalRoute(), memory=context.transfer_memory),
    }
