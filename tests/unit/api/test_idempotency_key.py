"""An Idempotency-Key stands for one request, whatever becomes of the world."""

from collections.abc import Mapping
from typing import Any

import pytest

from bckcore.domain.ids import HostId, JobId
from tests.support.api_world import PROFILE, ApiWorld

T = 1_700_000_000_000_000_000
KEY = {"Idempotency-Key": "k"}
DOCS = {"profile": "docs"}
HISTORY = "/profiles/{name}"
REQUESTS: Mapping[str, list[Mapping[str, Any]]] = {
    "/backup/start": [DOCS, {**DOCS, "accept_missing": True}],
    "/backup/preview": [DOCS],
    "/check/start": [{**DOCS, "against_host": True}],
    "/restore/start": [
        {**DOCS, "point": "latest", "to": "/srv/restored", "paths": ["docs/a"]},
        {**DOCS, "point": "latest", "to_host": True, "host_dir": "/home/u/back"},
    ],
    f"{HISTORY}/undo": [{"run": "latest", "reason": "malware"}, {"to": "1"}],
    f"{HISTORY}/accept": [{"reason": "meant"}],
    f"{HISTORY}/forget": [{"path": "docs/secret", "reason": "a court"}],
}
"""For every route that takes the header: requests that can be carried out in the world below."""
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "/backup/start": {"profile": "other"},
    "/backup/preview": {"profile": "other"},
    "/check/start": {**DOCS, "sample": 5},
    "/restore/start": {**DOCS, "point": "1", "to": "/srv/elsewhere"},
    f"{HISTORY}/undo": {"run": "1"},
    f"{HISTORY}/accept": {"reason": "something else"},
    f"{HISTORY}/forget": {"path": "docs/none", "reason": "a court"},
}
"""Another request of each, which could not even be carried out."""
CASES = [(route, body) for route, bodies in REQUESTS.items() for body in bodies]


def taking_the_header(world: ApiWorld) -> set[str]:
    document = world.client.get("/openapi.json").json()
    return {
        path
        for path, item in document["paths"].items()
        for operation in item.values()
        if any(one["name"].lower() == "idempotency-key" for one in operation.get("parameters", []))
    }


def ask(world: ApiWorld, route: str, body: Mapping[str, Any], key: Mapping[str, str] = KEY) -> Any:
    return world.call("POST", route.replace("{name}", "docs"), json=body, headers=key)


def back_up(world: ApiWorld) -> str:
    ask(world, "/backup/start", DOCS, {})
    return world.carry_out().status.value


def a_world_where_all_can_be_done(world: ApiWorld) -> Any:
    """Three points, then a suspect run: what was there is all gone but for one file."""
    world.application.storage.prepare()
    world.prepare()
    tree = world.pcs[HostId("pc1")].source("/home/u/docs")
    tree.write(b"a", b"good", T)
    tree.write(b"secret", b"secret", T)
    back_up(world)
    tree.write(b"a", b"evil", T + 1)
    back_up(world)
    return tree


def test_every_route_that_takes_the_header_is_tried_here(world: ApiWorld) -> None:
    assert taking_the_header(world) == set(REQUESTS) == set(OTHERS)


@pytest.mark.parametrize(("route", "body"), CASES, ids=lambda one: str(one).replace("/", "-"))
def test_the_same_request_gives_the_same_job_whatever_has_become_of_the_world(
    world: ApiWorld, route: str, body: Mapping[str, Any]
) -> None:
    tree = a_world_where_all_can_be_done(world)
    if route.endswith("/accept"):
        tree.delete(b"a")
        tree.delete(b"secret")
        assert back_up(world) == "suspect"
    first = ask(world, route, body)
    assert first.status_code == 202, first.text
    job = first.json()["job"]["job_id"]
    world.carry_out()

    def the_same_job_answers() -> None:
        again = ask(world, route, body)
        assert again.status_code == 202, again.text
        assert (again.json()["job"]["job_id"], again.json()["created"]) == (job, False)
        other = ask(world, route, OTHERS[route])
        assert (other.status_code, job in other.text) == (409, True), other.text

    the_same_job_answers()
    tree.write(b"a", b"newer", T + 2)
    back_up(world)  # what "latest" means by now
    the_same_job_answers()
    assert world.call("PUT", "/profiles/docs", json={**PROFILE, "enabled": False}).status_code == 200
    assert world.call("PUT", "/hosts/pc1", json={"allow": ["/home/u/docs"]}).status_code == 200
    the_same_job_answers()
    assert world.call("DELETE", "/profiles/docs").status_code == 200
    assert ask(world, route, body, {}).status_code == 404
    the_same_job_answers()


def test_it_answers_although_another_job_would_stand_in_the_way_now(world: ApiWorld) -> None:
    a_world_where_all_can_be_done(world)
    body = {**DOCS, "accept_missing": True}
    job = ask(world, "/backup/start", body).json()["job"]["job_id"]
    world.carry_out()
    ask(world, "/backup/start", DOCS, {})  # a plain one waits
    assert ask(world, "/backup/start", body, {}).status_code == 409
    assert ask(world, "/backup/start", body).json()["job"]["job_id"] == job


def test_the_same_request_sent_with_another_password_is_the_same_also_when_none_is_taken_any_more(
    world: ApiWorld,
) -> None:
    world.prepare()
    host = {"login": "password"}
    assert world.call("PUT", "/hosts/pc1", json=host).status_code == 200
    job = ask(world, "/backup/start", {**DOCS, "password": "one"}).json()["job"]["job_id"]
    assert world.call("PUT", "/hosts/pc1", json={"login": "key"}).status_code == 200
    again = ask(world, "/backup/start", {**DOCS, "password": "two"}).json()
    assert (again["job"]["job_id"], again["password_dropped"]) == (job, True)


def test_a_key_that_stands_for_another_request_is_a_conflict(world: ApiWorld) -> None:
    world.prepare()
    world.call("POST", "/profiles", json={**PROFILE, "name": "pictures"})
    first = ask(world, "/backup/start", DOCS).json()["job"]
    other = ask(world, "/backup/start", {"profile": "pictures"})
    assert (other.status_code, other.headers["content-type"]) == (409, "application/problem+json")
    problem = other.json()
    assert problem["type"] == "urn:bck:conflict"
    assert first["job_id"] in problem["detail"]
    assert "backup of pictures was not started" in problem["meaning"]
    assert "new key" in problem["advice"]
    assert world.application.queue.get(JobId(first["job_id"])).status.value == "queued"
    assert [job["job_id"] for job in world.call("GET", "/jobs").json()["items"]] == [first["job_id"]]
