"""Schedules, freshness and signs of life over HTTP."""

from datetime import timedelta

import pytest

from bckcore.domain.access import Role
from bckcore.domain.ids import HostId
from bckcore.domain.job import JobStatus
from tests.support.api_world import PROFILE, ApiWorld

SCHEDULE = {
    "every": None,
    "cron": "0 2 * * mon-fri",
    "windows": ["mon-fri 01:00-06:00"],
    "blackouts": ["03:00-04:00"],
    "jitter": "30m",
    "only_on_mains": True,
    "only_unmetered": False,
    "only_idle": True,
}
PLAN = ["mon-fri 08:00-18:00=2M", "22:00-06:00=0"]


def later(world: ApiWorld, passed: timedelta) -> None:
    """Time passes, and everybody signs in anew."""
    world.clock.advance(passed.total_seconds())
    world.headers.clear()


@pytest.fixture
def prepared(world: ApiWorld) -> ApiWorld:
    world.prepare()
    return world


def test_a_profile_takes_a_schedule_keeps_what_is_left_out_and_drops_what_is_null(prepared: ApiWorld) -> None:
    timed = {"schedule": SCHEDULE, "bandwidth_plan": PLAN, "fresh_within": "3d"}
    saved = prepared.call("PUT", "/profiles/docs", json={**PROFILE, **timed})
    assert saved.status_code == 200, saved.text
    assert {name: saved.json()[name] for name in timed} == timed
    kept = prepared.call("PUT", "/profiles/docs", json={**PROFILE, "keep_last": 7}).json()
    assert {name: kept[name] for name in timed} == timed
    gone = prepared.call("PUT", "/profiles/docs", json={**PROFILE, **dict.fromkeys(timed)}).json()
    assert (gone["schedule"], gone["bandwidth_plan"], gone["fresh_within"]) == (None, [], None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schedule": {}},
        {"schedule": {"every": "4h", "cron": "0 2 * * *"}},
        {"schedule": {"cron": "0 0 31 2 *"}},
        {"schedule": {"every": "4h", "windows": ["8-20"]}},
        {"schedule": {"every": "4h", "colour": "red"}},
        {"bandwidth_plan": ["fast"]},
        {"fresh_within": "soon"},
    ],
)
def test_what_makes_no_sense_is_a_problem_document(prepared: ApiWorld, wrong: dict[str, object]) -> None:
    answer = prepared.call("PUT", "/profiles/docs", json={**PROFILE, **wrong})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert prepared.call("GET", "/profiles/docs").json()["schedule"] is None


def test_the_schedule_tells_what_is_due_and_why_and_the_health_how_fresh(prepared: ApiWorld) -> None:
    every = {"schedule": {"every": "4h", "only_on_mains": True}, "fresh_within": "1d"}
    prepared.call("PUT", "/profiles/docs", json={**PROFILE, **every})
    (one,) = prepared.call("GET", "/schedule", role=Role.VIEWER).json()["items"]
    assert (one["verdict"], one["health"], one["fresh"]) == ("start", "never", True)
    assert one["schedule"] == "every 4h, only on mains"
    told = prepared.call("POST", "/hosts/pc1/presence", role=Role.OPERATOR, json={"on_mains": False})
    assert told.status_code == 200
    assert (told.json()["idle"], told.json()["since"]) == (None, told.json()["at"])
    health = prepared.call("GET", "/profiles/docs/health", role=Role.VIEWER).json()
    assert (health["verdict"], health["until"]) == ("blocked", told.json()["expires"])
    assert health["presence"] == told.json()
    prepared.application.storage.prepare()
    prepared.pcs[HostId("pc1")].source("/home/u/docs")
    prepared.start()
    assert prepared.carry_out().status is JobStatus.SUCCEEDED
    later(prepared, timedelta(days=1, seconds=1))
    health = prepared.call("GET", "/profiles/docs/health").json()
    assert (health["health"], health["fresh"], health["presence"]) == ("stale", False, None)
    text = prepared.call("GET", "/metrics").text
    assert 'bck_profile_fresh{profile="docs",host="pc1"} 0\n' in text
    assert 'bck_profile_health{profile="docs",host="pc1",state="stale"} 1\n' in text
    assert 'bck_profile_health{profile="docs",host="pc1",state="ok"} 0\n' in text
    assert 'bck_profile_offline{profile="docs",host="pc1"} 0\n' in text
    assert 'bck_due_since_seconds{profile="docs",host="pc1"} 72001\n' in text


def test_without_a_schedule_or_an_objective_nothing_is_claimed(prepared: ApiWorld) -> None:
    health = prepared.call("GET", "/profiles/docs/health").json()
    assert (health["verdict"], health["due"], health["fresh"], health["schedule"]) == (
        "off",
        None,
        None,
        None,
    )
    assert "bck_profile_fresh{" not in prepared.call("GET", "/metrics").text


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/hosts/nope/presence", {}, 404),
        ("/hosts/pc1/presence", {"minutes": 0}, 422),
        ("/hosts/pc1/presence", {"minutes": 121}, 422),
        ("/hosts/pc1/presence", {"mood": "good"}, 422),
    ],
)
def test_a_sign_of_life_that_makes_no_sense_is_refused(
    prepared: ApiWorld, path: str, body: dict[str, object], status: int
) -> None:
    assert prepared.call("POST", path, json=body).status_code == status


def test_signs_that_follow_one_another_are_one_row_and_a_gap_or_sleep_ends_it(prepared: ApiWorld) -> None:
    def sign(**body: object) -> dict[str, str]:
        answer: dict[str, str] = prepared.call("POST", "/hosts/pc1/presence", json=body).json()
        return answer

    first = sign()
    later(prepared, timedelta(seconds=300))
    assert sign()["since"] == first["at"]
    later(prepared, timedelta(seconds=601))
    after_gap = sign()
    assert after_gap["since"] == after_gap["at"]
    sign(awake=False)
    prepared.clock.advance(60)
    awake = sign()
    assert awake["since"] == awake["at"]


def test_a_health_of_nobody_is_not_found(prepared: ApiWorld) -> None:
    assert prepared.call("GET", "/profiles/nope/health").status_code == 404
