"""Transport: probe a host and move files from its sources. The port that third parties implement."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bckcore.domain.credential import Credential
from bckcore.domain.fetch import FetchOrder
from bckcore.domain.gather import Gathered, GatherOrder
from bckcore.domain.host import Host
from bckcore.domain.paths import RelPath
from bckcore.domain.preview import PreviewOrder, PreviewReport
from bckcore.domain.push import PushOrder, PushReport
from bckcore.domain.transfer import (
    HostFacts,
    PathProblem,
    PullOrder,
    Seen,
    TransferProgress,
    TransferStats,
    TransportCapabilities,
)


class Watcher(Protocol):
    """Somebody who follows a long piece of work and may stop it. Called from any thread."""

    def progress(self, progress: TransferProgress) -> None:
        """Take note of how far it is; cheap, called a few times a second at most."""

    def log(self, line: str, *, level: str = "info") -> None:
        """Add one line to the job's log; ``level`` is ``info``, ``warning`` or ``error``."""

    def is_cancelled(self) -> bool:
        """True once the work must stop; asked at least once a second."""


class Listing(Protocol):
    """What an attempt saw on the host. May be walked several times; must not be held in memory."""

    def paths(self) -> Iterator[RelPath]:
        """Every path that was listed, the root included, each exactly once, in any order."""

    def changes(self) -> Iterator[Seen]:
        """The paths about which something may have changed; hints, not the truth.

        Each once, in the order in which :meth:`paths` gives them.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """What one attempt that came to its end reports."""

    listing: Listing
    stats: TransferStats = field(default_factory=TransferStats)
    problems: tuple[PathProblem, ...] = ()
    """The first 1,000. Whoever asked for the pull logs them; the transport does not."""
    problem_count: int = 0
    """All of them."""
    unlisted: frozenset[RelPath] = frozenset()
    """Folders whose listing is incomplete, at any depth below; the root when nothing can be trusted."""
    vanished: frozenset[RelPath] = frozenset()
    """Paths that disappeared while they were read."""
    too_large: Iterable[RelPath] = ()
    """Files above the order's ``max_size``; the listing leaves them out. May be walked several times."""


class Transport(Protocol):
    """Moves files from a host into the storage.

    Promises of every implementation, proved by ``bck_adapters.testkit.contracts.TransportContract``:

    * After ``pull`` returns or raises, every path it overwrote or removed stands in
      ``order.displaced_dir`` under the same relative path. It deletes nothing else.
    * It writes below ``destination``, ``displaced_dir``, ``partial_dir``, ``temp_dir`` and ``work_dir``
      only; nothing but the host's own files appears in ``destination``.
    * ``destination`` holds plain files and folders in the form of :mod:`bckcore.domain.stored_stat`.
    * Nothing is deleted because the host no longer has it, or because a filter or ``max_size`` hides it.
    * A cancelled watcher stops it within 5 s, no process left, by JobCancelledError.
    * A link on the host is not followed out of the allow-list: where the source root, or a folder between
      it and the allowed root that covers it (that one included, see ``Host.guarded_folders``), is a link
      when the pull begins, ``pull`` raises PathNotAllowedError and nothing is read or changed.
    * ``push`` deletes nothing on the host but what a restored path replaces by order; what stands beside
      it, and whatever lies in a folder that is not empty, stays.
    * Errors are TransientError, PermanentError, StoreFullError, PathNotAllowedError or JobCancelledError,
      nothing else.
    """

    @property
    def capabilities(self) -> TransportCapabilities:
        """What it can do; constant, and free to ask."""

    def resumes(self) -> bool:
        """True if a file that was cut goes on where it stopped. May try it, the first time it is asked."""

    def scan_host_keys(self, host: Host) -> tuple[str, ...]:
        """The public keys the host shows now, each ``type base64``; empty where there are none."""

    def probe(
        self,
        host: Host,
        credential: Credential | None,
        paths: Sequence[str],
        watcher: Watcher | None = None,
    ) -> HostFacts:
        """Connect, check trust, find rsync, and try to list each path. Changes nothing.

        A host that lets us in and then says nothing, or ever so little, is given up: HostUnreachableError.
        ``watcher`` may stop it, as it does any work.

        Raises HostUnreachableError, AuthenticationError, HostKeyChangedError, HostKeyUnknownError or
        RsyncMissingError, and PathNotAllowedError for a path that ``pull`` would refuse because it or a
        folder above it is a link; each with advice.
        """

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """Bring the source's files into ``order.destination``. May be repeated at any time.

        Raises PathNotAllowedError when the source root, or a guarded folder above it, is a link on the
        host; a root that is missing or cannot be looked at is reported as unlisted instead.
        """

    def push(self, order: PushOrder, credential: Credential | None, watcher: Watcher) -> PushReport:
        """Bring what lies below ``order.origin`` to ``order.target_path`` on the host.

        Names, bytes, link targets, modes and times in ns become as in the origin, owners where the
        account may set them. What is there already is not sent again, where size and time (ns) of a file
        tell that it is the same: a push that was cut or cancelled goes on when it is repeated, inside a
        large file too where :meth:`resumes`.

        ``order.conflict`` decides what becomes of a file, link or the like that is in the way, however the
        kinds differ. A folder that is not empty never gives way: that is a problem of the path that
        should stand there. A link on the host in the place of a folder counts as something in the way;
        nothing is written through it. ``SKIP`` leaves existing folders as they are, too.

        A dry run changes nothing on the host and reports what would become of each path, as far as that
        can be known. What the host refuses for one path is a problem of that path.

        Raises PathNotAllowedError when the target, or a guarded folder above it, is a link on the host;
        PermanentError when the host's disk is full. After an error some of the paths may be written.
        """

    def fetch(self, order: FetchOrder, credential: Credential | None, watcher: Watcher) -> None:
        """Read ``order.paths`` again and nothing else, below ``order.destination``, in the form of ``pull``.

        What is no plain file there any more comes as what it is now, or is left out, as is what cannot be
        read. No link is followed. Nothing of the host or of the storage changes. Raises PathNotAllowedError
        as ``pull`` does.
        """

    def gather(self, order: GatherOrder, credential: Credential | None, watcher: Watcher) -> Gathered:
        """Every plain file of the order's names, and its content, as far as the order's limits go.

        Folders that are hidden, or cannot be listed, are not looked into; no link is followed. A root that
        is missing holds nothing. Nothing of the host or of the storage changes but ``order.folder``, which
        is made. Raises PathNotAllowedError as ``pull`` does.
        """

    def preview(self, order: PreviewOrder, credential: Credential | None, watcher: Watcher) -> PreviewReport:
        """What ``pull`` would do now. Changes nothing on the host, and of the storage ``work_dir`` alone.

        A file that cannot be read may be foreseen all the same: nobody tried. What filters hide is named, of
        a folder the folder alone. Raises what ``pull`` raises.
        """


class PathFilter(Protocol):
    """Decides for one list of gitignore rules which paths they hide. Constant."""

    def excludes(self, path: RelPath, *, is_folder: bool) -> bool:
        """True if the path, or a folder above it, is hidden."""

    def rule(self, path: RelPath, *, is_folder: bool) -> str | None:
        """The rule, as written, that hides the path or the topmost hidden folder above it, if one does."""


class PathFilterFactory(Protocol):
    """Makes a PathFilter from gitignore rules."""

    def __call__(self, rules: Iterable[str], *, ignore_case: bool = False) -> PathFilter:
        """``ignore_case``: letters of ASCII match in either case. Raises InvalidInputError for a rule that
        cannot be understood."""
