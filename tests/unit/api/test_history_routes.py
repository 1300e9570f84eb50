"""Undo, accept and forget over HTTP: who may, what is answered, what is refused."""

from typing import Any

import pytest

from bckcore.domain.access import Role
from bckcore.domain.ids import HostId
from tests.support.api_world import ApiWorld
from tests.support.house import RecordingWatcher

T = 1_700_000_000_000_000_000
PROFILE = "/profiles/docs"


def carried_out(world: ApiWorld, answer: Any) -> Any:
    """The job that was just asked for, done; as the API then shows it."""
    assert answer.status_code == 202, answer.text
    claim = world.claim()
    assert claim.job.id == answer.json()["job"]["job_id"]
    status, result = world.application.worker.carry_out(claim, RecordingWatcher())
    world.application.queue.finish(claim, status, result)
    return world.call("GET", f"/backup/status/{claim.job.id}").json()


def back_up(world: ApiWorld) -> Any:
    return carried_out(world, world.call("POST", "/backup/start", json={"profile": "docs"}))


def seqs(world: ApiWorld) -> list[int]:
    return [point["seq"] for point in world.call("GET", f"{PROFILE}/points").json()["items"]]


@pytest.fixture
def docs(world: ApiWorld) -> Any:
    """A profile with two points: ``a`` changed, ``gone`` vanished, ``secret`` came."""
    world.application.storage.prepare()
    world.prepare()
    tree = world.pcs[HostId("pc1")].source("/home/u/docs")
    tree.write(b"a", b"good", T)
    tree.write(b"gone", b"good", T)
    back_up(world)
    tree.write(b"a", b"evil", T + 1)
    tree.write(b"secret", b"secret", T)
    tree.delete(b"gone")
    back_up(world)
    return tree


def test_a_run_is_looked_at_and_undone(world: ApiWorld, docs: Any) -> None:
    body = {"run": "2", "reason": "malware"}
    plan = world.call("POST", f"{PROFILE}/undo/plan", json=body, role=Role.OPERATOR).json()
    assert (plan["goal"]["seq"], plan["undone"], plan["changes"]) == (1, [2], len(plan["items"]))
    assert {item["path"]: item["op"] for item in plan["items"] if item["kind"] == "f"} == {
        "docs/a": "M",
        "docs/gone": "+",
        "docs/secret": "-",
    }
    job = carried_out(world, world.call("POST", f"{PROFILE}/undo", json=body, role=Role.OPERATOR))
    assert (job["kind"], job["status"], job["result"]["seq"]) == ("undo", "succeeded", 3)
    assert seqs(world) == [1, 2, 3]
    runs = world.call("GET", f"{PROFILE}/runs", role=Role.VIEWER).json()
    assert [(run["seq"], run["kind"]) for run in runs["items"]] == [(1, "backup"), (2, "backup"), (3, "undo")]
    first = world.call("GET", f"{PROFILE}/runs?limit=1&after=1").json()
    assert ([run["seq"] for run in first["items"]], first["next"]) == ([2], "2")


def test_a_suspect_run_is_looked_at_and_accepted(world: ApiWorld, docs: Any) -> None:
    docs.delete(b"a")
    docs.delete(b"secret")
    assert back_up(world)["status"] == "suspect"
    body = {"reason": "meant"}
    plan = world.call("POST", f"{PROFILE}/accept/plan", json=body, role=Role.OPERATOR).json()
    assert (plan["run"]["seq"], [item["path"] for item in plan["items"]]) == (3, ["docs/a", "docs/secret"])
    job = carried_out(world, world.call("POST", f"{PROFILE}/accept", json=body, role=Role.OPERATOR))
    assert (job["kind"], job["status"], job["result"]["counts"]["gone"]) == ("accept", "succeeded", 2)


def test_a_path_is_looked_at_and_forgotten(world: ApiWorld, docs: Any) -> None:
    asked = {"path": "docs/secret"}
    plan = world.call("POST", f"{PROFILE}/forget/plan", json=asked).json()
    assert (plan["files"], plan["points"], plan["exclude_rule"]) == (1, [2], "/secret")
    exact = world.call("POST", f"{PROFILE}/forget/plan", json={"path_bytes": "docs/%73ecret"}).json()
    assert exact == plan
    job = carried_out(world, world.call("POST", f"{PROFILE}/forget", json={**asked, "reason": "a court"}))
    assert (job["kind"], job["status"], job["result"]) == ("forget", "succeeded", plan)
    assert world.call("POST", f"{PROFILE}/forget/plan", json=asked).status_code == 404


@pytest.mark.parametrize(
    ("route", "body", "role"),
    [
        ("undo", {"run": "2"}, Role.VIEWER),
        ("undo/plan", {"run": "2"}, Role.VIEWER),
        ("accept", {"reason": "x"}, Role.VIEWER),
        ("accept/plan", {"reason": "x"}, Role.VIEWER),
        ("forget", {"path": "docs/a", "reason": "x"}, Role.OPERATOR),
        ("forget/plan", {"path": "docs/a"}, Role.OPERATOR),
    ],
)
def test_who_may_not_is_refused(
    world: ApiWorld, docs: Any, route: str, body: dict[str, str], role: Role
) -> None:
    answer = world.call("POST", f"{PROFILE}/{route}", json=body, role=role)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:bck:access-denied")


@pytest.mark.parametrize(
    ("route", "body", "status"),
    [
        ("undo", {"run": "1"}, 409),
        ("undo", {"run": "7"}, 404),
        ("undo", {}, 422),
        ("undo", {"run": "2", "to": "1"}, 422),
        ("undo", {"run": "2", "reason": "two\nlines"}, 422),
        ("accept", {"reason": "x"}, 409),
        ("accept", {"reason": " "}, 422),
        ("accept", {}, 422),
        ("forget", {"path": "docs/a"}, 422),
        ("forget", {"path": "docs/a", "reason": ""}, 422),
        ("forget", {"path": "docs/../a", "reason": "x"}, 422),
        ("forget", {"path": "docs/none", "reason": "x"}, 404),
        ("forget", {"path": "docs", "reason": "x"}, 403),
        ("forget", {"path": "docs/a", "path_bytes": "docs/a", "reason": "x"}, 422),
    ],
)
def test_what_makes_no_sense_is_refused_and_starts_nothing(
    world: ApiWorld, docs: Any, route: str, body: dict[str, str], status: int
) -> None:
    assert world.call("POST", f"{PROFILE}/{route}", json=body).status_code == status
    assert world.application.queue.claim("test", lease_seconds=60) is None


def test_an_unknown_profile_is_not_found(world: ApiWorld) -> None:
    for route, body in (("undo", {"run": "1"}), ("accept", {"reason": "x"}), ("forget/plan", {"path": "x"})):
        assert world.call("POST", f"/profiles/none/{route}", json=body).status_code == 404
    assert world.call("GET", "/profiles/none/runs").status_code == 404
