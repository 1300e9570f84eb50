"""Before there is an account: nothing is shown, and no pair of name and password lets anybody in."""

from __future__ import annotations

from pathlib import Path

from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from bck_adapters.memory import SettableClock
from bck_apps.api import create_app
from bck_apps.api.deps import OPEN
from bck_apps.api.main import ROUTES
from tests.support.api_world import memory_application

USUAL = [(name, word) for name in ("admin", "root", "bck", "") for word in ("", "admin", "password", "bck")]


def test_without_an_account_every_route_is_closed(tmp_path: Path) -> None:
    with memory_application(tmp_path, SettableClock(), {}, roles=()) as application:
        assert list(application.access.users()) == []
        with TestClient(create_app(application), raise_server_exceptions=False) as client:
            closed = 0
            for route in (one for module in ROUTES for one in module.router.routes):
                assert isinstance(route, APIRoute)
                for method in route.methods or ():
                    if not (route.openapi_extra or {}).get(OPEN):
                        assert client.request(method, route.path, json={}).status_code == 401, route.path
                        closed += 1
            assert closed > 50
            for name, password in USUAL:
                answer = client.post("/auth/login", json={"name": name, "password": password})
                assert answer.status_code in {401, 429}, (name, password)
            assert client.get("/health").json().keys() == {"status", "version"}
