"""Whether the server works. What is open to everyone tells nothing else."""

from collections.abc import Callable
from typing import cast

import anyio
from dependency_injector.wiring import inject
from fastapi import APIRouter, Request, Response

from bck_apps.api.about import program_version
from bck_apps.api.deps import open_to_all, requires
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import DatabaseView, Health, Readiness, ReadyCheck
from bck_apps.wiring import Application, logs
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.errors import BckError, NotFoundError
from bckcore.plugins.registry import Database

router = APIRouter(prefix="/health", tags=["health"])
log = logs.get_logger("bck.api")
LOOKS_AT_ONCE = 2


@router.get("", openapi_extra=open_to_all())
async def live() -> Health:
    """The server answers: in no thread, so that nothing else can keep it waiting."""
    return Health(status="ok", version=program_version())


@router.get(
    "/ready",
    responses={503: {"model": Readiness, "description": "Not ready."}},
    openapi_extra=open_to_all(),
)
async def ready(request: Request, response: Response) -> Readiness:
    """Database and backup storage are there."""
    checks = await cast("Looks", request.app.state.looks).made()
    is_ready = all(check.ok for check in checks)
    response.status_code = 200 if is_ready else 503
    return Readiness(ready=is_ready, checks=checks)


@router.get("/database", responses=responses(401, 403, 503))
@inject
def database_state(
    _who: Principal = requires(Permission.CONFIGURE),
    database: Database = provided(Container.database),
) -> DatabaseView:
    """Where the database is, which program keeps it, its size, and what endangers it."""
    if database.state is None:
        raise NotFoundError("This database adapter tells nothing of its state.")
    state = database.state()
    return DatabaseView(
        kind=state.kind,
        address=state.address,
        version=state.version,
        schema_step=state.step,
        newest_step=state.newest_step,
        size_bytes=state.size_bytes,
        warnings=list(state.warnings),
    )


class Looks:
    """Looks at database and storage, in threads that nothing else takes or waits for."""

    def __init__(self, application: Application) -> None:
        self._parts = application.container
        self._threads = anyio.CapacityLimiter(LOOKS_AT_ONCE)

    async def made(self) -> list[ReadyCheck]:
        """How both are."""
        return await anyio.to_thread.run_sync(self._look, limiter=self._threads)

    def _look(self) -> list[ReadyCheck]:
        queue, storage = self._parts.queue(), self._parts.storage()
        return [_check("database", lambda: queue.list(limit=1)), _check("storage", storage.space)]


def _check(name: str, look: Callable[[], object]) -> ReadyCheck:
    try:
        look()
    except BckError as error:
        log.warning("not ready", check=name, error=str(error))
        return ReadyCheck(name=name, ok=False)
    return ReadyCheck(name=name, ok=True)
