"""Limits of a host over HTTP: set, changed, taken away, measured."""

from __future__ import annotations

import pytest

from bckcore.domain.access import Role
from tests.support.api_world import HOST, ApiWorld


def test_a_quota_is_set_kept_changed_and_taken_away(world: ApiWorld) -> None:
    made = world.call("POST", "/hosts", json={**HOST, "quota_bytes": 5000, "quota_inodes": 0}).json()
    assert (made["quota_bytes"], made["quota_inodes"]) == (5000, None)
    kept = world.call("PUT", "/hosts/pc1", json={"allow": ["/home"]}).json()
    assert (kept["quota_bytes"], kept["quota_inodes"]) == (5000, None)
    changed = world.call("PUT", "/hosts/pc1", json={"quota_bytes": 0, "quota_inodes": 7}).json()
    assert (changed["quota_bytes"], changed["quota_inodes"]) == (None, 7)
    assert world.call("GET", "/hosts/pc1").json() == changed


@pytest.mark.parametrize("wrong", [-1, 2**63, "much"])
def test_what_is_no_quota_is_refused(world: ApiWorld, wrong: object) -> None:
    assert world.call("POST", "/hosts", json={**HOST, "quota_bytes": wrong}).status_code == 422


def test_what_a_host_takes_is_measured_for_whoever_may_look(world: ApiWorld) -> None:
    world.application.storage.prepare()
    world.call("POST", "/hosts", json={**HOST, "quota_inodes": 9})
    answer = world.call("GET", "/hosts/pc1/usage", role=Role.VIEWER)
    assert answer.json() == {"bytes": 0, "inodes": 0, "quota_bytes": None, "quota_inodes": 9}
    assert world.call("GET", "/hosts/none/usage").status_code == 404
