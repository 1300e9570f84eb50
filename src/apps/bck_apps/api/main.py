"""create_app: the HTTP API over one opened installation."""

from functools import cache
from inspect import isclass
from typing import Any

import anyio
from dependency_injector.wiring import INSPECT_EXCLUSION_FILTERS
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from bck_apps.api import deps, downloads, errors, middleware
from bck_apps.api.about import TITLE, program_version
from bck_apps.api.feeds import Feeds
from bck_apps.api.routes import (
    audit,
    auth,
    backup,
    browse,
    check,
    enrolment,
    export,
    filters,
    following,
    health,
    history,
    hosts,
    jobs,
    metrics,
    points,
    profiles,
    restore,
    retention,
    runs,
    schedule,
    second_factor,
    tokens,
)
from bck_apps.api.turns import all_turns
from bck_apps.wiring import Application

ROUTES = (
    auth,
    health,
    hosts,
    enrolment,
    profiles,
    points,
    browse,
    export,
    history,
    runs,
    retention,
    backup,
    restore,
    jobs,
    check,
    filters,
    metrics,
    schedule,
    audit,
    second_factor,
    tokens,
)


@cache
def all_routes() -> list[BaseRoute]:
    """What every app of this process serves: what a route takes and gives is worked out once."""
    router = APIRouter()
    for module in ROUTES:
        router.include_router(module.router)
    return router.routes


def create_app(application: Application, *, body_seconds: float = middleware.LONGEST_BODY_SECONDS) -> FastAPI:
    """The API over ``application``, which stays open as long as the API is used.

    One process serves one installation: wiring is by module, so the app made last is the one served.
    """
    # Only functions are given what they ask for. To look for more in every method of every class that these
    # modules import takes longer than all the rest of a start.
    if isclass not in INSPECT_EXCLUSION_FILTERS:
        INSPECT_EXCLUSION_FILTERS.append(isclass)
    application.container.wire(modules=[deps, following, *ROUTES])

    # No interactive documentation: its pages load scripts from elsewhere. No redirects: they lead to the host
    # that the caller named, and a token goes along.
    app = FastAPI(
        title=TITLE,
        version=program_version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=all_routes(),
    )
    app.state.turns = all_turns()
    app.state.streams = anyio.CapacityLimiter(downloads.READS_AT_ONCE)
    app.state.looks = health.Looks(application)
    app.state.stopping = lambda: False
    app.state.away = lambda: False
    app.state.feeds = Feeds()
    errors.install(app)
    app.add_middleware(middleware.Acting, witness=application.witness)
    app.add_middleware(middleware.BodyLimit, seconds=body_seconds)
    app.add_middleware(middleware.Guard)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI documents this way
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; errors are problem documents, so FastAPI's own form of them goes."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schemas = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        problem = errors.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs", {}))
        schemas["Problem"] = problem
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _complete(path, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Name what any route may answer, and what any that reads a body may."""
    statuses = [] if path == middleware.LIVE else [503]
    if "requestBody" in operation:
        statuses += [400, 408, 413]
    for status, problem in errors.responses(*statuses).items():
        operation["responses"].setdefault(str(status), problem)
