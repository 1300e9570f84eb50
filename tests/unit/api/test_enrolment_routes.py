"""Enrolling over the API: what an administrator opens, what a PC without any account may ask for."""

from __future__ import annotations

import hashlib
import ssl
from typing import Any

import pytest
from dependency_injector import providers

from bckcore.domain.access import Role
from bckcore.domain.enrolment_text import parsed_token
from bckcore.domain.secret import Secret
from tests.support.api_world import ApiWorld
from tests.support.enrolling import HOST_KEYS, OTHER_KEYS
from tests.support.remote import RemoteTransport


@pytest.fixture
def world(world: ApiWorld) -> ApiWorld:
    transport = RemoteTransport(world.pcs)
    world.application.container.transport_for.override(providers.Object(lambda _host: transport))
    return world


def opened(world: ApiWorld, **body: Any) -> Any:
    answer = world.call("POST", "/hosts/pc1/enrolment", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def redeemed(world: ApiWorld, token: str, **more: Any) -> Any:
    body = {"token": token, "host_keys": list(HOST_KEYS), "address": "pc1.lan", **more}
    return world.client.post("/enrol", json=body)


def test_a_pc_without_an_account_redeems_what_an_administrator_opened(world: ApiWorld) -> None:
    made = opened(world, allow=["/home/u"], user="saver", minutes=5)
    pem = world.client.get("/ca.pem")
    assert pem.headers["content-type"] == "application/x-pem-file"
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.text.strip())).hexdigest()
    assert parsed_token(Secret(made["token"])).ca_sha256 == digest
    waiting = world.call("GET", "/hosts/pc1").json()
    assert (waiting["awaits_enrolment"], waiting["enrolment_open_until"]) == (True, made["expires"])
    assert world.call("GET", "/hosts").json()["items"] == [waiting]
    answer = redeemed(world, made["token"], user="saver", gate="/opt/bck-gate", platform="posix")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["host"], found["user"], found["allow"]) == ("pc1", "saver", ["/home/u"])
    assert not found["certified"]
    (line,) = found["authorized_keys"]
    assert found["keys"][0] in line
    assert 'command="/opt/bck-gate"' in line
    known = world.call("GET", "/hosts/pc1").json()
    assert (known["awaits_enrolment"], known["enrolment_open_until"]) == (False, None)
    assert (known["host_keys"], known["address"], known["gate"]) == (
        list(HOST_KEYS),
        "pc1.lan",
        "/opt/bck-gate",
    )


def test_no_backup_starts_before(world: ApiWorld) -> None:
    made = opened(world, allow=["/home/u"])
    profile = {"name": "docs", "host": "pc1", "sources": [{"path": "/home/u"}]}
    assert world.call("POST", "/profiles", json=profile).status_code == 201
    refused = world.call("POST", "/backup/start", json={"profile": "docs"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:bck:host-not-enrolled")
    assert redeemed(world, made["token"]).status_code == 200
    assert world.call("POST", "/backup/start", json={"profile": "docs"}).status_code == 202


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_only_an_administrator_opens_or_revokes(world: ApiWorld, role: Role) -> None:
    opened(world)
    for method in ("POST", "DELETE"):
        body: dict[str, Any] = {"json": {}} if method == "POST" else {}
        assert world.call(method, "/hosts/pc1/enrolment", role=role, **body).status_code == 403


def test_what_does_not_count_is_refused_alike_and_malformed_keys_are_told(world: ApiWorld) -> None:
    token = opened(world)["token"]
    for keys in ([], ["ssh-ed25519 AAAA"], [HOST_KEYS[0]] * 17, ["x" * 5000]):
        assert redeemed(world, token, host_keys=keys).status_code == 422
    assert world.call("DELETE", "/hosts/pc1/enrolment").json() == {"revoked": 1}
    revoked = redeemed(world, token)
    assert redeemed(world, opened(world)["token"]).status_code == 200
    used = redeemed(world, token)
    assert revoked.status_code == 403
    assert revoked.json() == used.json()
    assert "www-authenticate" not in revoked.headers
    other = redeemed(world, opened(world)["token"], host_keys=list(OTHER_KEYS))
    assert other.status_code == 409
    assert other.json()["detail"].count("SHA256:") == 4


def test_who_guesses_waits_and_is_told_how_long(world: ApiWorld) -> None:
    token = opened(world)["token"]
    assert redeemed(world, token).status_code == 200
    codes = [redeemed(world, token).status_code for _ in range(12)]
    assert codes == [403] * 11 + [429]
    assert int(redeemed(world, token).headers["retry-after"]) >= 1
