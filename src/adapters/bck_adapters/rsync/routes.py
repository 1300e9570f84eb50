"""The ways to the other side: none at all, or OpenSSH."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Protocol

from bck_adapters.rsync.argv import LOCAL_SHELL
from bck_adapters.rsync.explaining import explained
from bck_adapters.rsync.landing import Landing, landed
from bck_adapters.rsync.probing import Question, held, listable_sources, require_no_link
from bck_adapters.rsync.ssh_config import holding_argv, ssh_shell
from bck_adapters.rsync.version import local_version
from bckcore.domain.credential import Credential
from bckcore.domain.host import Host, Platform
from bckcore.domain.paths import display
from bckcore.domain.push import PushOrder
from bckcore.domain.transfer import HostFacts, TransferOptions, TransportCapabilities


class Route(Protocol):
    """How rsync reaches a host, and how the host is asked about itself."""

    @property
    def capabilities(self) -> TransportCapabilities:
        """See Transport."""

    def shell(
        self, host: Host, credential: Credential | None, options: TransferOptions
    ) -> AbstractContextManager[str]:
        """The value of ``--rsh`` as long as the context lasts."""

    def connected(self, question: Question) -> AbstractContextManager[None]:
        """While it lasts, all that goes through the question's shell takes one connection."""

    def require_no_link(self, question: Question, path: str) -> None:
        """Raise PathNotAllowedError if ``path``, or a guarded folder above it, is a link on the host."""

    def landing(self, order: PushOrder) -> AbstractContextManager[Landing | None]:
        """The order's target folder, held as long as files are written; None where it is not held by us.

        Raises PathNotAllowedError if it, or a guarded folder above it, has become a link, and what
        ``order.about_to_write`` raises.
        """

    def sets_owners(self, host: Host) -> bool:
        """True if the account on the host may give files to any owner."""

    def scan_host_keys(self, host: Host) -> tuple[str, ...]:
        """See Transport."""

    def probe(
        self,
        host: Host,
        credential: Credential | None,
        paths: Sequence[str],
        search_path: str,
        memory: int,
        stop: Callable[[], None],
    ) -> HostFacts:
        """See Transport; ``stop`` is asked often, and raises to stop."""


class LocalRoute:
    """The same machine: no address, no key, no trust to check."""

    capabilities = TransportCapabilities(digests=True, compresses=False, remote=False)

    @contextmanager
    def shell(self, host: Host, credential: Credential | None, options: TransferOptions) -> Iterator[str]:
        """No connection is needed."""
        yield LOCAL_SHELL

    @contextmanager
    def connected(self, question: Question) -> Iterator[None]:
        """There is nothing to share."""
        yield

    def require_no_link(self, question: Question, path: str) -> None:
        """Looks at this machine's own folders."""
        for folder in question.host.guarded_folders(path):
            try:
                if stat.S_ISLNK(os.lstat(folder).st_mode):
                    raise question.host.link_refused(path, folder, display(os.readlink(os.fsencode(folder))))
            except OSError:  # missing, or not to be looked at: the pull itself tells
                return

    def landing(self, order: PushOrder) -> AbstractContextManager[Landing | None]:
        """Whoever works on this machine could swap a folder for a link between look and write."""
        return landed(order)

    def sets_owners(self, host: Host) -> bool:
        """Only root may."""
        return os.geteuid() == 0

    def scan_host_keys(self, host: Host) -> tuple[str, ...]:
        """There are none."""
        return ()

    def probe(
        self,
        host: Host,
        credential: Credential | None,
        paths: Sequence[str],
        search_path: str,
        memory: int,
        stop: Callable[[], None],
    ) -> HostFacts:
        """Find rsync and try to list each path."""
        version = ".".join(map(str, local_version(search_path)))
        with self.shell(host, credential, TransferOptions()) as shell:
            question = Question(host=host, shell=shell, search_path=search_path, memory=memory, stop=stop)
            sources = listable_sources(question, paths)
        return HostFacts(rsync_version=version, sources=sources)


class SshRoute:
    """OpenSSH for the data, fabric for the questions."""

    capabilities = TransportCapabilities(
        digests=True,
        compresses=True,
        remote=True,
        platforms=frozenset(platform.value for platform in Platform),
    )

    def __init__(self, runtime_dir: Path) -> None:
        self._runtime_dir = runtime_dir

    @contextmanager
    def shell(self, host: Host, credential: Credential | None, options: TransferOptions) -> Iterator[str]:
        """A private ssh configuration for this host."""
        with (
            explained(host, self.scan_host_keys),
            ssh_shell(host, credential, options, self._runtime_dir) as shell,
        ):
            yield shell

    @contextmanager
    def connected(self, question: Question) -> Iterator[None]:
        """One login for the look at links and the transfer: each costs as much as a small transfer."""
        argv = holding_argv(question.shell)
        with held(question, argv) if argv else nullcontext():
            yield

    def require_no_link(self, question: Question, path: str) -> None:
        """Asks the host's rsync to list them, in one connection."""
        require_no_link(question, path)

    def landing(self, order: PushOrder) -> AbstractContextManager[Landing | None]:
        """What a path is on the host only the host can hold: its gate does."""
        return nullcontext()

    def sets_owners(self, host: Host) -> bool:
        """Only root may, as far as the name tells; on Windows owners are left alone."""
        return host.user == "root" and host.platform is not Platform.WINDOWS

    def scan_host_keys(self, host: Host) -> tuple[str, ...]:
        """Ask the host for its keys without logging in."""
        from bck_adapters.rsync import control  # loads fabric, which a transfer does not need

        return control.scan_host_keys(host)

    def probe(
        self,
        host: Host,
        credential: Credential | None,
        paths: Sequence[str],
        search_path: str,
        memory: int,
        stop: Callable[[], None],
    ) -> HostFacts:
        """Check address, trust and login, ask for rsync's version, try to list each path."""
        from bck_adapters.rsync import control  # see above

        with explained(host, partial(control.scan_host_keys, stop=stop)):
            facts = control.examine(host, credential, stop)
        with self.shell(host, credential, TransferOptions()) as shell:
            question = Question(host=host, shell=shell, search_path=search_path, memory=memory, stop=stop)
            with self.connected(question) if paths else nullcontext():
                sources = listable_sources(question, paths)
        return HostFacts(
            rsync_version=facts.rsync_version,
            host_key=facts.host_key,
            latency_ms=facts.latency_ms,
            gate=facts.gate,
            sources=sources,
        )
