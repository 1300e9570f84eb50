"""What the route about one run answers, and how a folder marks what the run could not read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bckcore.domain.access import Role
from tests.support.api_world import ApiWorld, api_world

T = 1_700_000_000_000_000_001


@pytest.fixture
def world(quick_dir: Path) -> Iterator[ApiWorld]:
    """Two runs; the second may not read one file any more, and finds a new one."""
    with api_world(quick_dir) as made:
        made.prepare()
        made.application.storage.prepare()
        tree = next(iter(made.pcs.values())).source("/home/u/docs")
        tree.write(b"caf\xe9", b"one", T)
        _back_up(made)
        tree.write(b"caf\xe9", b"newer", T + 1, 0o000)
        tree.write(b"n", b"", T)
        _back_up(made)
        yield made


def _back_up(world: ApiWorld) -> None:
    world.clock.advance(60)
    world.start()
    world.carry_out()


def get(world: ApiWorld, route: str, status: int = 200, **query: Any) -> Any:
    response = world.call("GET", f"/profiles/docs{route}", role=Role.VIEWER, params=query)
    assert response.status_code == status, response.text
    return response.json()


def test_a_run_with_its_problems(world: ApiWorld) -> None:
    found = get(world, "/runs/2")
    assert (found["seq"], found["outcome"], found["problems"]) == (2, "partial", 1)
    (problem,) = found["items"]
    assert "Permission denied" in problem["message"]
    assert problem == {
        "message": problem["message"],
        "problem": "unreadable",
        "source": "docs",
        "path": "docs/caf\\xe9",
        "path_bytes": "docs/caf%E9",
        "reason": "no-permission",
        "cause": problem["cause"],
        "advice": problem["advice"],
    }
    assert "may not read it" in problem["cause"]
    assert get(world, "/runs/latest") == get(world, f"/runs/{found['run_id']}") == found
    assert get(world, "/runs/1")["items"] == []


@pytest.mark.parametrize("wanted", ["0", "9", "nothing", "-1"])
def test_an_unknown_run_is_refused(world: ApiWorld, wanted: str) -> None:
    get(world, f"/runs/{wanted}", 404)


def test_a_folder_marks_what_an_earlier_run_saw(world: ApiWorld) -> None:
    found = get(world, "/files", path="docs")
    assert [(one["path"], one["stale"]) for one in found["items"]] == [
        ("docs/caf\\xe9", True),
        ("docs/n", False),
    ]
    assert found["unnamed_problems"] == 0


def test_problems_of_a_run_come_by_its_id_with_cause_and_advice(world: ApiWorld) -> None:
    account = get(world, "/runs/2")
    route = f"/runs/{account['run_id']}/problems"
    found = world.call("GET", route, role=Role.VIEWER).json()
    assert found["items"] == account["items"]
    assert (found["run_id"], found["profile"], found["total"], found["kept"]) == (
        account["run_id"],
        "docs",
        1,
        1,
    )
    (reason,) = found["reasons"]
    assert (reason["reason"], reason["count"]) == ("no-permission", 1)
    assert found["next"] is None
    assert world.call("GET", route, params={"after": 1}).json()["items"] == []
    assert world.call("GET", route, params={"reason": "in-use"}).json()["items"] == []
    assert world.call("GET", route, params={"reason": "odd"}).status_code == 422
    assert world.call("GET", route, params={"limit": 0}).status_code == 422


def test_problems_of_a_run_that_is_not_there_are_not_found(world: ApiWorld) -> None:
    answer = world.call("GET", "/runs/nothing/problems")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:bck:not-found")
    assert world.client.get("/runs/nothing/problems").status_code == 401
