"""Hosts on this machine are kept off the installation's own ground: its storage, its keys, its database.

A transport that reaches no other machine reads and writes here, with the rights of the service. An allow-list
such as ``/srv`` covers the storage, too; whoever may restore to that host could write over the only copy of
another PC's file, and whoever may back it up could store, and then download, the keys.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bckcore.domain.credential import Credential
from bckcore.domain.fetch import FetchOrder
from bckcore.domain.gather import Gathered, GatherOrder
from bckcore.domain.host import Host
from bckcore.domain.preview import PreviewOrder, PreviewReport
from bckcore.domain.push import PushOrder, PushReport
from bckcore.domain.transfer import HostFacts, PullOrder, TransportCapabilities
from bckcore.errors import NotFoundError, PathNotAllowedError
from bckcore.ports.own_ground import OwnGround
from bckcore.ports.transport import PullReport, Transport, Watcher

TransportFor = Callable[[Host], Transport]


class Borders:
    """Says which hosts are this machine, and what of it they may touch. Thread-safe."""

    def __init__(self, *, transport_for: TransportFor, ground: OwnGround) -> None:
        self._transport_for = transport_for
        self._ground = ground

    def require_source(self, host: Host, path: str) -> None:
        """Raise PathNotAllowedError for a source that lies in, or holds, what is the installation's own."""
        if self._is_here(host):
            require_readable(self._ground, path)

    def require_target(self, host: Host, path: str) -> None:
        """Raise PathNotAllowedError for a folder that no restore to this host may write in."""
        if self._is_here(host):
            require_writable(self._ground, path)

    def crossed(self, host: Host) -> Sequence[str]:
        """The allowed roots of a host that lie on, or around, the installation's own ground."""
        if not self._is_here(host):
            return ()
        return [root for root in host.allowed_roots if self._ground.overlap(Path(root), writing=True)]

    def _is_here(self, host: Host) -> bool:
        try:
            return not self._transport_for(host).capabilities.remote
        except NotFoundError:  # no plugin offers it now, so nothing is read or written either
            return False

    def advice(self, host: Host) -> str:
        """What an administrator should know of the host's allow-list; empty if it is good."""
        if not (crossed := self.crossed(host)):
            return ""
        return (
            f"{', '.join(crossed)} lies in, or holds, this installation's own folders (storage, keys). "
            "Nothing of those is read or written through a host, so such a folder is refused as a source and "
            f"as a place to restore to. Allow the folders beside them: bck host set {host.id} --allow PATH"
        )


class BorderedTransport:
    """A Transport on this machine that touches nothing of the installation's own; else the inner one."""

    def __init__(self, inner: Transport, ground: OwnGround) -> None:
        self._inner = inner
        self._ground = ground

    @property
    def capabilities(self) -> TransportCapabilities:
        """The inner one's."""
        return self._inner.capabilities

    def resumes(self) -> bool:
        """The inner one's."""
        return self._inner.resumes()

    def scan_host_keys(self, host: Host) -> tuple[str, ...]:
        """The inner one's."""
        return self._inner.scan_host_keys(host)

    def probe(
        self,
        host: Host,
        credential: Credential | None,
        paths: Sequence[str],
        watcher: Watcher | None = None,
    ) -> HostFacts:
        """Lists no more than whether each path can be opened, so it may look at any that is allowed."""
        return self._inner.probe(host, credential, paths, watcher)

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """See the port; raises PathNotAllowedError for our own ground."""
        require_readable(self._ground, order.source.path)
        return self._inner.pull(order, credential, watcher)

    def push(self, order: PushOrder, credential: Credential | None, watcher: Watcher) -> PushReport:
        """See the port; raises PathNotAllowedError for our own ground, up to the moment of writing."""
        require_writable(self._ground, order.target_path)
        guarded = replace(order, about_to_write=lambda folder: require_writable(self._ground, folder))
        return self._inner.push(guarded, credential, watcher)

    def fetch(self, order: FetchOrder, credential: Credential | None, watcher: Watcher) -> None:
        """See the port; raises PathNotAllowedError for our own ground."""
        require_readable(self._ground, order.source.path)
        self._inner.fetch(order, credential, watcher)

    def gather(self, order: GatherOrder, credential: Credential | None, watcher: Watcher) -> Gathered:
        """See the port; raises PathNotAllowedError for our own ground."""
        require_readable(self._ground, order.source.path)
        return self._inner.gather(order, credential, watcher)

    def preview(self, order: PreviewOrder, credential: Credential | None, watcher: Watcher) -> PreviewReport:
        """See the port; raises PathNotAllowedError for our own ground."""
        require_readable(self._ground, order.source.path)
        return self._inner.preview(order, credential, watcher)


def bordered(transport_for: TransportFor, ground: OwnGround) -> TransportFor:
    """The same finder; what it finds on this machine is kept off our ground."""

    def find(host: Host) -> Transport:
        found = transport_for(host)
        return found if found.capabilities.remote else BorderedTransport(found, ground)

    return find


def require_readable(ground: OwnGround, path: str) -> None:
    """Raise PathNotAllowedError if ``path`` on this machine lies in, is, or holds what is ours."""
    own = ground.overlap(Path(path))
    if own is not None:
        raise PathNotAllowedError(
            f"{path} lies in {own}, or holds it, which is this server's own.",
            meaning="A backup of it would store keys and backups as files that its owner can download. "
            "Nothing was read and nothing was changed.",
            advice="Name the folders beside it as sources, each for itself. The server's own data is not "
            "copied by a profile: copy the storage and BCK_HOME as they are.",
        )


def require_writable(ground: OwnGround, path: str) -> None:
    """Raise PathNotAllowedError if ``path`` on this machine is no place for restored files."""
    own = ground.overlap(Path(path), writing=True)
    if own is not None:
        raise PathNotAllowedError(
            f"{path} lies in {own}, or holds it, which is this server's own.",
            meaning="Restored files would take the place of backups or keys. Nothing was written.",
            advice="Restore into a folder that is apart from them.",
        )
