"""Every route of the API, and addresses of things that are there."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.routing import APIRoute

from bck_apps.api.main import ROUTES


def every_route() -> list[tuple[str, str]]:
    """Method and template of each."""
    routes = [route for module in ROUTES for route in module.router.routes if isinstance(route, APIRoute)]
    return [(method, route.path) for route in routes for method in sorted(route.methods or ())]


def named(template: str, names: Mapping[str, str]) -> str:
    """The address of a route with somebody's names in it."""
    address = template.replace("/hosts/{name}", f"/hosts/{names['host']}")
    address = address.replace("/profiles/{name}", f"/profiles/{names['profile']}")
    address = address.replace("{point}", "latest").replace("/runs/{run}", f"/runs/{names['run_id']}")
    address = address.replace("{job_id}", names["job_id"]).replace("{run_id}", names["run_id"])
    assert "{" not in address, template
    return address
