"""Limits of a host over HTTP: set, changed, taken away, measured."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock, Semaphore

import pytest
from dependency_injector import providers

from bck_apps.api.deps import WALKS_AT_ONCE
from bckcore.domain.access import Role
from bckcore.domain.ids import HostId
from bckcore.ports.storage import StoreUsage
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


@dataclass(slots=True)
class Slow:
    """A storage whose walks last until they are let go."""

    let_go: Event = field(default_factory=Event)
    begun: Semaphore = field(default_factory=lambda: Semaphore(0))
    lock: Lock = field(default_factory=Lock)
    now: int = 0
    most: int = 0

    def usage(self, _host: HostId) -> StoreUsage:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.begun.release()
        assert self.let_go.wait(60)
        with self.lock:
            self.now -= 1
        return StoreUsage(bytes=1, inodes=1)


def test_many_who_ask_what_a_host_takes_keep_neither_the_disk_nor_the_api_from_others(
    world: ApiWorld,
) -> None:
    world.prepare()
    world.sign_in(Role.VIEWER)
    slow = Slow()
    with (
        world.application.container.bare_storage.override(providers.Object(slow)),
        ThreadPoolExecutor() as pool,
    ):
        asked = [
            pool.submit(world.call, "GET", "/hosts/pc1/usage", role=Role.VIEWER)
            for _ in range(2 * WALKS_AT_ONCE + 2)
        ]
        try:
            for _ in range(WALKS_AT_ONCE):
                assert slow.begun.acquire(timeout=60)
            assert world.call("GET", "/hosts/pc1").status_code == 200
        finally:
            slow.let_go.set()
        assert {one.result().status_code for one in asked} == {200}
    assert slow.most == WALKS_AT_ONCE
