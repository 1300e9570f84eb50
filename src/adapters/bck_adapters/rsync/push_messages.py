"""Pure: what rsync says on standard error during a push, classed. Here the PC is the one who writes."""

import errno
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from bck_adapters.rsync.listing import unescaped
from bck_adapters.rsync.messages import KEPT_PROBLEMS, MessageReader, Sign
from bck_adapters.rsync.output import NO_FILE
from bckcore.domain.paths import ROOT, RelPath, display, rel_path
from bckcore.domain.transfer import PathProblem, ProblemKind

_FAILED = re.compile(
    rb'rsync: (?:\[(?P<role>\w+)\] )?(?P<what>[\w: ]+?)[ (]"(?P<path>.*)"\)?(?: failed)?: '
    rb'(?P<why>[^"]*) \((?P<errno>\d{1,6})\)$'
)
_IN_THE_WAY = re.compile(rb"could not make way for new [\w ]+: (?P<path>.*)$")
_VERIFY = re.compile(rb"(?P<level>WARNING|ERROR): (?P<path>.*) failed verification -- .*$")
_FOLLOWS = re.compile(rb"cannot delete non-empty directory: |\*\*\* Skipping |created \d* ?director")
_TEMPORARY = re.compile(rb"\.(?P<name>.+)\.[A-Za-z0-9]{6}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_TEXT = re.compile(rb"No space left on device|Disk quota exceeded")
_HERE = b"sender"


@dataclass(slots=True)
class PushMessages:
    """Takes one line after the other. ``connection`` holds what :func:`error_of` decides by."""

    target: bytes
    """As rsync on the PC names it."""
    staged: Collection[RelPath]
    connection: MessageReader = field(init=False)
    problems: dict[RelPath, PathProblem] = field(default_factory=dict)
    host_full: bool = False
    about_target: list[bytes] = field(default_factory=list)
    """What was said about the target folder itself."""

    def __post_init__(self) -> None:
        self.connection = MessageReader(source_root=self.target, places=())

    def read(self, line: bytes) -> None:
        """Class one line without its newline."""
        if _FULL_TEXT.search(line) and b"[" + _HERE not in line:
            self.host_full = True
        if _FOLLOWS.match(line):
            return
        if match := _FAILED.match(line):
            self._failed(match, line)
        elif match := _IN_THE_WAY.match(line):
            self._note(match["path"], "a folder that is not empty is in the way; move it away first", line)
        elif match := NO_FILE.match(line):
            self._note(match["path"], "the account on the host may not make a device file", line)
        elif match := _VERIFY.match(line):
            if match["level"] == b"ERROR":
                self._note(match["path"], "the file changed while it was sent", line)
        else:
            self.connection.read(line)
            self.connection.signs.discard(Sign.STORE_FULL)  # the disk that is full is not ours

    def _failed(self, match: "re.Match[bytes]", line: bytes) -> None:
        if int(match["errno"]) in _FULL:
            self.host_full = match["role"] != _HERE
        self._note(match["path"], f"{display(match['what'])} failed: {display(match['why'])}", line)

    def _note(self, name: bytes, message: str, line: bytes) -> None:
        path = self.path_of(unescaped(name))
        if path is None:
            if len(self.connection.unknown) < KEPT_PROBLEMS:
                self.connection.unknown.append(line)
            return
        if path == ROOT:
            self.about_target.append(line)
        problem = PathProblem(kind=ProblemKind.NOT_RESTORED, path=path, message=message)
        self.problems.setdefault(path, problem)

    def path_of(self, raw: bytes) -> RelPath | None:
        """The path of the origin that a message means; None if it is none."""
        for part in (raw, *raw.split(b'" -> "')):
            path = self.connection.relative(part)
            if path is not None and (known := self._known(path)) is not None:
                return known
        return None

    def _known(self, path: RelPath) -> RelPath | None:
        if path in self.staged:
            return path
        folder, slash, name = path.rpartition(b"/")
        if match := _TEMPORARY.fullmatch(name):
            wanted = folder + slash + match["name"]
            if wanted in self.staged:
                return rel_path(wanted)
            # rsync cuts a name that would get too long by its own letters.
            beside = (other for other in self.staged if other.startswith(wanted))
            return next((other for other in beside if b"/" not in other[len(wanted) :]), None)
        return None
