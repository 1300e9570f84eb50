"""Whoever asks for what takes long keeps nobody from the rest of the API."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from threading import Event, Lock, Semaphore
from typing import Any

import anyio
import pytest
from dependency_injector import providers
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from bck_apps.api.deps import Requires
from bck_apps.api.main import ROUTES
from bck_apps.api.routes.health import LOOKS_AT_ONCE
from bck_apps.api.turns import LANES, PROBES, WALKS, InTurn
from bckcore.domain.access import Role
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.transfer import HostFacts
from bckcore.ports.storage import StoreSpace, StoreUsage
from tests.support.api_world import HOST, ApiWorld

POOL = 40
"""Threads that all routes share."""
PATIENCE = 60


@dataclass(slots=True)
class Slow:
    """A PC and a storage that answer once they are let go."""

    let_go: Event = field(default_factory=Event)
    begun: Semaphore = field(default_factory=lambda: Semaphore(0))
    lock: Lock = field(default_factory=Lock)
    now: int = 0
    most: int = 0

    def wait(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.begun.release()
        assert self.let_go.wait(PATIENCE)
        with self.lock:
            self.now -= 1

    def probe(self, _host: Host, *_how: object) -> HostFacts:
        self.wait()
        return HostFacts(rsync_version="3.2.7")

    def usage(self, _host: HostId) -> StoreUsage:
        self.wait()
        return StoreUsage(bytes=1, inodes=1)

    def space(self) -> StoreSpace:
        self.wait()
        return StoreSpace(bytes_total=2, bytes_free=1, inodes_free=None)


@dataclass(slots=True)
class Crowd:
    """Many who ask at once."""

    world: ApiWorld
    pool: ThreadPoolExecutor

    def ask(self, method: str, path: str, role: Role = Role.ADMIN) -> Future[Any]:
        return self.pool.submit(self.world.call, method, path, role=role)

    def answer(self, method: str, path: str, role: Role = Role.ADMIN) -> Any:
        """One that must not wait for the slow ones."""
        return self.ask(method, path, role).result(timeout=PATIENCE / 2)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def crowd(world: ApiWorld, slow: Slow) -> Iterator[Crowd]:
    world.application.storage.prepare()
    world.prepare()
    for role in (Role.ADMIN, Role.VIEWER, Role.OPERATOR):
        world.sign_in(role)
    pool = ThreadPoolExecutor(4 * POOL)
    try:
        yield Crowd(world, pool)
    finally:
        slow.let_go.set()
        pool.shutdown()


@contextmanager
def silent_pcs(world: ApiWorld, slow: Slow) -> Iterator[None]:
    parts = world.application.container
    with parts.transport_for.override(providers.Object(lambda _host: slow)):
        parts.hosts.reset()  # made anew, with these
        yield
    parts.hosts.reset()


def test_probes_of_silent_pcs_stop_nobody_and_only_so_many_wait(crowd: Crowd, slow: Slow) -> None:
    world, taken = crowd.world, PROBES.at_once + (PROBES.waiting or 0)
    names = [f"pc{number}" for number in range(1, POOL + 6)]
    people = (Role.ADMIN, Role.OPERATOR, Role.OWNER)
    for name in names[1:]:
        made = {**HOST, "name": name, "owners": [Role.OWNER.value]}
        assert world.call("POST", "/hosts", json=made).status_code == 201
    with silent_pcs(world, slow):
        asked = [
            crowd.ask("POST", f"/hosts/{name}/probe", who)
            for name, who in zip(names, itertools.cycle(people), strict=False)
        ]
        for _ in range(PROBES.at_once):
            assert slow.begun.acquire(timeout=PATIENCE)
        for path in ("/health", "/health/ready", "/hosts/pc1", "/profiles"):
            assert crowd.answer("GET", path, Role.VIEWER).status_code == 200
        slow.let_go.set()
        answers = [one.result(timeout=PATIENCE) for one in asked]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(answers) - len(refused) == taken
    assert slow.most == PROBES.at_once
    for answer in refused:
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:bck:too-busy")
        assert int(answer.headers["Retry-After"]) > 0


def test_one_person_does_not_take_all_places_of_probes(crowd: Crowd, slow: Slow) -> None:
    most = PROBES.bounds[1][0]
    names = [f"pc{number}" for number in range(1, 2 * most + 1)]
    for name in names[1:]:
        assert crowd.world.call("POST", "/hosts", json={**HOST, "name": name}).status_code == 201
    with silent_pcs(crowd.world, slow):
        greedy = [crowd.ask("POST", f"/hosts/{name}/probe", Role.OPERATOR) for name in names]
        refused = [one.result(timeout=PATIENCE) for one in _first_done(greedy, most)]
        free = next(name for name, one in zip(names, greedy, strict=True) if one.done())
        other = crowd.ask("POST", f"/hosts/{free}/probe", Role.ADMIN)
        slow.let_go.set()
        assert other.result(timeout=PATIENCE).status_code == 200
    assert {answer.status_code for answer in refused} == {503}


def test_a_pc_is_probed_once_at_a_time(crowd: Crowd, slow: Slow) -> None:
    with silent_pcs(crowd.world, slow):
        first = crowd.ask("POST", "/hosts/pc1/probe")
        assert slow.begun.acquire(timeout=PATIENCE)
        second = crowd.answer("POST", "/hosts/pc1/probe")
        slow.let_go.set()
        assert first.result(timeout=PATIENCE).status_code == 200
        again = crowd.answer("POST", "/hosts/pc1/probe")
    assert (second.status_code, again.status_code) == (503, 200)
    assert "pc1" in second.json()["detail"]


def test_one_person_does_not_take_all_places_of_others_who_wait(crowd: Crowd, slow: Slow) -> None:
    each = WALKS.bounds[0][0]
    with crowd.world.application.container.bare_storage.override(providers.Object(slow)):
        greedy = [crowd.ask("GET", "/hosts/pc1/usage", Role.VIEWER) for _ in range(3 * each)]
        for _ in range(WALKS.at_once):
            assert slow.begun.acquire(timeout=PATIENCE)
        refused = [one.result(timeout=PATIENCE) for one in _first_done(greedy, 2 * each)]
        assert crowd.answer("GET", "/hosts/pc1", Role.VIEWER).status_code == 200
        other = crowd.ask("GET", "/hosts/pc1/usage", Role.OPERATOR)
        slow.let_go.set()
        assert other.result(timeout=PATIENCE).status_code == 200
    assert slow.most == WALKS.at_once
    assert {answer.status_code for answer in refused} == {503}
    assert sorted(one.result(timeout=PATIENCE).status_code for one in greedy) == [200] * each + [503] * (
        2 * each
    )


def _first_done(asked: list[Future[Any]], number: int) -> list[Future[Any]]:
    done = Semaphore(0)
    for one in asked:
        one.add_done_callback(lambda _: done.release())
    for _ in range(number):
        assert done.acquire(timeout=PATIENCE)
    return [one for one in asked if one.done()]


def test_a_storage_that_hangs_keeps_nobody_but_those_who_ask_whether_it_is_there(
    crowd: Crowd, slow: Slow
) -> None:
    with crowd.world.application.container.storage.override(providers.Object(slow)):
        asked = [crowd.ask("GET", "/health/ready") for _ in range(POOL + 5)]
        for _ in range(LOOKS_AT_ONCE):
            assert slow.begun.acquire(timeout=PATIENCE)
        assert crowd.answer("GET", "/health").status_code == 200
        assert crowd.answer("GET", "/profiles", Role.VIEWER).status_code == 200
        slow.let_go.set()
        assert {one.result(timeout=PATIENCE).status_code for one in asked} == {200}
    assert slow.most == LOOKS_AT_ONCE


LONG = {
    "sign-ins": {"POST /auth/login", "POST /auth/password", "POST /auth/totp"},
    "walks": {
        "GET /hosts/{name}/usage",
        "GET /profiles/{name}/retention",
        "POST /profiles/{name}/accept",
        "POST /profiles/{name}/accept/plan",
        "POST /profiles/{name}/forget",
        "POST /profiles/{name}/forget/plan",
        "POST /profiles/{name}/undo",
        "POST /profiles/{name}/undo/plan",
        "POST /restore/preview",
    },
    "reads": {
        "GET /metrics",
        "GET /schedule",
        "GET /profiles/{name}/deleted",
        "GET /profiles/{name}/diff",
        "GET /profiles/{name}/files",
        "GET /profiles/{name}/search",
        "GET /profiles/{name}/versions",
        "POST /restore/start",
    },
    "lists": {
        "GET /audit",
        "GET /jobs",
        "GET /profiles/{name}/check/findings",
        "GET /profiles/{name}/runs/{run}",
        "GET /runs/{run_id}/problems",
    },
    "downloads": {
        "GET /profiles/{name}/points/{point}/export",
        "GET /profiles/{name}/points/{point}/file",
    },
    "probes": {"POST /hosts/{name}/probe"},
    "scans": {"POST /hosts", "POST /hosts/{name}/enrolment", "PUT /hosts/{name}"},
}


def _routes() -> Iterator[tuple[str, APIRoute]]:
    for module in ROUTES:
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            yield f"{min(route.methods or ())} {route.path}", route


def _asked_first(dependant: Dependant, kind: type) -> list[int]:
    return [at for at, one in enumerate(dependant.dependencies) if isinstance(one.call, kind)]


def test_what_may_take_long_waits_for_its_turn_and_nobody_waits_who_may_not_ask() -> None:
    found: dict[str, set[str]] = {}
    for name, route in _routes():
        for at in _asked_first(route.dependant, InTurn):
            call = route.dependant.dependencies[at].call
            assert isinstance(call, InTurn)
            found.setdefault(call.lane.name, set()).add(name)
            assert all(before < at for before in _asked_first(route.dependant, Requires)), name
    assert found == LONG
    assert set(LONG) == {lane.name for lane in LANES}


def test_whether_the_server_works_is_asked_in_no_thread_of_the_others() -> None:
    asked = {name: route for name, route in _routes() if name in ("GET /health", "GET /health/ready")}
    assert len(asked) == 2
    for route in asked.values():
        assert iscoroutinefunction(route.endpoint)
        assert route.dependant.dependencies == []


def test_all_lanes_together_leave_threads_to_the_rest() -> None:
    async def threads() -> float:
        return anyio.to_thread.current_default_thread_limiter().total_tokens

    assert anyio.run(threads) == POOL
    assert sum(lane.at_once for lane in LANES) <= 0.6 * POOL
