"""The audit log: who did what, from where, when."""

from typing import Annotated

from dependency_injector.wiring import inject
from fastapi import APIRouter, Query

from bck_apps.api.deps import requires
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import Page
from bck_apps.api.schemas_audit import AuditEntryView, entry_view
from bck_apps.api.turns import LISTS, in_turn
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.services.evidence import Evidence

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", responses=responses(401, 403, 422))
@inject
def list_entries(
    after: Annotated[int, Query(ge=0, le=2**31, description="`next` of the part before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    _who: Principal = requires(Permission.AUDIT),
    _turn: None = in_turn(LISTS),
    evidence: Evidence = provided(Container.evidence),
) -> Page[AuditEntryView]:
    """Entries by number, oldest first. Only ever added to; `bck audit verify` on the server proves that."""
    found = evidence.entries(after=after, limit=limit)
    following = str(found[-1].number) if len(found) == limit else None
    return Page(items=[entry_view(entry) for entry in found], next=following)
