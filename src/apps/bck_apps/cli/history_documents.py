"""Runs, and what an undo or an acceptance would do, as JSON documents. Pure."""

from typing import TYPE_CHECKING

from bck_apps.cli.documents import Document, point_document
from bck_apps.cli.units import time_json
from bckcore.domain.difference import SIGNS, Difference
from bckcore.domain.paths import display, percent_encoded
from bckcore.domain.run import Run

if TYPE_CHECKING:
    from bckcore.domain.problem_reason import Reason
    from bckcore.domain.run_problem import RunProblem
    from bckcore.services.accept import AcceptPlan
    from bckcore.services.run_account import RunAccount
    from bckcore.services.undo import UndoPlan


def run_document(run: Run) -> Document:
    """A run; ``outcome`` is null while it goes on."""
    return {
        "run_id": run.id,
        "seq": run.seq,
        "kind": run.kind.value,
        "outcome": run.outcome.value if run.outcome else None,
        "made_point": run.made_point,
        "started": time_json(run.started),
        "finished": time_json(run.finished),
        "counts": {name: getattr(run.counts, name) for name in run.counts.__slots__},
        "problems": run.problem_count,
        "error_code": run.error_code,
        "error": run.error,
    }


def run_account_document(found: "RunAccount") -> Document:
    """A run and the first 1,000 of its ``problems``."""
    return {
        **run_document(found.run),
        "attempts": [
            {
                "source": attempt.source,
                "number": attempt.number,
                "started": time_json(attempt.started),
                "finished": time_json(attempt.finished),
                "error_code": attempt.error_code,
                "error": attempt.error,
            }
            for attempt in found.run.attempts
        ],
        "items": [problem_document(problem) for problem in found.problems],
        "held": found.held,
    }


def problem_document(problem: "RunProblem") -> Document:
    """A path that a run could not read or store, what that comes from, and what to do."""
    told = problem.explanation
    return {
        "problem": problem.kind.value,
        "source": problem.source,
        "path": f"{problem.source}/{display(problem.path)}",
        "path_bytes": f"{problem.source}/{percent_encoded(problem.path)}",
        "message": problem.message,
        "reason": told.reason.value,
        "cause": told.cause,
        "advice": told.advice,
    }


def problems_document(
    found: "RunAccount", *, after: int, limit: int, reason: "Reason | None" = None
) -> Document:
    """A part of a run's problems."""
    part, following = found.part(after=after, limit=limit, reason=reason)
    return {
        "items": [problem_document(problem) for _, problem in part],
        "next": following,
        "run_id": found.run.id,
        "total": found.run.problem_count,
        "kept": len(found.problems),
        "held": found.held,
        "reasons": {one.value: count for one, count in found.reasons.items()},
    }


def undo_plan_document(plan: "UndoPlan") -> Document:
    """What an undo would do; ``items`` are the first 1,000 of ``changes`` paths."""
    return {
        "dry_run": True,
        "goal": point_document(plan.goal),
        "undone": [run.seq for run in plan.undone],
        "counts": {name: getattr(plan.counts, name) for name in plan.counts.__slots__},
        "changes": plan.change_count,
        "kinds": {kind.value: number for kind, number in plan.kinds.items()},
        "items": [_planned_document(one) for one in plan.changes],
    }


def _planned_document(one: Difference) -> Document:
    entry = one.new or one.old
    return {
        "op": SIGNS[one.kind],
        "path": f"{one.source}/{display(one.path)}",
        "path_bytes": f"{one.source}/{percent_encoded(one.path)}",
        "kind": entry.kind.value if entry else "",
        "size": entry.size if entry else 0,
    }


def accept_plan_document(plan: "AcceptPlan") -> Document:
    """What accepting would mark as deleted; a folder stands for all in it."""
    return {
        "dry_run": True,
        "run": run_document(plan.run),
        "items": [
            {
                "path": f"{source}/{display(entry.path)}",
                "path_bytes": f"{source}/{percent_encoded(entry.path)}",
                "kind": entry.kind.value,
            }
            for source, entry in plan.missing
        ],
    }
