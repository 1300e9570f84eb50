"""Aim: which point an undo goes back to, and which runs it undoes."""

from collections.abc import Sequence

from bckcore.domain.job import LATEST
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import Run
from bckcore.errors import ConflictError, NotFoundError
from bckcore.ports.unit_of_work import UnitOfWork
from bckcore.services.history_requests import UndoRequest
from bckcore.services.points import chosen_point

NAMED = 10
"""Points that an error names."""


def aimed_at(
    uow: UnitOfWork, profile: Profile, request: UndoRequest
) -> tuple[RestorePoint, tuple[Run, ...], int]:
    """The goal, the runs after it that made a difference, and the number of the newest run."""
    points = uow.points.list(profile.id)
    if request.to:
        goal = chosen_point(points, request.to, zone=profile.retention.time_zone)
    else:
        goal = _before(uow, profile, points, run_to_undo(uow, profile, request.run))
    runs = uow.runs.list(profile.id, after_seq=goal.seq)
    undone = tuple(run for run in runs if run.made_point)
    return goal, undone, runs[-1].seq if runs else goal.seq


def run_to_undo(uow: UnitOfWork, profile: Profile, wanted: str) -> Run:
    """The run of that id or number, or ``latest``: the newest that made a point. Raises NotFoundError."""
    if wanted == LATEST:
        made = [run for run in uow.runs.list(profile.id) if run.made_point]
        if made:
            return made[-1]
    return named_run(uow, profile, wanted)


def named_run(uow: UnitOfWork, profile: Profile, wanted: str) -> Run:
    """The run of that id or number. Raises NotFoundError."""
    for run in uow.runs.list(profile.id):
        if wanted in (run.id, str(run.seq)):
            return run
    raise NotFoundError(
        f"{profile.id} has no run {wanted!r}.",
        advice=f"Give its number or id, as 'bck run list {profile.id}' shows them.",
    )


def _before(uow: UnitOfWork, profile: Profile, points: Sequence[RestorePoint], run: Run) -> RestorePoint:
    """The point that shows the state just before the run. Raises ConflictError if none does."""
    earlier = [point for point in points if point.seq < run.seq]
    if not earlier:
        raise ConflictError(
            f"No state before run {run.seq} of {profile.id} is kept.",
            advice=_advice(profile, points),
        )
    goal = earlier[-1]
    between = uow.runs.list(profile.id, after_seq=goal.seq, limit=run.seq - goal.seq - 1)
    pruned = [one.seq for one in between if one.made_point and one.seq < run.seq]
    if pruned:
        raise ConflictError(
            f"The state just before run {run.seq} of {profile.id} is no longer kept.",
            meaning=f"Run {pruned[-1]} made it, and its point was pruned. Nothing was changed.",
            advice=_advice(profile, earlier),
        )
    return goal


def _advice(profile: Profile, points: Sequence[RestorePoint]) -> str:
    kept = ", ".join(str(point.seq) for point in points[-NAMED:])
    more = f"the last of {len(points)}: " if len(points) > NAMED else ""
    return f"Choose a kept point yourself: bck undo {profile.id} --to POINT (kept: {more}{kept or 'none'})."
