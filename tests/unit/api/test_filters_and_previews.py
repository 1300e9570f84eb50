"""Presets, filters of a profile and previews over HTTP."""

import pytest

from bckcore.domain.access import Role
from bckcore.domain.job import JobStatus
from tests.support.api_world import PROFILE, ApiWorld


@pytest.fixture
def prepared(world: ApiWorld) -> ApiWorld:
    world.prepare()
    return world


def test_presets_are_listed_with_their_rules(prepared: ApiWorld) -> None:
    items = prepared.call("GET", "/filters/presets", role=Role.VIEWER).json()["items"]
    assert {"windows-junk@1", "caches@1", "temporary@1", "system@1"} <= {one["preset"] for one in items}
    assert all(one["rules"] and one["about"] for one in items)


def test_filters_of_a_profile_are_set_shown_and_left_alone_by_who_does_not_know_them(
    prepared: ApiWorld,
) -> None:
    assert prepared.call("GET", "/profiles/docs").json()["presets"] == []
    wanted = {"presets": ["caches"], "bckignore": True, "skip_caches": True, "max_size": 1 << 30}
    path = "/profiles/docs"
    changed = prepared.call("PUT", path, json={**PROFILE, **wanted}).json()
    assert {name: changed[name] for name in wanted} == {**wanted, "presets": ["caches@1"]}
    assert ".cache/" in changed["preset_rules"]
    assert prepared.call("PUT", path, json=PROFILE).json() == changed
    off = {"presets": [], "bckignore": False, "max_size": 0}
    cleared = prepared.call("PUT", path, json={**PROFILE, **off}).json()
    assert (cleared["presets"], cleared["bckignore"], cleared["max_size"]) == ([], False, None)


@pytest.mark.parametrize("wrong", [{"presets": ["none"]}, {"presets": ["caches@9"]}, {"max_size": -1}])
def test_what_makes_no_sense_is_refused(prepared: ApiWorld, wrong: dict[str, object]) -> None:
    answer = prepared.call("PUT", "/profiles/docs", json={**PROFILE, **wrong})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_preview_is_started_once_and_its_result_is_in_the_status(prepared: ApiWorld) -> None:
    first = prepared.call("POST", "/backup/preview", json={"profile": "docs"})
    again = prepared.call("POST", "/backup/preview", json={"profile": "docs"})
    assert (first.status_code, first.json()["created"], again.json()["created"]) == (202, True, False)
    job = first.json()["job"]
    assert job["kind"] == "preview"
    listed = {"coming": {"count": 3, "first": [{"path": "a"}]}, "rules": ["*.tmp"], "sums": {"new": 3}}
    prepared.finish(prepared.claim(), JobStatus.SUCCEEDED, new=3, **listed)
    found = prepared.call("GET", f"/backup/status/{job['job_id']}").json()
    assert (found["status"], found["result"]) == ("succeeded", {"new": 3, **listed})
    [among_others] = prepared.call("GET", "/jobs").json()["items"]
    assert among_others == {**found, "result": {"new": 3, "sums": {"new": 3}}}, (
        "a list of jobs names no paths"
    )


def test_a_preview_stands_beside_a_backup_and_needs_the_right_to_start_one(prepared: ApiWorld) -> None:
    prepared.start()
    prepared.call("POST", "/backup/preview", json={"profile": "docs"})
    assert {prepared.claim().job.kind.value for _ in range(2)} == {"backup", "preview"}
    refused = prepared.call("POST", "/backup/preview", role=Role.VIEWER, json={"profile": "docs"})
    assert refused.status_code == 403
    assert prepared.call("POST", "/backup/preview", json={"profile": "none"}).status_code == 404
