"""Retention over HTTP: rules in profiles, the plan of a prune, holds."""

from datetime import timedelta
from typing import Any

import pytest

from bckcore.domain.access import Role
from bckcore.domain.retention import RetentionPolicy
from tests.support.api_world import PROFILE, ApiWorld

RULES = {"keep_hourly": 24, "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 12, "keep_yearly": 3}
REST = {"min_age": "2d", "time_zone": "Europe/Rome"}
HOLDS = "/profiles/docs/holds"


def test_profiles_without_rules_get_those_of_the_product(world: ApiWorld) -> None:
    world.prepare()
    profile = world.call("GET", "/profiles/docs").json()
    assert {name: profile[name] for name in RULES} == dict.fromkeys(RULES, 0)
    assert (profile["min_age"], profile["time_zone"]) == ("1d", "UTC")


def test_rules_are_saved_and_a_caller_that_does_not_know_them_leaves_them_alone(world: ApiWorld) -> None:
    world.prepare()
    saved = world.call("PUT", "/profiles/docs", json={**PROFILE, **RULES, **REST})
    assert saved.status_code == 200, saved.text
    old = world.call("PUT", "/profiles/docs", json={**PROFILE, "keep_last": 3}).json()
    assert old["keep_last"] == 3
    assert {name: old[name] for name in (*RULES, *REST)} == {**RULES, **REST}
    off = world.call("PUT", "/profiles/docs", json={**PROFILE, "keep_daily": 0}).json()
    assert (off["keep_daily"], off["keep_weekly"]) == (0, 4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep_daily": -1},
        {"keep_yearly": 10**30},
        {"keep_hourly": "many"},
        {"min_age": "soon"},
        {"min_age": "-1d"},
        {"time_zone": "Europe/Atlantis"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "x" * 65},
    ],
)
def test_rules_that_make_no_sense_are_refused(world: ApiWorld, wrong: dict[str, Any]) -> None:
    world.prepare()
    for method, path, body in (
        ("POST", "/profiles", {**PROFILE, "name": "new"}),
        ("PUT", "/profiles/docs", PROFILE),
    ):
        response = world.call(method, path, json={**body, **wrong})
        assert response.status_code == 422, response.text
    assert world.call("GET", "/profiles/new").status_code == 404


def strict(world: ApiWorld) -> None:
    """Two old points of docs and one that stays, and a policy that keeps only the newest."""
    world.prepare()
    world.application.storage.prepare()
    for seq in (1, 2, 3):
        world.add_point(seq)
        world.clock.advance(3600)
    world.clock.advance(timedelta(days=3).total_seconds())
    world.headers.clear()  # nobody stays signed in that long
    body = {**PROFILE, "keep_last": 1, "keep_within": "0s"}
    assert world.call("PUT", "/profiles/docs", json=body).status_code == 200


def test_the_plan_says_what_would_go_why_and_what_comes_free(world: ApiWorld) -> None:
    strict(world)
    plan = world.call("GET", "/profiles/docs/retention", role=Role.VIEWER).json()
    assert [(one["seq"], one["keep"]) for one in plan["items"]] == [(1, False), (2, False), (3, True)]
    assert plan["items"][0]["reasons"] == ["older than 1d", "not among the last 1 good points"]
    assert (plan["forgotten"], plan["bytes_freed"], plan["next"]) == (2, 0, None)
    assert len(world.call("GET", "/profiles/docs/points").json()["items"]) == 3


def test_a_point_is_held_listed_and_released(world: ApiWorld) -> None:
    strict(world)
    expires = (world.clock.now() + timedelta(days=9)).isoformat()
    answer = world.call("POST", HOLDS, json={"point": "2", "reason": "audit", "expires": expires})
    assert answer.status_code == 201, answer.text
    held = answer.json()
    assert (held["seq"], held["reason"], held["owner"], held["active"]) == (2, "audit", "admin", True)
    assert world.call("GET", HOLDS, role=Role.VIEWER).json() == {"items": [held], "next": None}
    items = world.call("GET", "/profiles/docs/retention").json()["items"]
    assert [one["keep"] for one in items] == [False, True, True]
    assert items[1]["reasons"][0].startswith("held by admin until ")
    again = world.call("POST", HOLDS, json={"point": "2", "reason": "another"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:bck:conflict")
    released = world.call("DELETE", f"{HOLDS}/{held['point']}")
    assert (released.status_code, released.json()) == (200, held)
    assert world.call("DELETE", f"{HOLDS}/{held['point']}").status_code == 404
    assert world.call("GET", HOLDS).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"point": "99", "reason": "why"}, 404),
        ({"point": "2"}, 422),
        ({"reason": "why"}, 422),
        ({"point": "2", "reason": " "}, 422),
        ({"point": "2", "reason": "two\nlines"}, 422),
        ({"point": "2", "reason": "x" * 1001}, 422),
        ({"point": "2", "reason": "why", "expires": "2001-01-01T00:00:00Z"}, 422),
        ({"point": "2", "reason": "why", "expires": "2301-01-01T00:00:00"}, 422),
        ({"point": "2", "reason": "why", "expires": "9999-12-31T23:59:59-12:00"}, 422),
        ({"point": "2", "reason": "why", "expires": "0001-01-01T00:00:00+12:00"}, 422),
        ({"point": "2", "reason": "why", "owner": "somebody else"}, 422),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(world: ApiWorld, body: dict[str, Any], status: int) -> None:
    strict(world)
    response = world.call("POST", HOLDS, json=body)
    assert response.status_code == status, response.text
    assert world.call("GET", HOLDS).json()["items"] == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_only_administrators_hold_and_release(world: ApiWorld, role: Role) -> None:
    strict(world)
    assert world.call("POST", HOLDS, role=role, json={"point": "2", "reason": "why"}).status_code == 403
    world.call("POST", HOLDS, json={"point": "2", "reason": "why"})
    assert world.call("DELETE", f"{HOLDS}/2", role=role).status_code == 403
    assert len(world.call("GET", HOLDS).json()["items"]) == 1


def test_holds_of_nobody_are_not_found(world: ApiWorld) -> None:
    for method, path in (("GET", ""), ("DELETE", "/1")):
        assert world.call(method, f"/profiles/nobody/holds{path}").status_code == 404
    body = {"point": "1", "reason": "why"}
    assert world.call("POST", "/profiles/nobody/holds", json=body).status_code == 404


def test_the_defaults_of_a_body_are_those_of_the_policy() -> None:
    assert set(RULES) == {f"keep_{rule}" for rule in RetentionPolicy().by_calendar}
