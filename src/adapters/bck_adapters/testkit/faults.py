"""Wrappers of ports that fail on purpose."""

from collections.abc import Sequence

from bckcore.domain.credential import Credential
from bckcore.domain.fetch import FetchOrder
from bckcore.domain.gather import Gathered, GatherOrder
from bckcore.domain.host import Host
from bckcore.domain.preview import PreviewOrder, PreviewReport
from bckcore.domain.push import PushOrder, PushReport
from bckcore.domain.transfer import HostFacts, PullOrder, TransportCapabilities
from bckcore.errors import BckError
from bckcore.ports.transport import PullReport, Transport, Watcher


class FaultyTransport:
    """A Transport whose n-th pulls raise, before or after the real one did its work.

    ``before`` and ``after`` map the number of a pull, counted from 1, to the error. An error *after* is
    the nasty kind: the files have moved, and nobody got the report.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        before: dict[int, BckError] | None = None,
        after: dict[int, BckError] | None = None,
    ) -> None:
        self._inner = inner
        self._before = before or {}
        self._after = after or {}
        self.pulls = 0
        """How many were asked for."""

    @property
    def capabilities(self) -> TransportCapabilities:
        """Those of the real one."""
        return self._inner.capabilities

    def resumes(self) -> bool:
        """Ask the real one."""
        return self._inner.resumes()

    def scan_host_keys(self, host: Host) -> tuple[str, ...]:
        """Ask the real one."""
        return self._inner.scan_host_keys(host)

    def probe(
        self,
        host: Host,
        credential: Credential | None,
        paths: Sequence[str],
        watcher: Watcher | None = None,
    ) -> HostFacts:
        """Ask the real one."""
        return self._inner.probe(host, credential, paths, watcher)

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """Pull, or fail as planned."""
        self.pulls += 1
        if error := self._before.get(self.pulls):
            raise error
        report = self._inner.pull(order, credential, watcher)
        if error := self._after.get(self.pulls):
            raise error
        return report

    def push(self, order: PushOrder, credential: Credential | None, watcher: Watcher) -> PushReport:
        """Ask the real one."""
        return self._inner.push(order, credential, watcher)

    def gather(self, order: GatherOrder, credential: Credential | None, watcher: Watcher) -> Gathered:
        """Ask the real one."""
        return self._inner.gather(order, credential, watcher)

    def preview(self, order: PreviewOrder, credential: Credential | None, watcher: Watcher) -> PreviewReport:
        """Ask the real one."""
        return self._inner.preview(order, credential, watcher)

    def fetch(self, order: FetchOrder, credential: Credential | None, watcher: Watcher) -> None:
        """Ask the real one."""
        self._inner.fetch(order, credential, watcher)
