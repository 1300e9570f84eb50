"""Checks and metrics over HTTP."""

import pytest

from bck_apps.api.routes.metrics import CONTENT_TYPE
from bckcore.domain.access import Role
from bckcore.domain.check import CheckCounts
from bckcore.domain.job import Job, JobStatus
from tests.support.api_world import ApiWorld

COUNTS = CheckCounts().data()


def finding(cause: str, path: str) -> dict[str, object]:
    return {
        "cause": cause,
        "profile": "docs",
        "source": "docs",
        "path": path,
        "path_bytes": path,
        "place": "current",
        "points": 1,
        "newest_point": 3,
        "detail": "it is not there",
        "advice": "Restore another version.",
    }


def checked(world: ApiWorld, *findings: dict[str, object]) -> Job:
    """A check that came to its end."""
    asked = world.call("POST", "/check/start", json={"profile": "docs", "sample": 5})
    assert asked.status_code == 202, asked.text
    causes = {str(one["cause"]): 1 for one in findings}
    data = {**COUNTS, "seed": 4, "sample": 5.0, "read_data": False, "against_host": False, "host_error": ""}
    status = JobStatus.SUSPECT if findings else JobStatus.SUCCEEDED
    more = {"total": len(findings), "causes": causes, "findings": list(findings)}
    return world.finish(world.claim(), status, **data, **more)


@pytest.fixture
def prepared(world: ApiWorld) -> ApiWorld:
    world.prepare()
    return world


def test_a_check_is_started_once_and_followed_like_any_job(prepared: ApiWorld) -> None:
    body = {"profile": "docs", "read_data": True, "against_host": True}
    first = prepared.call("POST", "/check/start", json=body)
    again = prepared.call("POST", "/check/start", json=body)
    assert (first.status_code, first.json()["created"], again.json()["created"]) == (202, True, False)
    job = first.json()["job"]
    assert (job["kind"], job["profile"]) == ("check", "docs")
    assert prepared.call("GET", f"/backup/status/{job['job_id']}").json() == job


def test_what_makes_no_sense_is_refused(prepared: ApiWorld) -> None:
    for body in ({"sample": 0}, {"sample": 101}, {"sample": 5, "read_data": True}, {"deep": True}):
        assert prepared.call("POST", "/check/start", json={"profile": "docs", **body}).status_code == 422
    assert prepared.call("POST", "/check/start", json={"profile": "none"}).status_code == 404


def test_the_newest_check_and_its_findings_are_told(prepared: ApiWorld) -> None:
    assert prepared.call("GET", "/profiles/docs/check").status_code == 404
    assert prepared.call("GET", "/profiles/none/check").status_code == 404
    checked(prepared)
    job = checked(prepared, *(finding("missing", f"f{number}") for number in range(4)), finding("extra", "x"))
    answer = prepared.call("GET", "/profiles/docs/check", role=Role.VIEWER).json()
    assert (answer["job_id"], answer["status"], answer["total"]) == (job.id, "suspect", 5)
    assert answer["causes"] == {"missing": 1, "extra": 1}
    page = prepared.call("GET", "/profiles/docs/check/findings?limit=3").json()
    assert ([one["path"] for one in page["items"]], page["next"]) == (["f0", "f1", "f2"], "3")
    rest = prepared.call("GET", f"/profiles/docs/check/findings?limit=3&after={page['next']}").json()
    assert ([one["path"] for one in rest["items"]], rest["next"]) == (["f3", "x"], None)
    extra = prepared.call("GET", "/profiles/docs/check/findings?cause=extra").json()
    assert [one["path"] for one in extra["items"]] == ["x"]


def test_lists_of_jobs_do_not_carry_the_findings(prepared: ApiWorld) -> None:
    checked(prepared, finding("missing", "f"))
    job = prepared.call("GET", "/jobs").json()["items"][0]
    assert job["result"]["total"] == 1
    assert "findings" not in job["result"]


def test_metrics_need_a_token_and_speak_the_text_format(prepared: ApiWorld) -> None:
    assert prepared.client.get("/metrics").status_code == 401
    prepared.add_point(3)
    checked(prepared, finding("missing", "f"))
    answer = prepared.call("GET", "/metrics", role=Role.VIEWER)
    assert (answer.status_code, answer.headers["content-type"]) == (200, CONTENT_TYPE)
    assert 'bck_points{profile="docs",host="pc1"} 1\n' in answer.text
    assert 'bck_check_findings{profile="docs",host="pc1",cause="missing"} 1\n' in answer.text
    names = [line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) == 14
    for line in answer.text.splitlines():
        assert line.startswith("# ") or float(line.rpartition(" ")[2]) >= 0


def test_a_viewer_may_look_and_not_start(prepared: ApiWorld) -> None:
    answer = prepared.call("POST", "/check/start", role=Role.VIEWER, json={"profile": "docs"})
    assert answer.status_code == 403
