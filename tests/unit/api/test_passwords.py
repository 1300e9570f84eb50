"""A password for a PC, sent to the API: for people only, never echoed, never in an answer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bckcore.domain.access import Role
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.job import JobStatus
from bckcore.domain.login import Login
from bckcore.domain.profile import Profile
from bckcore.domain.source import parsed_sources
from tests.support.api_world import ApiWorld

CANARY = "canary-of-the-account-7e55"
STARTS: list[tuple[str, dict[str, Any]]] = [
    ("/backup/start", {"profile": "docs"}),
    ("/backup/preview", {"profile": "docs"}),
    ("/check/start", {"profile": "docs", "against_host": True}),
    ("/restore/start", {"profile": "docs", "to_host": True}),
]
PLACES = [path for path, _ in STARTS]


@pytest.fixture
def prepared(world: ApiWorld) -> ApiWorld:
    world.prepare()
    world.add_point(1)
    with world.application.units() as uow:
        uow.hosts.update(replace(uow.hosts.get(HostId("pc1")), address="pc1", login=Login.PASSWORD))
        uow.commit()
    return world


def sent(world: ApiWorld, path: str, role: Role = Role.ADMIN, **more: Any) -> Any:
    body = json.dumps({**dict(STARTS)[path], **more})  # escaped: half a character, too, is spelt
    return world.call("POST", path, role=role, content=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("path", PLACES)
def test_it_goes_with_the_job_to_the_runner_and_into_no_answer(prepared: ApiWorld, path: str) -> None:
    answer = sent(prepared, path, password=CANARY)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]["job_id"]
    seen = [answer.text]
    seen += [prepared.call("GET", one).text for one in (f"/backup/status/{job}", "/jobs", "/audit?limit=100")]
    claim = prepared.claim()
    opened = prepared.application.container.passwords().of(claim)
    assert opened is not None
    assert opened.reveal() == CANARY
    prepared.finish(claim)
    seen += [prepared.call("GET", f"/backup/status/{job}").text]
    assert CANARY not in "".join(seen)
    assert claim.sealed
    assert claim.sealed not in "".join(seen)
    assert "password" in [dict(one.deed.about).get("with") for one in prepared.application.evidence.entries()]


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize(
    "value", [CANARY * 50, [CANARY], {"is": CANARY}, CANARY + "\0", CANARY + "\ud800", ""]
)
def test_a_malformed_one_is_never_echoed(prepared: ApiWorld, path: str, value: Any) -> None:
    answer = sent(prepared, path, password=value)
    assert answer.status_code == 422
    assert CANARY not in answer.text
    assert "password" in answer.text


def test_nor_one_under_a_name_that_is_not_known(prepared: ApiWorld) -> None:
    answer = sent(prepared, "/backup/start", passwrod=CANARY)
    assert answer.status_code == 422
    assert CANARY not in answer.text


def test_who_starts_a_second_time_learns_that_it_was_not_kept(prepared: ApiWorld) -> None:
    assert sent(prepared, "/backup/start").json()["password_dropped"] is False
    again = sent(prepared, "/backup/start", password=CANARY).json()
    assert (again["created"], again["password_dropped"]) == (False, True)
    assert prepared.claim().sealed == ""


def test_a_device_may_start_and_sends_none(prepared: ApiWorld) -> None:
    token = prepared.call("POST", "/auth/tokens", json={"host": "pc1", "name": "laptop"}).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"profile": "docs", "password": CANARY}
    refused = prepared.client.request("POST", "/backup/start", headers=headers, json=body)
    assert (refused.status_code, CANARY in refused.text) == (403, False)
    assert prepared.application.jobs.list(status=[JobStatus.QUEUED]) == []


@pytest.mark.parametrize("role", [role for role in Role if role in (Role.VIEWER, Role.AUDITOR)])
def test_nor_does_whoever_only_looks(prepared: ApiWorld, role: Role) -> None:
    assert sent(prepared, "/backup/start", role, password=CANARY).status_code == 403


def test_a_pc_with_a_key_takes_none(prepared: ApiWorld) -> None:
    with prepared.application.units() as uow:
        host = Host(id=HostId("pc9"), address="pc9", login=Login.CERTIFICATE, allowed_roots=("/v",))
        uow.hosts.add(host)
        uow.profiles.add(Profile(id=ProfileId("keyed"), host=HostId("pc9"), sources=parsed_sources(["/v"])))
        uow.commit()
    answer = sent(prepared, "/backup/start", profile="keyed", password=CANARY)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:bck:conflict")
    assert CANARY not in answer.text


def test_work_that_enters_no_pc_takes_none(prepared: ApiWorld) -> None:
    for path, more in (
        ("/check/start", {"against_host": False}),
        ("/restore/start", {"to_host": False, "to": "/srv/back"}),
        ("/restore/preview", {"to_host": False, "to": "/srv/back"}),
    ):
        body = {**dict(STARTS).get(path, {"profile": "docs"}), **more, "password": CANARY}
        answer = prepared.call("POST", path, json=body)
        assert (answer.status_code, CANARY in answer.text) == (422, False)
