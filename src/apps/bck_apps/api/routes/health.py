"""Whether the server works; open to everyone, so it tells nothing else."""

from collections.abc import Callable

from dependency_injector.wiring import Provide, inject
from fastapi import APIRouter, Depends, Response

from bck_apps.api.about import program_version
from bck_apps.api.schemas import Health, Readiness, ReadyCheck
from bck_apps.wiring import logs
from bck_apps.wiring.container import Container
from bckcore.errors import BckError
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.storage import Storage

router = APIRouter(prefix="/health", tags=["health"])
log = logs.get_logger("bck.api")


@router.get("")
def live() -> Health:
    """The server answers."""
    return Health(status="ok", version=program_version())


@router.get("/ready", responses={503: {"model": Readiness, "description": "Not ready."}})
@inject
def ready(
    response: Response,
    queue: JobQueue = Depends(Provide[Container.queue]),
    storage: Storage = Depends(Provide[Container.storage]),
) -> Readiness:
    """Database and backup storage are there."""
    checks = [_check("database", lambda: queue.list(limit=1)), _check("storage", storage.space)]
    is_ready = all(check.ok for check in checks)
    response.status_code = 200 if is_ready else 503
    return Readiness(ready=is_ready, checks=checks)


def _check(name: str, look: Callable[[], object]) -> ReadyCheck:
    try:
        look()
    except BckError as error:
        log.warning("not ready", check=name, error=str(error))
        return ReadyCheck(name=name, ok=False)
    return ReadyCheck(name=name, ok=True)
