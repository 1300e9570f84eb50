"""Limits and headers around every request."""

import asyncio
import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from bck_apps.api import middleware
from bckcore.domain.access import Role
from tests.support.api_world import ApiWorld


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/hosts", "/openapi.json"])
def test_every_answer_has_the_safe_headers(world: ApiWorld, path: str) -> None:
    headers = world.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["strict-transport-security"].startswith("max-age=")
    assert "default-src 'none'" in headers["content-security-policy"]


def test_a_body_above_the_limit_is_refused_also_without_length(world: ApiWorld) -> None:
    large = b" " * (middleware.LARGEST_BODY + 1)
    for content in (large, iter([large[:1000], large[1000:]])):
        response = world.client.post("/auth/login", content=content)
        assert response.status_code == 413
        assert response.headers["content-type"] == "application/problem+json"


def test_a_body_at_the_limit_is_read_whole(world: ApiWorld) -> None:
    start = json.dumps({"name": "admin", "password": "wrong password"}).encode()
    content = start + b" " * (middleware.LARGEST_BODY - len(start))
    response = world.client.post("/auth/login", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 401


def test_a_body_that_never_ends_is_answered_all_the_same() -> None:
    told: list[Message] = []

    async def drip() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def tell(message: Message) -> None:
        told.append(message)

    async def unreachable(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError("it has no whole body")

    scope = {"type": "http", "method": "POST", "path": "/auth/login", "headers": []}
    asyncio.run(middleware.BodyLimit(unreachable, seconds=0.05)(scope, drip, tell))
    assert told[0]["status"] == 408
    assert (b"connection", b"close") in told[0]["headers"]
    assert json.loads(told[1]["body"])["type"] == "urn:bck:request-timeout"


def test_there_are_no_pages_that_load_scripts_from_elsewhere(world: ApiWorld) -> None:
    assert world.client.get("/docs").status_code == 404
    assert world.client.get("/redoc").status_code == 404


def test_the_access_line_has_who_and_what_but_no_query(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, object]] = []
    monkeypatch.setattr(
        middleware.log, "info", lambda _message, **fields: lines.append(fields), raising=False
    )
    world.call("GET", "/jobs?limit=5", role=Role.VIEWER)
    line = lines[-1]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/jobs", 200)
    assert line["principal"] == "viewer"
