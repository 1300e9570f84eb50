"""What the routes do with hosts, profiles, points, jobs and health."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from bck_adapters.testkit.samples import sample_run
from bckcore.domain.access import Role
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.job import JobStatus
from bckcore.errors import HostUnreachableError, StorageError
from tests.support.api_world import HOST, PROFILE, ApiWorld
from tests.support.sshd import new_key

KEY = new_key().private


def test_health_is_open_and_ready_says_what_is_missing(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.client.get("/health").json()["status"] == "ok"

    def missing() -> None:
        raise StorageError("The disk with /very/private/path is gone.")

    monkeypatch.setattr(world.application.storage, "space", missing)
    response = world.client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {
        "ready": False,
        "checks": [{"name": "database", "ok": True}, {"name": "storage", "ok": False}],
    }


def test_the_state_of_the_database_is_told_to_administrators(world: ApiWorld) -> None:
    told = world.call("GET", "/health/database").json()
    assert (told["kind"], told["address"], told["warnings"]) == ("memory", "memory:", [])


def test_host_round_trip_never_gives_out_the_key(world: ApiWorld) -> None:
    created = world.call(
        "POST", "/hosts", json={**HOST, "private_key": KEY, "allow": ["/home/u/", "/home/u"]}
    )
    assert created.status_code == 201
    assert created.json()["allow"] == ["/home/u"]
    assert world.call("GET", "/hosts/pc1").json() == created.json()
    assert world.call("GET", "/hosts").json() == {"items": [created.json()], "next": None}
    assert "OPENSSH" not in created.text


def test_what_is_no_private_key_is_refused_and_never_quoted(world: ApiWorld) -> None:
    hidden = "hunter2"
    for method, path, body in (("POST", "/hosts", HOST), ("PUT", "/hosts/pc1", {})):
        answer = world.call(method, path, json={**body, "private_key": hidden})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:bck:invalid-input")
        assert "no private key" in answer.json()["detail"]
        assert "ssh-keygen" in answer.json()["advice"]
        assert hidden not in answer.text
        world.call("POST", "/hosts", json=HOST)


def test_host_twice_is_a_conflict_and_delete_forgets_it(world: ApiWorld) -> None:
    assert world.call("POST", "/hosts", json=HOST).status_code == 201
    assert world.call("POST", "/hosts", json=HOST).status_code == 409
    deleted = world.call("DELETE", "/hosts/pc1")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert world.call("GET", "/hosts/pc1").status_code == 404


def test_a_host_is_changed_where_something_is_given(world: ApiWorld) -> None:
    before = world.call("POST", "/hosts", json={**HOST, "private_key": KEY, "host_keys": ["a b"]}).json()
    answer = world.call("PUT", "/hosts/pc1", json={"name": "pc1", "address": "10.0.0.9", "port": 2222})
    assert (answer.status_code, answer.json()) == (200, {**before, "address": "10.0.0.9", "port": 2222})
    answer = world.call("PUT", "/hosts/pc1", json={"host_keys": ["c d"], "allow": ["/home", "/home"]})
    assert (answer.json()["host_keys"], answer.json()["allow"]) == (["c d"], ["/home"])
    assert world.call("GET", "/hosts/pc1").json() == answer.json()


def test_a_changed_host_key_is_logged_as_a_warning_with_who_did_it(world: ApiWorld) -> None:
    world.call("POST", "/hosts", json={**HOST, "host_keys": ["a b"]})
    with capture_logs() as lines:
        world.call("PUT", "/hosts/pc1", json={"port": 2222})
        world.call("PUT", "/hosts/pc1", json={"host_keys": ["c d"]})
    told = [line for line in lines if line["event"] == "host keys changed"]
    assert [(one["log_level"], one["host"], one["by"], one["after"]) for one in told] == [
        ("warning", "pc1", "admin", ("c d",))
    ]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({"name": "pc2"}, 422), ({"port": 0}, 422), ({"allow": ["x"]}, 422), ({"allow": ["/etc"]}, 409)],
)
def test_a_change_of_a_host_that_makes_no_sense_is_refused(
    world: ApiWorld, wrong: dict[str, Any], status: int
) -> None:
    world.prepare()
    before = world.call("GET", "/hosts/pc1").json()
    assert world.call("PUT", "/hosts/pc1", json=wrong).status_code == status
    assert world.call("GET", "/hosts/pc1").json() == before
    assert world.call("PUT", "/hosts/nobody", json={"port": 22}).status_code == 404


def test_a_host_in_use_stays(world: ApiWorld) -> None:
    world.prepare()
    assert world.call("DELETE", "/hosts/pc1").status_code == 409


@pytest.mark.parametrize(
    "wrong", [{"name": "../x"}, {"name": ""}, {"port": 0}, {"allow": ["relative"]}, {"allow": ["/a/../b"]}]
)
def test_a_malformed_host_is_refused(world: ApiWorld, wrong: dict[str, Any]) -> None:
    assert world.call("POST", "/hosts", json={**HOST, **wrong}).status_code == 422


def test_probe_tells_what_it_found_and_why_it_could_not(world: ApiWorld) -> None:
    world.prepare()
    world.pcs[HostId("pc1")].source("/home/u").mkdir(b".")
    found = world.call("POST", "/hosts/pc1/probe").json()
    assert found["sources"] == [{"path": "/home/u", "listed": True}]
    world.pcs.clear()
    problem = world.call("POST", "/hosts/pc1/probe")
    assert (problem.status_code, problem.json()["type"]) == (502, f"urn:bck:{HostUnreachableError.code}")


def test_profile_defaults_are_those_of_the_product(world: ApiWorld) -> None:
    world.prepare()
    profile = world.call("GET", "/profiles/docs").json()
    assert profile["sources"] == [{"name": "docs", "path": "/home/u/docs"}]
    assert (profile["keep_last"], profile["keep_within"], profile["enabled"]) == (20, "7d", True)
    assert (profile["compress"], profile["bandwidth_limit"], profile["excludes"]) == (False, None, [])
    assert world.call("GET", "/profiles").json()["items"] == [profile]


def test_profile_round_trip(world: ApiWorld) -> None:
    world.prepare()
    body = {
        "name": "all",
        "host": "pc1",
        "sources": [
            {"name": "p", "path": "/home/u/pics"},
            {"path": "/home/u/a/docs"},
            {"path": "/home/u/docs"},
        ],
        "excludes": ["*.tmp", "!keep.tmp"],
        "keep_last": 5,
        "keep_within": "12h",
        "compress": True,
        "bandwidth_limit": 2048,
        "enabled": False,
    }
    created = world.call("POST", "/profiles", json=body)
    assert created.status_code == 201, created.text
    answer = created.json()
    assert [source["name"] for source in answer["sources"]] == ["p", "docs", "docs-2"]
    for field in body.keys() - {"sources"}:
        assert answer[field] == body[field]


def test_a_profile_keeps_the_names_of_its_sources_when_it_changes(world: ApiWorld) -> None:
    world.prepare()
    new = [{"path": "/home/u/other/docs"}, {"path": "/home/u/docs"}]
    changed = world.call("PUT", "/profiles/docs", json={**PROFILE, "sources": new})
    assert changed.status_code == 200
    assert changed.json()["sources"] == [
        {"name": "docs-2", "path": "/home/u/other/docs"},
        {"name": "docs", "path": "/home/u/docs"},
    ]


def test_a_profile_keeps_name_and_host(world: ApiWorld) -> None:
    world.prepare()
    world.call("POST", "/hosts", json={**HOST, "name": "pc2"})
    assert world.call("PUT", "/profiles/docs", json={**PROFILE, "host": "pc2"}).status_code == 409
    assert world.call("PUT", "/profiles/docs", json={**PROFILE, "name": "x"}).status_code == 422
    assert world.call("PUT", "/profiles/x", json={**PROFILE, "name": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"host": "nobody"}, 404),
        ({"sources": [{"path": "/etc"}]}, 403),
        ({"sources": []}, 422),
        ({"sources": [{"path": "/home/u/a"}, {"path": "/home/u/a/b"}]}, 422),
        ({"keep_within": "soon"}, 422),
        ({"keep_last": 0}, 422),
        ({"keep_last": 10**30}, 422),
        ({"bandwidth_limit": 5}, 422),
        ({"connect_timeout": 0}, 422),
        ({"idle_timeout": 86_401}, 422),
        ({"total_timeout": -1}, 422),
        ({"attempts": 101}, 422),
        ({"schedule": "daily"}, 422),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(
    world: ApiWorld, wrong: dict[str, Any], status: int
) -> None:
    world.prepare()
    response = world.call("POST", "/profiles", json={**PROFILE, "name": "new", **wrong})
    assert response.status_code == status, response.text
    assert world.call("GET", "/profiles/new").status_code == 404


def test_points_and_retention(world: ApiWorld) -> None:
    world.prepare()
    assert world.call("GET", "/profiles/docs/points").json() == {"items": [], "next": None}
    points = [world.add_point(1), world.add_point(2)]
    items = world.call("GET", "/profiles/docs/points").json()["items"]
    assert [item["point"] for item in items] == [point.run_id for point in points]
    assert items[0] | {"started": "", "finished": "", "verified_at": ""} == {
        "point": points[0].run_id,
        "seq": 1,
        "outcome": "succeeded",
        "counted": True,
        "weight": "counted",
        "started": "",
        "finished": "",
        "verified_at": "",
        "files": 2,
        "bytes": 30,
        "added": 2,
        "changed": 0,
        "gone": 0,
    }
    decisions = world.call("GET", "/profiles/docs/retention").json()["items"]
    assert [(one["seq"], one["keep"]) for one in decisions] == [(1, True), (2, True)]
    assert world.call("GET", "/profiles/nobody/points").status_code == 404


def test_timeouts_that_a_caller_does_not_know_of_stay(world: ApiWorld) -> None:
    world.prepare()
    names = ("connect_timeout", "idle_timeout", "total_timeout", "attempts")

    def put(**more: int) -> list[int | None]:
        answer = world.call("PUT", "/profiles/docs", json={**PROFILE, **more})
        assert answer.status_code == 200, answer.text
        return [answer.json()[name] for name in names]

    assert put() == [20, 300, None, 3]
    assert put(connect_timeout=5, idle_timeout=60, total_timeout=7200, attempts=1) == [5, 60, 7200, 1]
    assert put() == [5, 60, 7200, 1]
    assert put(total_timeout=0) == [5, 60, None, 1]
    seen = world.call("GET", "/profiles/docs").json()
    assert [seen[name] for name in names] == [5, 60, None, 1]


def test_a_backup_is_asked_for_once(world: ApiWorld) -> None:
    world.prepare()
    first = world.call("POST", "/backup/start", json={"profile": "docs"}, headers={"Idempotency-Key": "k"})
    assert first.status_code == 202
    assert first.json()["created"]
    job = first.json()["job"]
    assert (job["status"], job["kind"], job["requested_by"]) == ("queued", "backup", "admin")
    world.finish(world.claim(), run_id="r")
    again = world.call("POST", "/backup/start", json={"profile": "docs"}, headers={"Idempotency-Key": "k"})
    assert not again.json()["created"]
    assert again.json()["job"]["job_id"] == job["job_id"]
    assert again.json()["job"]["result"] == {"run_id": "r"}
    assert world.call("POST", "/backup/start", json={"profile": "docs"}).json()["created"]


def test_a_suspect_backup_says_why_and_is_accepted_by_asking_so(world: ApiWorld) -> None:
    world.prepare()
    world.application.storage.prepare()
    pc = world.pcs[HostId("pc1")].source("/home/u/docs")
    pc.write(b"f", b"held", 1)

    def backed_up(**body: object) -> dict[str, Any]:
        started = world.call("POST", "/backup/start", json={"profile": "docs", **body})
        assert (started.status_code, started.json()["created"]) == (202, True), started.text
        done = world.carry_out()
        job: dict[str, Any] = world.call("GET", f"/backup/status/{done.id}").json()
        return job

    assert backed_up()["status"] == "succeeded"
    pc.delete(b"f")
    suspect = backed_up()
    assert (suspect["status"], suspect["error"]["code"]) == ("suspect", "files-missing")
    assert suspect["error"]["what"] == "docs: 1 of 2 paths are missing (the folder is empty)."
    assert "bck backup docs --accept-missing" in suspect["error"]["advice"]
    accepted = backed_up(accept_missing=True)
    assert (accepted["status"], accepted["error"]) == ("succeeded", None)
    assert accepted["result"]["counts"]["gone"] == 1
    assert [point["counted"] for point in world.call("GET", "/profiles/docs/points").json()["items"]] == [
        True,
        True,
    ]


def test_a_waiting_backup_does_not_swallow_an_acceptance(world: ApiWorld) -> None:
    world.prepare()
    job = world.start()
    refused = world.call("POST", "/backup/start", json={"profile": "docs", "accept_missing": True})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:bck:conflict")
    assert job in refused.json()["advice"]
    world.finish(world.claim())
    asked = world.call("POST", "/backup/start", json={"profile": "docs", "accept_missing": True})
    assert (asked.status_code, asked.json()["created"]) == (202, True)
    assert not world.call("POST", "/backup/start", json={"profile": "docs"}).json()["created"]


def test_a_backup_is_refused_for_unknown_and_switched_off_profiles(world: ApiWorld) -> None:
    world.prepare()
    assert world.call("POST", "/backup/start", json={"profile": "nobody"}).status_code == 404
    world.call("PUT", "/profiles/docs", json={**PROFILE, "enabled": False})
    assert world.call("POST", "/backup/start", json={"profile": "docs"}).status_code == 409
    long = {"Idempotency-Key": "k" * 201}
    assert world.call("POST", "/backup/start", json={"profile": "docs"}, headers=long).status_code == 422


@pytest.mark.parametrize("base", ["/backup", "/restore"])
def test_a_job_is_followed_under_both_names(world: ApiWorld, base: str) -> None:
    world.prepare()
    job_id = world.start()
    claim = world.claim()
    world.log(job_id, "one", "two", "three")
    assert world.call("GET", f"{base}/status/{job_id}").json()["status"] == "running"
    first = world.call("GET", f"{base}/log/{job_id}?limit=2").json()
    assert [line["text"] for line in first["items"]] == ["one", "two"]
    rest = world.call("GET", f"{base}/log/{job_id}?limit=2&after={first['next']}").json()
    assert ([line["text"] for line in rest["items"]], rest["next"]) == (["three"], None)
    cancelled = world.call("POST", f"{base}/cancel/{job_id}").json()
    assert (cancelled["status"], cancelled["cancel_requested"]) == ("running", True)
    world.finish(claim, JobStatus.CANCELLED)
    assert world.call("POST", f"{base}/cancel/{job_id}").json()["status"] == "cancelled"


@pytest.mark.parametrize("route", ["status", "log", "events"])
def test_an_unknown_job_is_not_found(world: ApiWorld, route: str) -> None:
    response = world.call("GET", f"/backup/{route}/nothing")
    assert (response.status_code, response.json()["type"]) == (404, "urn:bck:not-found")


def test_a_restore_carries_exact_point_and_bytes_of_paths(world: ApiWorld) -> None:
    world.prepare()
    point = world.add_point(1)
    body = {
        "profile": "docs",
        "point": "latest",
        "to": "/r/x",
        "paths": ["docs/é"],
        "path_bytes": ["docs/%FF"],
    }
    response = world.call("POST", "/restore/start", json=body, headers={"Idempotency-Key": "k"})
    assert response.status_code == 202, response.text
    assert response.json()["job"]["kind"] == "restore"
    assert "payload" not in response.json()["job"]
    assert world.claim().job.payload == {
        "point": point.run_id,
        "folder": "/r/x",
        "paths": ["docs/%C3%A9", "docs/%FF"],
        "options": [],
    }


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"point": "nothing"}, 404),
        ({"to": "relative"}, 422),
        ({"to": "/a\0b"}, 422),
        ({"paths": ["elsewhere/x"]}, 422),
        ({"path_bytes": ["docs/%ZZ"]}, 422),
        ({"profile": "nobody"}, 404),
    ],
)
def test_a_restore_that_makes_no_sense_is_refused(
    world: ApiWorld, wrong: dict[str, Any], status: int
) -> None:
    world.prepare()
    world.add_point(1)
    body = {"profile": "docs", "to": "/r/x", **wrong}
    assert world.call("POST", "/restore/start", json=body).status_code == status


def test_jobs_are_listed_newest_first_and_filtered(world: ApiWorld) -> None:
    world.prepare()
    first = world.start()
    world.finish(world.claim())
    second = world.start()
    ids = [job["job_id"] for job in world.call("GET", "/jobs").json()["items"]]
    assert ids == [second, first]
    running = world.call("GET", "/jobs?status=queued&status=running").json()["items"]
    assert [job["job_id"] for job in running] == [second]
    assert world.call("GET", "/jobs?limit=1").json()["items"][0]["job_id"] == second
    assert world.call("GET", "/jobs?status=nonsense").status_code == 422


def test_what_is_saved_is_what_the_core_was_given(world: ApiWorld) -> None:
    world.prepare()
    with world.application.units(read_only=True) as uow:
        host: Host = uow.hosts.get(HostId("pc1"))
        profile = uow.profiles.get(ProfileId("docs"))
    assert host.allowed_roots == ("/home/u",)
    assert profile.created == world.clock.now()


def test_a_profile_is_removed_and_what_stays_is_told(world: ApiWorld) -> None:
    world.prepare()
    job = world.start()
    busy = world.call("DELETE", "/profiles/docs")
    assert (busy.status_code, busy.json()["type"]) == (409, "urn:bck:conflict")
    assert job in busy.json()["detail"]
    world.call("POST", f"/backup/cancel/{job}")
    assert world.call("DELETE", "/profiles/docs", role=Role.OPERATOR).status_code == 403
    answer = world.call("DELETE", "/profiles/docs")
    assert (answer.status_code, answer.json()) == (
        200,
        {"name": "docs", "host": "pc1", "runs": 0, "points": 0, "kept": [], "advice": ""},
    )
    assert world.call("DELETE", "/profiles/docs").status_code == 404
    assert world.call("DELETE", "/hosts/pc1").status_code == 204


def test_a_source_that_was_backed_up_is_led_elsewhere_only_on_purpose(world: ApiWorld) -> None:
    world.prepare()
    with world.application.units() as uow:
        uow.runs.add(sample_run(1))
        uow.commit()
    wanted = {**PROFILE, "sources": [{"name": "docs", "path": "/home/u/elsewhere"}]}
    refused = world.call("PUT", "/profiles/docs", json=wanted)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:bck:refused")
    assert "NAME=/home/u/elsewhere" in refused.json()["advice"]
    done = world.call("PUT", "/profiles/docs", json={**wanted, "repoint": ["docs"]})
    assert done.json()["sources"] == wanted["sources"]
