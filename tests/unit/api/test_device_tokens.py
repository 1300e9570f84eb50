"""A device token starts and watches backups of one PC, and does nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute

from bck_apps.api.main import ROUTES
from bckcore.domain.access import Role
from bckcore.services.device_starts import asked_by_device
from bckcore.services.device_tokens import PREFIX
from tests.support.api_world import ApiWorld

ALLOWED = {
    ("POST", "/backup/start"),
    ("POST", "/hosts/{name}/presence"),
    ("GET", "/backup/status/{job_id}"),
    ("GET", "/backup/log/{job_id}"),
    ("GET", "/backup/events/{job_id}"),
    ("GET", "/restore/status/{job_id}"),
    ("GET", "/restore/log/{job_id}"),
    ("GET", "/restore/events/{job_id}"),
}
"""Of the last three it sees backups of its own PC only, as of the others."""
OPEN = {"/auth/login", "/auth/refresh", "/health", "/health/ready", "/ca.pem", "/enrol"}


@pytest.fixture
def prepared(world: ApiWorld) -> ApiWorld:
    world.prepare()
    other = {"name": "pc2", "transport": "memory", "allow": ["/home/v"]}
    assert world.call("POST", "/hosts", json=other).status_code == 201
    plan = {"name": "theirs", "host": "pc2", "sources": [{"path": "/home/v/x"}]}
    assert world.call("POST", "/profiles", json=plan).status_code == 201
    return world


def made(world: ApiWorld, **fields: Any) -> dict[str, Any]:
    answer = world.call("POST", "/auth/tokens", json={"host": "pc1", "name": "laptop", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def call(world: ApiWorld, token: str, method: str, path: str, **kwargs: Any) -> Any:
    return world.client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **kwargs)


def test_it_starts_a_backup_of_its_pc_and_follows_it(prepared: ApiWorld) -> None:
    token = made(prepared)["token"]
    assert token.startswith(PREFIX)
    started = call(prepared, token, "POST", "/backup/start", json={"profile": "docs"})
    assert started.status_code == 202
    job = started.json()["job"]
    assert job["requested_by"] == "laptop (device of pc1)"
    claim = prepared.application.queue.claim("test", lease_seconds=60)
    assert claim is not None
    assert claim.job.payload == asked_by_device(True)
    for path in ("status", "log"):
        assert call(prepared, token, "GET", f"/backup/{path}/{job['job_id']}").status_code == 200


def test_every_other_route_is_closed_to_it(prepared: ApiWorld) -> None:
    token = made(prepared)["token"]
    closed = 0
    for module in ROUTES:
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods or ():
                if (method, route.path) in ALLOWED or route.path in OPEN:
                    continue
                path = route.path.replace("/hosts/{name}", "/hosts/pc1").replace("{name}", "docs")
                answer = call(prepared, token, method, path, json={})
                assert answer.status_code == 403, (method, route.path, answer.text)
                closed += 1
    assert closed > 40


def test_another_pc_is_not_there_for_it(prepared: ApiWorld) -> None:
    token = made(prepared)["token"]
    theirs = prepared.call("POST", "/backup/start", json={"profile": "theirs"}).json()["job"]["job_id"]
    assert call(prepared, token, "POST", "/backup/start", json={"profile": "theirs"}).status_code == 404
    for path in ("/backup/status", "/backup/log", "/backup/events"):
        assert call(prepared, token, "GET", f"{path}/{theirs}").status_code == 404
    assert call(prepared, token, "POST", "/hosts/pc1/presence", json={"idle": True}).status_code == 200
    assert call(prepared, token, "POST", "/hosts/pc2/presence", json={"idle": True}).status_code == 404


def test_of_its_pc_it_sees_backups_only(prepared: ApiWorld) -> None:
    token = made(prepared)["token"]
    check = prepared.call("POST", "/check/start", json={"profile": "docs"}).json()["job"]["job_id"]
    assert call(prepared, token, "GET", f"/backup/status/{check}").status_code == 404


def test_accepting_that_files_are_missing_is_for_people(prepared: ApiWorld) -> None:
    body = {"profile": "docs", "accept_missing": True}
    assert call(prepared, made(prepared)["token"], "POST", "/backup/start", json=body).status_code == 403


@pytest.mark.parametrize(("scope", "may"), [("start", (202, 403)), ("watch", (403, 200))])
def test_its_scope_is_all_it_may(prepared: ApiWorld, scope: str, may: tuple[int, int]) -> None:
    token = made(prepared, scopes=[scope])["token"]
    started = call(prepared, token, "POST", "/backup/start", json={"profile": "docs"})
    job = prepared.start()
    watched = call(prepared, token, "GET", f"/backup/status/{job}")
    assert (started.status_code, watched.status_code) == may


def test_it_is_over_when_it_expires_is_revoked_or_its_pc_is_gone(prepared: ApiWorld) -> None:
    short, revoked, third = made(prepared, days=1), made(prepared, days=2), made(prepared, days=2)
    prepared.clock.advance(86_400)
    prepared.headers.clear()
    answer = prepared.call("DELETE", f"/auth/tokens/{revoked['token_id']}", role=Role.OPERATOR)
    assert answer.json()["revoked"] is not None
    job = prepared.start()
    found = [
        call(prepared, one["token"], "GET", f"/backup/status/{job}").status_code
        for one in (short, revoked, third)
    ]
    assert found == [401, 401, 200]
    prepared.application.queue.request_cancel(job)  # type: ignore[arg-type]  # its text is its id
    assert prepared.call("DELETE", "/profiles/docs").status_code == 200
    assert prepared.call("DELETE", "/hosts/pc1").status_code == 204
    assert call(prepared, third["token"], "GET", f"/backup/status/{job}").status_code == 401
    taken_over = {"name": "pc1", "transport": "memory", "allow": ["/home/u"], "take_over_history": True}
    assert prepared.call("POST", "/hosts", json=taken_over).status_code == 201  # another PC, the same name
    again = call(prepared, third["token"], "POST", "/backup/start", json={"profile": "docs"})
    assert again.status_code == 401


def test_it_is_shown_once_and_kept_as_a_digest(prepared: ApiWorld) -> None:
    token = made(prepared)["token"]
    listed = prepared.call("GET", "/auth/tokens")
    assert token not in listed.text
    assert [one["name"] for one in listed.json()["items"]] == ["laptop"]
    with prepared.application.units(read_only=True) as uow:
        assert token not in repr(uow.device_tokens.list())


def test_an_owner_sees_and_revokes_tokens_of_the_own_pcs_only(prepared: ApiWorld) -> None:
    mine, theirs = made(prepared), made(prepared, host="pc2", name="vermilion")
    assert prepared.call("PUT", "/hosts/pc1", json={"owners": ["owner"]}).status_code == 200
    listed = prepared.call("GET", "/auth/tokens", role=Role.OWNER).json()["items"]
    assert [one["token_id"] for one in listed] == [mine["token_id"]]
    codes = [
        prepared.call("DELETE", f"/auth/tokens/{one}", role=Role.OWNER).status_code
        for one in (theirs["token_id"], "absent", mine["token_id"])
    ]
    assert codes == [404, 404, 200]


@pytest.mark.parametrize(
    "fields", [{"host": "absent"}, {"scopes": []}, {"scopes": ["admin"]}, {"days": 0}, {"name": "a\nb"}]
)
def test_what_cannot_be_a_token_is_refused(prepared: ApiWorld, fields: dict[str, Any]) -> None:
    body = {"host": "pc1", "name": "laptop", **fields}
    assert prepared.call("POST", "/auth/tokens", json=body).status_code in {404, 422}
