"""What a run could not read or store, whatever profile it is of."""

from typing import Annotated

from dependency_injector.wiring import inject
from fastapi import APIRouter, Path, Query

from bck_apps.api.deps import requires
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas_history import ProblemPage
from bck_apps.api.turns import LISTS, in_turn
from bck_apps.api.views_history import problem_page
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import RunId
from bckcore.domain.problem_reason import Reason
from bckcore.services.history import HistoryService

router = APIRouter(prefix="/runs", tags=["history"])


@router.get("/{run_id}/problems", responses=responses(401, 403, 404, 422))
@inject
def list_problems(
    run_id: Annotated[str, Path(max_length=64, description="`run_id` of a job's result.")],
    after: Annotated[int, Query(ge=0, le=2**31, description="`next` of the part before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    reason: Annotated[Reason | None, Query(description="Only those that come from this.")] = None,
    _who: Principal = requires(Permission.READ),
    _turn: None = in_turn(LISTS),
    history: HistoryService = provided(Container.history),
) -> ProblemPage:
    """Each path that had a problem, what that comes from, and what to do."""
    return problem_page(history.problems(RunId(run_id)), after=after, limit=limit, reason=reason)
