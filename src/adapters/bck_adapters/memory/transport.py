"""MemoryTransport: pulls a MemoryHost into real folders, and lies about it the way rsync lies.

Same-second edits are missed when times count in whole seconds; attributes change in place; a retry
lists what the first attempt changed as unchanged; folders that vanish leave no trace; sizes may be
stale; what is listed as changed may not have been installed. See design.md, laws L1 to L3.
"""

import errno
from collections.abc import Iterable, Mapping, Sequence

from bck_adapters.memory.fetch import fetch
from bck_adapters.memory.gather import gather
from bck_adapters.memory.hosts import MemoryHost, MemoryTree, Node
from bck_adapters.memory.preview import preview
from bck_adapters.memory.pull import Pull
from bck_adapters.memory.push import Push
from bckcore.domain.credential import Credential, KeyCredential, PasswordCredential
from bckcore.domain.fetch import FetchOrder
from bckcore.domain.gather import Gathered, GatherOrder
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.preview import PreviewOrder, PreviewReport
from bckcore.domain.push import PushOrder, PushReport
from bckcore.domain.transfer import HostFacts, PullOrder, TransportCapabilities
from bckcore.errors import (
    AuthenticationError,
    BckError,
    HostKeyChangedError,
    HostKeyUnknownError,
    HostUnreachableError,
    InvalidInputError,
    JobCancelledError,
    StoreFullError,
    TransferFailedError,
)
from bckcore.ports.transport import PathFilter, PathFilterFactory, PullReport, Watcher

__all__ = ["MemoryHost", "MemoryTransport", "MemoryTree", "Node", "no_filters"]

VERSION = "3.2.7"


def _storage_error(exc: OSError) -> BckError:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFullError("The storage has no room left.", advice="Free some, then try again.")
    return TransferFailedError(f"The storage could not be written: {exc}.")


def _require_no_link(host: Host, found: MemoryHost, path: str) -> None:
    for folder in host.guarded_folders(path):
        target = found.link_at(folder)
        if target is not None:
            raise host.link_refused(path, folder, target)


class _HidesNothing:
    def excludes(self, path: RelPath, *, is_folder: bool) -> bool:
        """False for every path."""
        return False

    def rule(self, path: RelPath, *, is_folder: bool) -> None:
        """None for every path."""


def no_filters(rules: Iterable[str], *, ignore_case: bool = False) -> PathFilter:  # noqa: ARG001
    """The PathFilterFactory for profiles without filters. Raises InvalidInputError for any rule."""
    if tuple(rules):
        raise InvalidInputError(
            "This memory transport was made without filters.", advice="Give it a PathFilterFactory."
        )
    return _HidesNothing()


class MemoryTransport:
    """Transport to scripted hosts."""

    def __init__(
        self,
        hosts: Mapping[HostId, MemoryHost],
        filters: PathFilterFactory = no_filters,
        *,
        whole_seconds: bool = False,
    ) -> None:
        self._hosts = hosts
        self._filters = filters
        self._whole_seconds = whole_seconds

    @property
    def capabilities(self) -> TransportCapabilities:
        """See the port."""
        return TransportCapabilities(digests=True, compresses=False, remote=False)

    def resumes(self) -> bool:
        """It does."""
        return True

    def scan_host_keys(self, host: Host) -> tuple[str, ...]:
        """See the port."""
        return self._reached(host).host_keys

    def probe(
        self,
        host: Host,
        credential: Credential | None,
        paths: Sequence[str],
        watcher: Watcher | None = None,
    ) -> HostFacts:
        """See the port."""
        found = self._signed_in(host, credential)
        if watcher is not None and watcher.is_cancelled():
            raise JobCancelledError("The look at the host was stopped.")
        for path in paths:
            _require_no_link(host, found, path)
        return HostFacts(
            rsync_version=VERSION,
            host_key=found.host_keys[0] if found.host_keys else "",
            sources=tuple((path, self._can_list(found, path)) for path in paths),
        )

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """See the port."""
        host = self._signed_in(order.host, credential)
        if watcher.is_cancelled():
            raise JobCancelledError("The transfer was stopped.")
        if host.errors:
            raise host.errors.popleft()
        _require_no_link(order.host, host, order.source.path)
        rules = self._rules(order)
        try:
            return Pull(host, order, watcher, rules, whole_seconds=self._whole_seconds).carried_out()
        except OSError as exc:
            raise _storage_error(exc) from exc

    def push(self, order: PushOrder, credential: Credential | None, watcher: Watcher) -> PushReport:
        """See the port."""
        host = self._signed_in(order.host, credential)
        if watcher.is_cancelled():
            raise JobCancelledError("The transfer was stopped.")
        if host.errors:
            raise host.errors.popleft()
        _require_no_link(order.host, host, order.target_path)
        return Push(host, order, watcher).carried_out()

    def gather(self, order: GatherOrder, credential: Credential | None, watcher: Watcher) -> Gathered:
        """See the port."""
        host = self._signed_in(order.host, credential)
        if host.errors:
            raise host.errors.popleft()
        _require_no_link(order.host, host, order.source.path)
        rules = self._rules(order)
        return gather(host.sources.get(order.source.path), order, rules, watcher)

    def preview(self, order: PreviewOrder, credential: Credential | None, watcher: Watcher) -> PreviewReport:
        """See the port."""
        host = self._signed_in(order.host, credential)
        if host.errors:
            raise host.errors.popleft()
        _require_no_link(order.host, host, order.source.path)
        rules = self._rules(order)
        try:
            return preview(host.sources.get(order.source.path), order, rules, watcher)
        except OSError as exc:
            raise _storage_error(exc) from exc

    def _rules(self, order: PullOrder | GatherOrder | PreviewOrder) -> PathFilter:
        try:
            return self._filters(order.filters, ignore_case=order.host.platform.ignores_case)
        except InvalidInputError as exc:
            raise TransferFailedError(f"The filters cannot be used: {exc}") from exc

    def fetch(self, order: FetchOrder, credential: Credential | None, watcher: Watcher) -> None:
        """See the port."""
        host = self._signed_in(order.host, credential)
        if host.errors:
            raise host.errors.popleft()
        _require_no_link(order.host, host, order.source.path)
        try:
            fetch(host.sources.get(order.source.path), order, watcher)
        except OSError as exc:
            raise _storage_error(exc) from exc

    def _reached(self, host: Host) -> MemoryHost:
        found = self._hosts.get(host.id)
        if found is None:
            raise HostUnreachableError(f"{host.id} does not answer.", advice="Switch it on.")
        return found

    def _signed_in(self, host: Host, credential: Credential | None) -> MemoryHost:
        found = self._reached(host)
        if found.host_keys and not host.host_keys:
            raise HostKeyUnknownError(f"No key is pinned for {host.id}.", advice="Enrol the host.")
        if found.host_keys and not set(found.host_keys) & set(host.host_keys):
            raise HostKeyChangedError(f"{host.id} shows another key.", advice="Find out why.")
        shown = credential.private.reveal() if isinstance(credential, KeyCredential) else None
        if found.key is not None and shown != found.key:
            raise AuthenticationError(f"{host.id} refused our key.", advice="Install the key there.")
        typed = credential.password.reveal() if isinstance(credential, PasswordCredential) else None
        if found.password is not None and typed != found.password:
            raise AuthenticationError(f"{host.id} refused the password.", advice="Give the right one.")
        return found

    def _can_list(self, host: MemoryHost, path: str) -> bool:
        root = host.sources[path].nodes.get(ROOT) if path in host.sources else None
        return root is not None and root.readable
