"""From runs and plans to response bodies. Pure."""

from dataclasses import asdict
from typing import Any

from bck_apps.api import schemas_history as schemas
from bck_apps.api.views import point_view
from bckcore.domain.difference import SIGNS, Difference
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath, display, percent_encoded
from bckcore.domain.problem_reason import EXPLANATIONS, Reason
from bckcore.domain.run import ChangeCounts, Run
from bckcore.domain.run_problem import RunProblem
from bckcore.services.accept import AcceptPlan
from bckcore.services.forget import ForgetPlan
from bckcore.services.history import forget_data
from bckcore.services.run_account import RunAccount
from bckcore.services.undo import UndoPlan


def _counts(counts: ChangeCounts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in counts.__slots__}


def _path(source: SourceName, path: RelPath) -> dict[str, str]:
    return {"path": f"{source}/{display(path)}", "path_bytes": f"{source}/{percent_encoded(path)}"}


def _run(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "seq": run.seq,
        "kind": run.kind.value,
        "outcome": run.outcome.value if run.outcome else None,
        "made_point": run.made_point,
        "started": run.started,
        "finished": run.finished,
        "counts": _counts(run.counts),
        "problems": run.problem_count,
        "error_code": run.error_code,
        "error": run.error,
    }


def run_view(run: Run) -> schemas.RunView:
    """A run for callers."""
    return schemas.RunView(**_run(run))


def run_account_view(found: RunAccount) -> schemas.RunAccountView:
    """A run with its problems for callers."""
    attempts = [schemas.AttemptView(**asdict(attempt)) for attempt in found.run.attempts]
    items = [_problem_view(problem) for problem in found.problems]
    return schemas.RunAccountView(**_run(found.run), attempts=attempts, items=items, held=found.held)


def _problem_view(problem: RunProblem) -> schemas.ProblemView:
    told = problem.explanation
    return schemas.ProblemView(
        problem=problem.kind.value,
        source=problem.source,
        path=f"{problem.source}/{display(problem.path)}",
        path_bytes=f"{problem.source}/{percent_encoded(problem.path)}",
        message=problem.message,
        reason=told.reason.value,
        cause=told.cause,
        advice=told.advice,
    )


def problem_page(found: RunAccount, *, after: int, limit: int, reason: Reason | None) -> schemas.ProblemPage:
    """A part of a run's problems for callers."""
    part, following = found.part(after=after, limit=limit, reason=reason)
    return schemas.ProblemPage(
        items=[_problem_view(problem) for _, problem in part],
        next=None if following is None else str(following),
        run_id=found.run.id,
        profile=found.run.profile,
        total=found.run.problem_count,
        kept=len(found.problems),
        held=found.held,
        reasons=[
            schemas.ReasonView(
                reason=one.value,
                count=count,
                cause=EXPLANATIONS[one].cause,
                advice=EXPLANATIONS[one].advice,
            )
            for one, count in found.reasons.items()
        ],
    )


def undo_plan_view(plan: UndoPlan) -> schemas.UndoPlanView:
    """What an undo would do."""
    return schemas.UndoPlanView(
        goal=point_view(plan.goal),
        undone=[run.seq for run in plan.undone],
        counts=_counts(plan.counts),
        changes=plan.change_count,
        items=[_planned_view(one) for one in plan.changes],
    )


def _planned_view(one: Difference) -> schemas.ChangeView:
    entry = one.new or one.old
    return schemas.ChangeView(
        op=SIGNS[one.kind],
        **_path(one.source, one.path),
        kind=entry.kind.value if entry else "",
        size=entry.size if entry else 0,
    )


def accept_plan_view(plan: AcceptPlan) -> schemas.AcceptPlanView:
    """What accepting would mark as deleted."""
    return schemas.AcceptPlanView(
        run=run_view(plan.run),
        items=[
            schemas.MissingView(**_path(source, entry.path), kind=entry.kind.value)
            for source, entry in plan.missing
        ],
    )


def forget_plan_view(plan: ForgetPlan) -> schemas.ForgetPlanView:
    """What is stored of a path."""
    return schemas.ForgetPlanView.model_validate(forget_data(plan))
