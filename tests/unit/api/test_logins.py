"""How a host is entered, over HTTP: what it must hold is shown to who may look, what is secret to nobody."""

from __future__ import annotations

import pytest
from dependency_injector import providers

from bckcore.domain.access import Role
from tests.support.api_world import HOST, ApiWorld
from tests.support.remote import RemoteTransport
from tests.support.sshd import new_key

PINNED = new_key().public
REMOTE = {**HOST, "transport": "rsync-ssh", "address": "192.0.2.7", "host_keys": [PINNED]}
MARK = "canary-4be1"


@pytest.fixture
def world(world: ApiWorld) -> ApiWorld:
    """With PCs that are elsewhere, as those over SSH are."""
    remote = RemoteTransport({})
    world.application.container.transport_for.override(providers.Object(lambda _host: remote))
    world.application.container.hosts.reset()
    return world


def test_a_host_with_a_key_of_its_own_tells_what_it_must_hold(world: ApiWorld) -> None:
    made = world.call("POST", "/hosts", json={**REMOTE, "login": "own-key", "gate": "/opt/gate"}).json()
    assert (made["login"], made["has_private_key"], made["gate"]) == ("own-key", True, "/opt/gate")
    trust = world.call("GET", "/hosts/pc1/trust", role=Role.VIEWER)
    [line], [key], [fingerprint] = (
        trust.json()[name] for name in ("authorized_keys", "keys", "fingerprints")
    )
    assert line.startswith(f'restrict,command="/opt/gate" {key} bck@')
    assert fingerprint.startswith("SHA256:")
    assert "PRIVATE" not in trust.text
    assert world.call("POST", "/hosts/pc1/key", role=Role.OPERATOR).status_code == 403
    renewed = world.call("POST", "/hosts/pc1/key").json()
    assert renewed["keys"] != [key]
    assert world.call("GET", "/hosts/pc1/trust").json() == renewed


def test_a_host_is_moved_to_certificates_and_its_key_is_gone(world: ApiWorld) -> None:
    world.call("POST", "/hosts", json={**REMOTE, "login": "own-key"})
    changed = world.call("PUT", "/hosts/pc1", json={"login": "certificate"}).json()
    assert (changed["login"], changed["has_private_key"]) == ("certificate", False)
    trust = world.call("GET", "/hosts/pc1/trust").json()
    assert trust["principal"] == "bck-pc1"
    assert trust["authorized_keys"][0].startswith('cert-authority,principals="bck-pc1",restrict ')
    assert world.call("POST", "/hosts/pc1/key").status_code == 409


def test_a_password_goes_in_and_never_out(world: ApiWorld) -> None:
    made = world.call("POST", "/hosts", json={**REMOTE, "login": "password", "password": MARK})
    assert (made.json()["has_password"], made.json()["has_private_key"]) == (True, False)
    said = [made.text, *(world.call("GET", path).text for path in ("/hosts", "/hosts/pc1/trust", "/audit"))]
    wrong = world.call("PUT", "/hosts/pc1", json={"login": "certificate", "password": MARK})
    assert wrong.status_code == 422
    too_long = world.call("PUT", "/hosts/pc1", json={"password": MARK * 200})
    assert too_long.status_code == 422
    assert not [text for text in (*said, wrong.text, too_long.text) if MARK in text]
    forgotten = world.call("PUT", "/hosts/pc1", json={"password": ""}).json()
    assert (forgotten["login"], forgotten["has_password"]) == ("password", False)


@pytest.mark.parametrize(
    ("given", "login"), [({"password": MARK}, "password"), ({"private_key": new_key().private}, "key")]
)
def test_what_is_given_says_how_a_new_host_is_entered(
    world: ApiWorld, given: dict[str, str], login: str
) -> None:
    made = world.call("POST", "/hosts", json={**REMOTE, **given})
    assert made.status_code == 201, made.text
    assert (made.json()["login"], made.json()[f"has_{next(iter(given))}"]) == (login, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"login": "nonsense"},
        {"login": "own-key", "gate": 'x"'},
        {"login": "certificate", "password": "p"},
        {},
    ],
)
def test_what_makes_no_sense_is_refused(world: ApiWorld, wrong: dict[str, str]) -> None:
    assert world.call("POST", "/hosts", json={**REMOTE, **wrong}).status_code == 422
    assert world.call("GET", "/hosts").json()["items"] == []
