"""Runs of a profile; undo, accept and forget, each with a look ahead."""

from typing import Annotated

from dependency_injector.wiring import inject
from fastapi import APIRouter, Path, Query

from bck_apps.api.deps import requires
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.routes.backup import IdempotencyKey
from bck_apps.api.schemas import Page, Started
from bck_apps.api.schemas_history import (
    AcceptPlanView,
    AskForget,
    ForgetPlanView,
    RunAccountView,
    RunView,
    StartAccept,
    StartForget,
    StartUndo,
    UndoPlanView,
)
from bck_apps.api.turns import LISTS, WALKS, in_turn
from bck_apps.api.views import started_view
from bck_apps.api.views_browse import asked_path
from bck_apps.api.views_history import (
    accept_plan_view,
    forget_plan_view,
    run_account_view,
    run_view,
    undo_plan_view,
)
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import ProfileId
from bckcore.services.history import HistoryService
from bckcore.services.history_requests import AcceptRequest, ForgetRequest, UndoRequest

router = APIRouter(prefix="/profiles/{name}", tags=["history"])


@router.get("/runs", responses=responses(401, 403, 404, 422))
@inject
def list_runs(
    name: str,
    after: Annotated[int, Query(ge=0, description="Only runs with a higher number.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    _who: Principal = requires(Permission.READ),
    history: HistoryService = provided(Container.history),
) -> Page[RunView]:
    """Backups, undos and acceptances by number, failed ones too."""
    found = history.runs(ProfileId(name), after_seq=after, limit=limit)
    following = str(found[-1].seq) if len(found) == limit else None
    return Page(items=[run_view(run) for run in found], next=following)


@router.get("/runs/{run}", responses=responses(401, 403, 404, 422))
@inject
def show_run(
    name: str,
    run: Annotated[str, Path(max_length=64, description="Number or id of the run, or `latest`.")],
    _who: Principal = requires(Permission.READ),
    _turn: None = in_turn(LISTS),
    history: HistoryService = provided(Container.history),
) -> RunAccountView:
    """One run, and which paths it could not read or store."""
    return run_account_view(history.run(ProfileId(name), run))


@router.post("/undo/plan", responses=responses(401, 403, 404, 409, 422))
@inject
def plan_undo(
    name: str,
    body: StartUndo,
    _who: Principal = requires(Permission.RESTORE),
    _turn: None = in_turn(WALKS),
    history: HistoryService = provided(Container.history),
) -> UndoPlanView:
    """What an undo would do now; changes nothing."""
    return undo_plan_view(history.plan_undo(ProfileId(name), _undo(body)))


@router.post("/undo", status_code=202, responses=responses(401, 403, 404, 409, 422))
@inject
def start_undo(
    name: str,
    body: StartUndo,
    idempotency_key: IdempotencyKey = "",
    who: Principal = requires(Permission.RESTORE),
    _turn: None = in_turn(WALKS),
    history: HistoryService = provided(Container.history),
) -> Started:
    """Bring the stored files back to an earlier state, as a new point. The PC is not touched."""
    return started_view(
        history.start_undo(ProfileId(name), _undo(body), requested_by=who.name, key=idempotency_key)
    )


def _undo(body: StartUndo) -> UndoRequest:
    return UndoRequest(run=body.run, to=body.to, reason=body.reason)


@router.post("/accept/plan", responses=responses(401, 403, 404, 409, 422))
@inject
def plan_accept(
    name: str,
    body: StartAccept,
    _who: Principal = requires(Permission.BACK_UP),
    _turn: None = in_turn(WALKS),
    history: HistoryService = provided(Container.history),
) -> AcceptPlanView:
    """What accepting a suspect run would mark as deleted; changes nothing."""
    request = AcceptRequest(run=body.run, reason=body.reason)
    return accept_plan_view(history.plan_accept(ProfileId(name), request))


@router.post("/accept", status_code=202, responses=responses(401, 403, 404, 409, 422))
@inject
def start_accept(
    name: str,
    body: StartAccept,
    idempotency_key: IdempotencyKey = "",
    who: Principal = requires(Permission.BACK_UP),
    _turn: None = in_turn(WALKS),
    history: HistoryService = provided(Container.history),
) -> Started:
    """Take what a suspect run missed as deleted, as a new point; earlier points keep it."""
    request = AcceptRequest(run=body.run, reason=body.reason)
    return started_view(
        history.start_accept(ProfileId(name), request, requested_by=who.name, key=idempotency_key)
    )


@router.post("/forget/plan", responses=responses(401, 403, 404, 422))
@inject
def plan_forget(
    name: str,
    body: AskForget,
    _who: Principal = requires(Permission.CONFIGURE),
    _turn: None = in_turn(WALKS),
    history: HistoryService = provided(Container.history),
) -> ForgetPlanView:
    """Where a path is stored and which points show it; changes nothing."""
    return forget_plan_view(history.plan_forget(ProfileId(name), asked_path(body.path, body.path_bytes)))


@router.post("/forget", status_code=202, responses=responses(401, 403, 404, 409, 422))
@inject
def start_forget(
    name: str,
    body: StartForget,
    idempotency_key: IdempotencyKey = "",
    who: Principal = requires(Permission.CONFIGURE),
    _turn: None = in_turn(WALKS),
    history: HistoryService = provided(Container.history),
) -> Started:
    """Remove a path and all below it from the storage and every point, for good."""
    request = ForgetRequest(path=asked_path(body.path, body.path_bytes), reason=body.reason)
    return started_view(
        history.start_forget(ProfileId(name), request, requested_by=who.name, key=idempotency_key)
    )
