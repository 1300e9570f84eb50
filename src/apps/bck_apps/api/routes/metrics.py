"""Numbers for monitoring, in the text format that Prometheus reads."""

from dependency_injector.wiring import inject
from fastapi import APIRouter, Response

from bck_apps.api.deps import requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.turns import READS, in_turn
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.services.metrics import MetricService
from bckcore.services.reach import Reach

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response, responses=responses(401, 403))
@inject
def read_metrics(
    who: Principal = requires(Permission.READ),
    _turn: None = in_turn(READS),
    metrics: MetricService = provided(Container.metrics),
    reach: Reach = within_reach(),
) -> Response:
    """How every profile stands: newest good point and run, sizes, and what the newest check found.

    It names profiles, so it needs a token as every other route does.
    """
    return Response(content=metrics.text(hosts=reach.hosts(who)), media_type=CONTENT_TYPE)
