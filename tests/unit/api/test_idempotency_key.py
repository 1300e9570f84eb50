"""An Idempotency-Key stands for one request."""

from tests.support.api_world import PROFILE, ApiWorld


def test_a_key_that_stands_for_another_request_is_a_conflict(world: ApiWorld) -> None:
    world.prepare()
    world.call("POST", "/profiles", json={**PROFILE, "name": "pictures"})
    key = {"Idempotency-Key": "k"}
    first = world.call("POST", "/backup/start", json={"profile": "docs"}, headers=key).json()["job"]
    other = world.call("POST", "/backup/start", json={"profile": "pictures"}, headers=key)
    assert (other.status_code, other.headers["content-type"]) == (409, "application/problem+json")
    problem = other.json()
    assert problem["type"] == "urn:bck:conflict"
    assert first["job_id"] in problem["detail"]
    assert "backup of pictures was not started" in problem["meaning"]
    assert "new key" in problem["advice"]
    assert [job["job_id"] for job in world.call("GET", "/jobs").json()["items"]] == [first["job_id"]]
