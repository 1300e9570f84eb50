"""What the latest backup of a profile could not read or store, by cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bck_apps.gui.api import Api
from bck_apps.gui.messages import FileProblem, Job, RunProblems
from bck_apps.gui.problems import ClientError
from bck_apps.gui.viewmodels.observable import Observable


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Problems with one cause."""

    reason: str
    items: tuple[FileProblem, ...]


class ProblemList(Observable):
    """Of one run at a time, asked for once; most frequent cause first."""

    def __init__(self, api: Api) -> None:
        super().__init__()
        self._api = api
        self._run = ""
        self.groups: tuple[Group, ...] = ()
        self.total = 0
        self.answered = False
        """Whether the server has said which they are; it need not know them any more."""
        self.error: ClientError | None = None

    @property
    def left_out(self) -> int:
        """How many more there were than are listed."""
        return self.total - sum(len(group.items) for group in self.groups)

    def show(self, job: Job | None) -> None:
        """Show those of the run that this job made. Safe to repeat."""
        result: Mapping[str, object] = (job.result if job else None) or {}
        run, count = str(result.get("run_id") or ""), result.get("problems")
        if run == self._run:
            return
        self._run, self.groups, self.error, self.answered = run, (), None, False
        self.total = count if isinstance(count, int) else 0
        self._changed()
        if run and self.total:
            self._api.problems(run).then(lambda found: self._take(run, found), self._lost)

    def _take(self, run: str, found: RunProblems) -> None:
        if run == self._run:
            self.groups, self.total, self.answered = grouped(found.items), found.total, True
            self._changed()

    def _lost(self, error: ClientError) -> None:
        self._run, self.error = "", error  # asked for again when news comes
        self._changed()


def grouped(items: Sequence[FileProblem]) -> tuple[Group, ...]:
    """By cause; each cause's paths stay in order."""
    found: dict[str, list[FileProblem]] = {}
    for item in items:
        found.setdefault(item.reason, []).append(item)
    groups = (Group(reason=reason, items=tuple(ones)) for reason, ones in found.items())
    return tuple(sorted(groups, key=lambda group: -len(group.items)))
