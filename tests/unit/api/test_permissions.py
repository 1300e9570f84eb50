"""No route is open, and no object within anybody's reach, because somebody forgot to say so."""

from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import Route

from bck_apps.api import create_app
from bck_apps.api.deps import OPEN, Lasting, Requires, named_objects
from bck_apps.api.main import ROUTES
from bckcore.domain.access import Permission
from tests.support.api_world import ApiWorld


def _routes() -> list[APIRoute]:
    return [route for module in ROUTES for route in module.router.routes if isinstance(route, APIRoute)]


def test_no_route_stands_outside_the_modules_of_routes(world: ApiWorld) -> None:
    """So that what is tested of the modules holds for the whole document."""
    document = world.client.get("/openapi.json").json()["paths"]
    told = {(method, path) for path, operations in document.items() for method in operations}
    assert told == {(method.lower(), route.path) for route in _routes() for method in route.methods or ()}


def test_the_only_other_route_is_the_document_itself(world: ApiWorld) -> None:
    routes = create_app(world.application).routes
    assert [route.path for route in routes if isinstance(route, Route)] == ["/openapi.json"]
    assert {type(route).__name__ for route in routes} == {"Route", "_IncludedRouter"}


def test_every_route_declares_a_permission_or_that_it_is_open() -> None:
    for route in _routes():
        declared = [one for one in _calls(route.dependant) if isinstance(one, Requires)]
        marked = bool((route.openapi_extra or {}).get(OPEN))
        assert bool(declared) != marked, route.path
        assert all(isinstance(one.permission, Permission) for one in declared)
        again = {one.permission for one in _calls(route.dependant) if isinstance(one, Lasting)}
        assert again <= {one.permission for one in declared}, f"{route.path} goes on by another right"
    assert len(_routes()) > 40


def _calls(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


def test_every_address_says_what_may_be_reached_by_it() -> None:
    """A parameter that nobody knows how to look at would be an error on the first request."""
    for route in _routes():
        list(named_objects(route.path, dict.fromkeys(route.param_convertors, "x")))
    for template, parameter in (("/things/{thing}", "thing"), ("/things/{name}", "name")):
        with pytest.raises(LookupError):
            list(named_objects(template, {parameter: "x"}))
