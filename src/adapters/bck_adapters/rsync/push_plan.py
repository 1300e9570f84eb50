"""Pure: which paths of an origin are sent, and what became of each, from what rsync itemised."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from bckcore.domain.paths import ROOT, RelPath, parents
from bckcore.domain.push import Conflict, PushedPath, PushOrder, PushOutcome
from bckcore.domain.transfer import PathProblem, ProblemKind

_NEW = b"+++++++++"
_UNCHANGED = b" " * 9
_FOLDER = ord("d")
_ATTRIBUTES_ONLY = ord(".")
_LONGEST_NAME = 255
_LONGEST_PATH = 4000
_NO_FOLDER = "its folder could not be made"


@dataclass(slots=True)
class Plan:
    """Made from the look: a listing of what the PC lacks and of the folders it has.

    A path that the look does not name stands there as something else. For a folder that may be a link;
    what lies beyond a link is none of ours, so nothing that the look says about paths below one counts.
    """

    order: PushOrder
    staged: Mapping[RelPath, bool]
    """Every path of the origin, and whether it is a folder."""
    seen: Mapping[RelPath, bytes]
    look_problems: Mapping[RelPath, PathProblem]
    closed: Collection[RelPath] = ()
    """Folders of the origin that their owner may not write in."""
    _blocked: frozenset[RelPath] = field(init=False)
    _passed: dict[RelPath, PushOutcome] = field(default_factory=dict)
    _names: list[RelPath] = field(default_factory=list)
    _too_long: set[RelPath] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._blocked = frozenset(
            path for path, is_folder in self.staged.items() if is_folder and path not in self.seen
        )
        for path, is_folder in self.staged.items():
            self._decide(path, is_folder=is_folder)
        self._names += self._to_open()

    def _to_open(self) -> list[RelPath]:
        """Folders that are left alone, yet named to rsync: closed ones, on the host exactly as in the origin.

        rsync writes in such a folder only if it may open it for the time. An earlier restore that was cut
        may have made it.
        """
        getting = {next(parents(path)) for path in self._names if path != ROOT}
        return [path for path in self.closed if path in getting and self._is_alike_and_left_alone(path)]

    def _is_alike_and_left_alone(self, path: RelPath) -> bool:
        item = self.seen.get(path, b"")[2:]
        alike = item == _UNCHANGED or not item.replace(b"t", b".").strip(b".")
        return alike and path != ROOT and self._is_left_alone(path)

    def to_send(self) -> list[RelPath]:
        """What is named to rsync."""
        return self._names

    def _decide(self, path: RelPath, *, is_folder: bool) -> None:
        skip = self.order.conflict is Conflict.SKIP
        if skip and (path in self._blocked or self._is_below(path, self._blocked)):
            self._passed[path] = PushOutcome.SKIPPED
        elif path == ROOT and path in self.order.frame:
            if self._is_missing(path):  # made by the way, with the attributes that new folders get there
                self._passed[path] = PushOutcome.CREATED
        elif is_folder and self._is_left_alone(path):
            if path not in self.order.frame:
                self._passed[path] = PushOutcome.SKIPPED
        elif not is_folder and skip and not self._is_missing(path):
            if path not in self.look_problems:
                self._passed[path] = PushOutcome.SKIPPED
        else:
            self._names.append(path)

    def too_long(self) -> list[RelPath]:
        """What may have to be kept beside under a name that would be too long."""
        if self.order.conflict is not Conflict.KEEP_BOTH:
            return []
        return [path for path in self._names if self._is_too_long(path) and not self._is_missing(path)]

    def _is_too_long(self, path: RelPath) -> bool:
        suffix = len(self.order.suffix)
        whole = len(os.fsencode(self.order.target_path)) + len(path) + suffix
        return len(path.rpartition(b"/")[2]) + suffix > _LONGEST_NAME or whole > _LONGEST_PATH

    def leave_out(self, items: Mapping[RelPath, bytes]) -> None:
        """Of what :meth:`too_long` gave, send only what stands there already, by a dry run's items."""
        for path in self.too_long():
            outcome = self._outcome(path, items[path]) if path in items else PushOutcome.KEPT_BOTH
            if outcome is PushOutcome.KEPT_BOTH:
                self._too_long.add(path)
        self._names = [
            path
            for path in self._names
            if path not in self._too_long and not self._is_below(path, self._too_long)
        ]

    def _is_left_alone(self, path: RelPath) -> bool:
        order = self.order
        if path in order.made or not self._is_existing_folder(path):
            return False
        return path in order.frame or order.conflict is Conflict.SKIP

    def _is_missing(self, path: RelPath) -> bool:
        if self._is_below(path, self._blocked):
            return True
        return self.seen.get(path, b"")[2:] == _NEW

    def _is_existing_folder(self, path: RelPath) -> bool:
        item = self.seen.get(path, b"")
        return item[1:2] == b"d" and item[2:] != _NEW and not self._is_below(path, self._blocked)

    def _is_below(self, path: RelPath, folders: Collection[RelPath]) -> bool:
        return bool(folders) and any(folder in folders for folder in parents(path) if folder != path)

    # --- afterwards --------------------------------------------------------------------------------

    def outcomes(
        self, items: Mapping[RelPath, bytes], problems: Mapping[RelPath, PathProblem]
    ) -> Iterator[PushedPath]:
        """What became of each path that is no problem."""
        for path, outcome in self._passed.items():
            yield PushedPath(path, outcome, self.staged[path])
        for path in self._names:
            is_folder = self.staged[path]
            if path in problems or path not in items or path in self._passed:
                continue
            if is_folder and (path in self.order.made or self._is_left_alone(path)):
                continue
            # With --backup, rsync does not tell that the time of a folder differs. The look did.
            item = self.seen[path] if self._is_existing_folder(path) else items[path]
            yield PushedPath(path, self._outcome(path, item), is_folder)

    def problems(
        self, items: Mapping[RelPath, bytes], problems: Mapping[RelPath, PathProblem]
    ) -> Iterator[PathProblem]:
        """Paths that the PC refused, and those of which it said nothing."""
        if self.order.conflict is Conflict.SKIP:
            yield from (
                problem
                for path, problem in self.look_problems.items()
                if path not in self._passed and path not in problems
            )
        for path in self.staged if self._too_long else ():
            if path in self._too_long:
                message = "what stands there cannot be kept beside: its name would get too long"
                yield PathProblem(kind=ProblemKind.NOT_RESTORED, path=path, message=message)
            elif self._is_below(path, self._too_long):
                yield PathProblem(kind=ProblemKind.NOT_RESTORED, path=path, message=_NO_FOLDER)
        yield from problems.values()
        for path in self._names:
            if path not in problems and path not in items:
                failed = self._is_below(path, problems)
                message = _NO_FOLDER if failed else "the host's rsync passed over it"
                yield PathProblem(kind=ProblemKind.NOT_RESTORED, path=path, message=message)

    def _outcome(self, path: RelPath, item: bytes) -> PushOutcome:
        changes = item[2:]
        if self._is_missing(path) and (changes == _NEW or path == ROOT):
            # The target itself is made before rsync looks at it.
            return PushOutcome.CREATED
        if changes == _UNCHANGED:
            return PushOutcome.SAME
        if item[0] == _ATTRIBUTES_ONLY and changes != _NEW:
            return PushOutcome.ADJUSTED
        kept = self.order.conflict is Conflict.KEEP_BOTH
        return PushOutcome.KEPT_BOTH if kept else PushOutcome.REPLACED
