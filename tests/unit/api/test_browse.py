"""What the routes about files answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bckcore.domain.access import Role
from tests.support.api_world import ApiWorld, api_world

T = 1_700_000_000_000_000_001
ODD = b"caf\xe9\n"


@pytest.fixture
def world(quick_dir: Path) -> Iterator[ApiWorld]:
    """Two points of docs: in the second, a is edited, d/x gone and n new."""
    with api_world(quick_dir) as made:
        made.prepare()
        made.application.storage.prepare()
        tree = next(iter(made.pcs.values())).source("/home/u/docs")
        for name in (b"a", b"d/x", ODD):
            tree.write(name, b"one", T)
        _back_up(made)
        tree.write(b"a", b"three", T + 1)
        tree.write(b"n", b"", T)
        tree.delete(b"d/x")
        _back_up(made)
        yield made


def _back_up(world: ApiWorld) -> None:

    world.clock.advance(60)
    world.start()
    world.carry_out()


def get(world: ApiWorld, route: str, **query: Any) -> Any:
    response = world.call("GET", f"/profiles/docs{route}", role=Role.VIEWER, params=query)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_folder_at_a_point(world: ApiWorld) -> None:
    assert [one["path"] for one in get(world, "/files")["items"]] == ["docs"]
    found = get(world, "/files", point="1", path="docs")
    assert [one["path"] for one in found["items"]] == ["docs/a", "docs/caf\\xe9\\n", "docs/d"]
    first = found["items"][0]
    assert (first["kind"], first["size"], first["mode"]) == ("file", 3, "0644")
    assert first["mtime"] == "2023-11-14T22:13:20.000000001Z"
    assert found["seq"] == 1
    page = get(world, "/files", point="1", path="/home/u/docs", limit=1)
    assert len(page["items"]) == 1
    rest = get(world, "/files", point="1", path="docs", after=page["next"])
    assert ([one["path"] for one in rest["items"]][-1], rest["next"]) == ("docs/d", None)


def test_versions_by_exact_bytes(world: ApiWorld) -> None:
    (odd,) = get(world, "/search", pattern="CAF")["items"]
    assert odd["path_bytes"] == "docs/caf%E9%0A"
    (version,) = get(world, "/versions", path_bytes=odd["path_bytes"])["items"]
    assert (version["standing"], version["until_seq"]) == ("live", None)
    points = [one["point"] for one in world.call("GET", "/profiles/docs/points").json()["items"]]
    assert [version["first_point"], version["last_point"]] == points
    versions = get(world, "/versions", path="docs/a")["items"]
    assert [one["standing"] for one in versions] == ["older", "live"]


def test_search_over_all_points(world: ApiWorld) -> None:
    found = {
        one["path"]: (one["standing"], one["versions"]) for one in get(world, "/search", pattern="?")["items"]
    }
    assert found == {
        "docs/a": ("live", 2),
        "docs/d": ("live", 1),
        "docs/d/x": ("gone", 1),
        "docs/n": ("live", 1),
    }
    assert get(world, "/search", pattern="A", case_sensitive=True)["items"] == []
    assert len(get(world, "/search", pattern="x", path="docs/d")["items"]) == 1
    assert get(world, "/search", pattern_bytes="%E9")["items"][0]["path_bytes"] == "docs/caf%E9%0A"


def test_differences_of_points_and_of_a_run(world: ApiWorld) -> None:
    wanted = [("docs/a", "changed"), ("docs/d/x", "gone"), ("docs/n", "added")]
    for query in ({"old": "1"}, {"old": "1", "new": "2"}, {"run": "2"}, {"run": "latest"}):
        found = get(world, "/diff", **query)
        assert [(one["path"], one["change"]) for one in found["items"]] == wanted
        assert found["counts"] == {"added": 1, "changed": 1, "gone": 1}
    first = get(world, "/diff", run="2", limit=1)
    assert [first["items"][0][side]["size"] for side in ("old", "new")] == [3, 5]
    second = get(world, "/diff", run="2", limit=2, after=first["next"])
    assert ([one["path"] for one in second["items"]], second["counts"]) == (["docs/d/x", "docs/n"], None)


def test_what_is_deleted(world: ApiWorld) -> None:
    (gone,) = get(world, "/deleted")["items"]
    points = world.call("GET", "/profiles/docs/points").json()["items"]
    assert (gone["path"], gone["standing"], gone["excluded"]) == ("docs/d/x", "gone", False)
    assert (gone["gone_run"], gone["last_point"]) == (points[1]["point"], points[0]["point"])
    assert get(world, "/deleted", since="2100-01-01")["items"] == []
    assert get(world, "/deleted", path="docs/d", since="2")["items"] == [gone]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/files?point=9", 404),
        ("/files?path=docs/never", 404),
        ("/files?path=docs/a", 422),
        ("/files?path=docs/../x", 422),
        ("/files?path=/etc", 422),
        ("/files?path=docs&path_bytes=docs", 422),
        ("/files?path_bytes=%25zz", 422),
        ("/files?path=docs/%00", 422),
        ("/files?limit=0", 422),
        ("/files?after=x", 422),
        ("/versions", 422),
        ("/versions?path=docs/never", 404),
        ("/versions?path=docs/a&after=x", 422),
        ("/search", 422),
        ("/search?pattern=/", 422),
        ("/diff", 422),
        ("/diff?old=1&run=1", 422),
        ("/diff?run=7", 404),
        ("/deleted?since=yesterday", 422),
        ("/deleted?path=nowhere", 422),
    ],
)
def test_wrong_requests_are_told(world: ApiWorld, path: str, status: int) -> None:
    response = world.call("GET", f"/profiles/docs{path}")
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    "route", ["files", "versions?path=docs", "search?pattern=a", "diff?run=1", "deleted"]
)
def test_unknown_profiles_are_told(world: ApiWorld, route: str) -> None:
    assert world.call("GET", f"/profiles/no/{route}").status_code == 404
