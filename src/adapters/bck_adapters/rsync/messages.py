"""Pure: what rsync and ssh write on standard error, classed.

Sender messages say what the PC could not show: a folder that could not be listed, a file that could not
be read, one that vanished. Receiver messages say what the store could not take. A message that is not
understood makes the whole listing incomplete, because nobody can tell what it hid.
"""

import errno
import re
from dataclasses import dataclass, field
from enum import Enum, auto

from bck_adapters.rsync.argv import ALIAS
from bck_adapters.rsync.listing import checked_path, unescaped
from bckcore.domain.paths import ROOT, RelPath, display
from bckcore.domain.transfer import PathProblem, ProblemKind

KEPT_PROBLEMS = 1_000
KEPT_FOLDERS = 10_000
"""More incomplete folders than this count as: the whole listing is incomplete."""

_HEAD = rb"rsync: (?:\[(?P<role>\w+)\] )?"
_FAILED = re.compile(
    _HEAD
    + rb'(?P<what>[\w: ]+?)[ (]"(?P<path>.*)"\)?(?: \(in [^"]*\))?(?: failed)?: [^"]*\((?P<errno>\d{1,6})\)$'
)
_NUMBERED = re.compile(_HEAD + rb".*\((?P<errno>\d{1,6})\)$")
_VANISHED = re.compile(
    rb'(?:rsync: )?(?:\[\w+\] )?(?:file|directory) has vanished: "(?P<path>.*)"(?: \(in [^"]*\))?$'
)
_IN_THE_WAY = re.compile(rb"(?:rsync: )?(?:\[\w+\] )?could not make way for new [\w ]+: (?P<path>.*)$")
_DISPLACED_TWICE = re.compile(rb"(?:rsync: )?(?:\[\w+\] )?could not make way for backup [\w ]+: ")
_VERIFY = re.compile(rb"(?P<level>WARNING|ERROR): (?P<path>.*) failed verification -- .*$")
_OUR_ALIAS = re.compile(
    rb"(host key (?:is known )?for |^\S+@)" + ALIAS.encode() + rb"(?=[ :])", re.IGNORECASE
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_TEXT = re.compile(rb"No space left on device|Disk quota exceeded")
_LOCAL_ROLES = frozenset({b"receiver", b"generator", b"client"})
_UNLISTED = frozenset({b"opendir", b"readdir", b"link_stat", b"readlink_stat", b"change_dir"})
_UNREADABLE = frozenset({b"send_files failed to open", b"read errors mapping", b"fstat"})
_CONSEQUENCES = re.compile(
    rb"rsync error: |rsync warning: |IO error encountered|\*\*\* Skipping "
    rb"|rsync: connection unexpectedly closed|rsync: (?:\[\w+\] )?write error: |$"
)


def naming(line: bytes, host: str) -> str:
    """What a program said, for display: ssh knows the host by our alias only, people by its name."""
    # ssh ends its lines with a carriage return too.
    return display(_OUR_ALIAS.sub(lambda match: match[1] + host.encode(), line.rstrip(b"\r")))


def as_theirs(line: bytes, host: str) -> str:
    """The same as a line of the job's log, marked as the program's own words."""
    text = naming(line, host)
    return text if text.startswith(("rsync", "ssh: ")) else f"rsync: {text}"


class Sign(Enum):
    """A fact about the transfer as a whole that some message told."""

    STORE_FULL = auto()
    BEFORE_FIRST_BYTE = auto()
    """The connection closed before rsync on the PC had said anything."""
    LOST = auto()
    """The connection closed later."""
    DISPLACED_TWICE = auto()
    """What was displaced lay in the way of another displaced copy of the same path."""
    TOO_LARGE = auto()
    """A file here grew beyond what it may have."""


@dataclass(slots=True)
class MessageReader:
    """Takes one line of standard error after the other and classes it."""

    source_root: bytes
    """As rsync on the PC names it."""
    places: tuple[bytes, ...]
    """Local folders whose files carry the names of the source's: destination, displaced."""
    problems: list[PathProblem] = field(default_factory=list)
    problem_count: int = 0
    unlisted: set[RelPath] = field(default_factory=set)
    vanished: set[RelPath] = field(default_factory=set)
    signs: set[Sign] = field(default_factory=set)
    unknown: list[bytes] = field(default_factory=list)
    """The first lines that were not understood, among them all that ssh says."""

    def read(self, line: bytes) -> RelPath | None:
        """Class one line without its newline; return a path that is present though it is not logged."""
        line = line.rstrip(b"\r")
        self._note_signs(line)
        if _CONSEQUENCES.match(line):
            return None
        if match := _VANISHED.match(line):
            return self._file(ProblemKind.VANISHED, match["path"], line)
        if match := _FAILED.match(line):
            return self._failed(match, line)
        if match := _IN_THE_WAY.match(line):
            return self._file(ProblemKind.NOT_STORED, match["path"], line)
        if match := _VERIFY.match(line):
            # A warning is followed by another try of rsync itself.
            kind = ProblemKind.NOT_STORED
            return self._file(kind, match["path"], line) if match["level"] == b"ERROR" else None
        self._not_understood(line)
        return None

    def distrust(self) -> None:
        """Count the whole listing as incomplete."""
        self.unlisted = {ROOT}

    def _note_signs(self, line: bytes) -> None:
        if line.startswith(b"rsync: connection unexpectedly closed"):
            early = b"(0 bytes received so far)" in line
            self.signs.add(Sign.BEFORE_FIRST_BYTE if early else Sign.LOST)
        elif match := _NUMBERED.match(line):
            number, local = int(match["errno"]), _is_local(match["role"])
            if number in _FULL and local:
                self.signs.add(Sign.STORE_FULL)
            elif number == errno.EFBIG and local:
                self.signs.add(Sign.TOO_LARGE)
        elif _DISPLACED_TWICE.match(line):
            self.signs.add(Sign.DISPLACED_TWICE)
        elif line.startswith(b"rsync") and b"[sender" not in line and _FULL_TEXT.search(line):
            self.signs.add(Sign.STORE_FULL)

    def _failed(self, match: "re.Match[bytes]", line: bytes) -> RelPath | None:
        what = match["what"]
        if _is_local(match["role"]):
            return self._file(ProblemKind.NOT_STORED, match["path"], line)
        if what in _UNLISTED:
            return self._file(ProblemKind.UNLISTED, match["path"], line)
        if what in _UNREADABLE:
            return self._file(ProblemKind.UNREADABLE, match["path"], line)
        self._not_understood(line)
        return None

    def _file(self, kind: ProblemKind, name: bytes, line: bytes) -> RelPath | None:
        raw = unescaped(name)
        path = self.relative(raw)
        self._keep(PathProblem(kind=kind, path=path or raw, message=display(line)))
        if path is None:
            # Nobody knows which file was meant, unless the store could not take it: then it keeps its state.
            self.distrust()
        elif kind is ProblemKind.UNLISTED:
            self._add(self.unlisted, path)
        elif kind is ProblemKind.VANISHED:
            self._add(self.vanished, path)
        elif kind is ProblemKind.NOT_STORED:
            # Should it be a folder, rsync skipped what it holds.
            self._add(self.unlisted, path)
            return path
        else:
            return path
        return None

    def _not_understood(self, line: bytes) -> None:
        if len(self.unknown) < KEPT_PROBLEMS:
            self.unknown.append(line)

    def count_unknown(self) -> None:
        """Turn the lines that were not understood into problems and distrust the listing."""
        for line in self.unknown:
            self._keep(PathProblem(kind=ProblemKind.UNKNOWN, path=b"", message=display(line)))
        if self.unknown:
            self.distrust()

    def relative(self, raw: bytes) -> RelPath | None:
        """``raw``, named by either side, as a path inside the source; None where it is none."""
        for place in (self.source_root, *self.places):
            if raw.rstrip(b"/") == place.rstrip(b"/"):
                return ROOT
            head = place.rstrip(b"/") + b"/"
            if raw.startswith(head):
                return checked_path(raw[len(head) :].rstrip(b"/"))
        return None if raw.startswith(b"/") else checked_path(raw.rstrip(b"/"))

    def _keep(self, problem: PathProblem) -> None:
        self.problem_count += 1
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(problem)

    def _add(self, paths: set[RelPath], path: RelPath) -> None:
        if len(paths) >= KEPT_FOLDERS:
            self.distrust()
        elif paths is self.vanished or ROOT not in paths:
            paths.add(path)


def _is_local(role: bytes | None) -> bool:
    return role is not None and role.lower() in _LOCAL_ROLES
