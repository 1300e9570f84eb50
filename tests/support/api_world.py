"""The HTTP API over memory adapters, with one account of each role and a scripted PC."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import httpx2
from dependency_injector import providers
from starlette.testclient import TestClient

from bck_adapters.memory import MemoryPasswordHasher, MemoryTokens, SettableClock
from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_apps.api import Address, create_app, listening, serve_on
from bck_apps.api.limits import USUAL, Limits
from bck_apps.wiring import Application, Settings
from bck_apps.wiring.settings import DatabaseSettings, SecuritySettings, StorageSettings
from bckcore.domain.access import Role
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId
from bckcore.domain.job import Job, JobResult, JobStatus
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import ChangeCounts, RunOutcome
from bckcore.domain.secret import Secret
from bckcore.ports.job_queue import Claim, LogLine
from tests.support.house import RecordingWatcher
from tests.support.remote import RemoteTransport

PASSWORD = "four unrelated words here"
HOST = {"name": "pc1", "transport": "memory", "allow": ["/home/u"]}
PROFILE = {"name": "docs", "host": "pc1", "sources": [{"path": "/home/u/docs"}]}


@dataclass(slots=True)
class ApiWorld:
    """One API, its parts in reach of the test."""

    application: Application
    client: httpx2.Client
    clock: SettableClock
    pcs: dict[HostId, MemoryHost]
    headers: dict[Role, dict[str, str]] = field(default_factory=dict)

    def sign_in(self, role: Role) -> dict[str, str]:
        """Headers of a caller with that role."""
        if role not in self.headers:
            body = {"name": role.value, "password": PASSWORD}
            token = self.client.post("/auth/login", json=body).json()["access_token"]
            self.headers[role] = {"Authorization": f"Bearer {token}"}
        return self.headers[role]

    def call(self, method: str, path: str, *, role: Role = Role.ADMIN, **kwargs: Any) -> Any:
        """Call a route; the response."""
        headers = {**self.sign_in(role), **kwargs.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **kwargs)

    def prepare(self) -> None:
        """Host pc1 and profile docs."""
        assert self.call("POST", "/hosts", json=HOST).status_code == 201
        assert self.call("POST", "/profiles", json=PROFILE).status_code == 201

    def start(self) -> str:
        """A backup of docs that waits in the queue; its id."""
        return str(self.call("POST", "/backup/start", json={"profile": "docs"}).json()["job"]["job_id"])

    def claim(self) -> Claim:
        """Take the next job as a runner would."""
        claim = self.application.queue.claim("test", lease_seconds=60)
        assert claim is not None
        return claim

    def carry_out(self) -> Job:
        """The next job, from its start to its end."""
        claim = self.claim()
        return self.application.queue.finish(
            claim, *self.application.worker.carry_out(claim, RecordingWatcher())
        )

    def log(self, job_id: str, *texts: str) -> None:
        """Lines in the job's log."""
        lines = [LogLine(number=0, at=self.clock.now(), level="info", text=text) for text in texts]
        self.application.queue.append_log(JobId(job_id), lines)

    def finish(self, claim: Claim, status: JobStatus = JobStatus.SUCCEEDED, **data: object) -> Job:
        """End the job."""
        return self.application.queue.finish(claim, status, JobResult(data=data))

    def add_point(self, seq: int) -> RestorePoint:
        """A counted restore point of docs."""
        now = self.clock.now()
        point = RestorePoint(
            profile=ProfileId("docs"),
            run_id=RunId(f"20260105T12000{seq}Z-0000000{seq}"),
            seq=seq,
            outcome=RunOutcome.SUCCEEDED,
            counted=Counted.COUNTED,
            started=now,
            finished=now,
            verified_at=now,
            counts=ChangeCounts(files=2, bytes=30, added=2),
        )
        with self.application.units() as uow:
            uow.points.add(point)
            uow.commit()
        return point


@dataclass(slots=True)
class ServedWorld(ApiWorld):
    """The same, served over HTTPS."""

    address: Address = field(kw_only=True)
    stop: Event = field(kw_only=True)
    running: Future[None] = field(kw_only=True)


@contextmanager
def memory_application(
    home: Path,
    clock: SettableClock,
    pcs: dict[HostId, MemoryHost],
    database: str = "memory:",
    roles: Iterable[Role] = tuple(Role),
) -> Iterator[Application]:
    """An installation that forgets everything afterwards; with ``database`` empty, one with SQLite."""
    settings = Settings(
        storage=StorageSettings(root=home / "storage"),
        database=DatabaseSettings(url=database),
        security=SecuritySettings(vault="memory"),
    )
    with Application(home, settings) as application:
        container = application.container
        container.clock.override(providers.Object(clock))
        container.hasher.override(providers.Singleton(MemoryPasswordHasher))
        container.tokens.override(providers.Singleton(MemoryTokens))
        found = {"memory": MemoryTransport(pcs), "local": RsyncTransport(route=LocalRoute())}
        away = RemoteTransport(pcs)
        container.offered_transports.override(providers.Object(lambda host: found.get(host.transport, away)))
        for role in roles:
            application.access.add_user(role.value, Secret(PASSWORD), role)
        yield application


@contextmanager
def api_world(home: Path, database: str = "memory:") -> Iterator[ApiWorld]:
    """Its API, called without a network."""
    clock, pcs = SettableClock(auto_advance=False), {HostId("pc1"): MemoryHost()}
    with (
        memory_application(home, clock, pcs, database) as application,
        TestClient(create_app(application), raise_server_exceptions=False) as client,
    ):
        yield ApiWorld(application, client, clock, pcs)


@contextmanager
def served_world(home: Path, limits: Limits = USUAL) -> Iterator[ServedWorld]:
    """Its API over HTTPS on a free port, in a thread of its own."""
    clock, pcs = SettableClock(datetime.now(UTC), auto_advance=False), {HostId("pc1"): MemoryHost()}
    stop, answers = Event(), Queue[Address]()
    with (
        memory_application(home, clock, pcs) as application,
        closing(listening(application, port=0)) as listener,
        ThreadPoolExecutor(1) as pool,
    ):
        running = pool.submit(serve_on, listener, application, stop=stop, ready=answers.put, limits=limits)
        try:
            address = answers.get(timeout=20)
            context = ssl.create_default_context(cafile=address.ca)
            with httpx2.Client(base_url=address.url, verify=context, timeout=20) as client:
                yield ServedWorld(
                    application, client, clock, pcs, address=address, stop=stop, running=running
                )
        finally:
            stop.set()
            running.result(timeout=20)
