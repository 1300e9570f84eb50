"""Bytes that are no UTF-8, in names and rules of PCs, are told escaped: nobody's list fails over them."""

from dataclasses import replace

from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.job import JobResult, JobStatus
from bckcore.domain.source import Source
from tests.support.api_world import ApiWorld

ODD = "/home/u/\udce9t"
SHOWN = "/home/u/\\udce9t"


def test_a_rule_of_a_pc_in_the_result_of_a_preview_does_not_break_the_list_of_jobs(world: ApiWorld) -> None:
    world.prepare()
    job = world.call("POST", "/backup/preview", json={"profile": "docs"}).json()["job"]["job_id"]
    rules = [{"rule": "\udce9*", "file": "docs/.bckignore", "count": 1}]
    world.finish(world.claim(), JobStatus.SUCCEEDED, excluded={"rules": rules, "count": 1})
    told = {"rules": [{**rules[0], "rule": "\\udce9*"}], "count": 1}
    assert world.call("GET", f"/backup/status/{job}").json()["result"]["excluded"] == told
    assert [one["job_id"] for one in world.call("GET", "/jobs").json()["items"]] == [job]
    assert "event: end" in world.call("GET", f"/backup/events/{job}").text


def test_lines_and_errors_of_a_job_are_told(world: ApiWorld) -> None:
    world.prepare()
    job = world.start()
    claim = world.claim()
    world.log(job, f"Reading docs ({ODD}).")
    failed = JobResult(error_code="x", error=f"No {ODD}.", meaning=ODD, advice=ODD)
    world.application.queue.finish(claim, JobStatus.FAILED, failed)
    assert world.call("GET", f"/backup/log/{job}").json()["items"][0]["text"] == f"Reading docs ({SHOWN})."
    assert world.call("GET", f"/backup/status/{job}").json()["error"]["what"] == f"No {SHOWN}."
    assert "event: log" in world.call("GET", f"/backup/events/{job}").text


def test_folders_and_rules_of_hosts_and_profiles_are_told(world: ApiWorld) -> None:
    world.prepare()
    with world.application.units() as uow:
        host, profile = uow.hosts.get(HostId("pc1")), uow.profiles.get(ProfileId("docs"))
        uow.hosts.update(replace(host, allowed_roots=(ODD,)))
        source = Source(name=profile.sources[0].name, path=ODD)
        uow.profiles.update(replace(profile, sources=(source,), excludes=("\udce9*",)))
        uow.commit()
    (host_told,) = world.call("GET", "/hosts").json()["items"]
    (told,) = world.call("GET", "/profiles").json()["items"]
    assert host_told["allow"] == [SHOWN]
    assert (told["sources"][0]["path"], told["excludes"]) == (SHOWN, ["\\udce9*"])
