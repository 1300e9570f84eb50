"""Two owners on one server: mallory, who asks, and ada, whose things carry a mark in every name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bck_adapters.memory.hosts import MemoryHost
from bckcore.domain.access import Role
from bckcore.domain.ids import HostId
from bckcore.domain.job import Job
from bckcore.domain.secret import Secret
from tests.support.api_world import PASSWORD, ApiWorld, api_world
from tests.support.house import RecordingWatcher

T = 1_700_000_000 * 10**9
MARK = "vermilion"
"""Stands in every name and every byte of the other owner's things."""


@dataclass(slots=True)
class Neighbours:
    """pc1 of mallory and a PC of ada, each with a backup, and what their things are called."""

    world: ApiWorld
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """What ada's things are called."""
    own: dict[str, str] = field(default_factory=dict)
    """What mallory's things are called."""

    def call(self, who: str, method: str, path: str, **kwargs: Any) -> Any:
        """Call a route as the account ``who``."""
        headers = {**self.sign_in(who), **kwargs.pop("headers", {})}
        return self.world.client.request(method, path, headers=headers, **kwargs)

    def sign_in(self, who: str) -> dict[str, str]:
        """Headers of the account ``who``."""
        if who not in self.headers:
            body = {"name": who, "password": PASSWORD}
            token = self.world.client.post("/auth/login", json=body).json()["access_token"]
            self.headers[who] = {"Authorization": f"Bearer {token}"}
        return self.headers[who]

    def back_up(self, profile: str, *lines: str) -> dict[str, str]:
        """A backup from its start to its end, with these lines in its log; the ids of job and run."""
        job = self.carried_out("/backup/start", profile, *lines)
        return {"job_id": job.id, "run_id": str(job.result.data["run_id"])}

    def carried_out(self, route: str, profile: str, *lines: str) -> Job:
        """A job that this route asks for, from its start to its end."""
        assert self.world.call("POST", route, json={"profile": profile}).status_code == 202
        claim = self.world.claim()
        status, result = self.world.application.worker.carry_out(claim, RecordingWatcher())
        self.world.log(claim.job.id, *lines)
        return self.world.application.queue.finish(claim, status, result)


def settle(two: Neighbours, host: str, owner: str, profile: str, file: bytes) -> dict[str, str]:
    """A host and a profile of an owner, backed up once; what all of it is called."""
    world = two.world
    world.pcs[HostId(host)] = MemoryHost()
    tree = world.pcs[HostId(host)].source(f"/home/{owner}/{profile}")
    tree.write(file, file, T)
    body: dict[str, Any] = {
        "name": host,
        "transport": "memory",
        "allow": [f"/home/{owner}"],
        "owners": [owner],
    }
    assert world.call("POST", "/hosts", json=body).status_code == 201
    body = {"name": profile, "host": host, "sources": [{"path": f"/home/{owner}/{profile}"}]}
    assert world.call("POST", "/profiles", json=body).status_code == 201
    ids = two.back_up(profile, f"sent {file.decode()}")
    return {"host": host, "profile": profile, "file": f"{profile}/{file.decode()}", **ids}


@contextmanager
def neighbours(home: Path) -> Iterator[Neighbours]:
    """Both of them over memory adapters."""
    with api_world(home) as world:
        world.application.storage.prepare()
        for name in ("mallory", "ada"):
            world.application.access.add_user(name, Secret(PASSWORD), Role.OWNER)
        two = Neighbours(world)
        two.own = settle(two, "pc1", "mallory", "mine", b"mine")
        two.names = settle(two, f"{MARK}-pc", "ada", f"{MARK}-docs", f"{MARK}.txt".encode())
        yield two
