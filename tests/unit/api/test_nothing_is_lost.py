"""Whatever anybody but an administrator calls, every restore point that was there still restores exactly."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bckcore.domain.access import Role
from bckcore.domain.ids import HostId
from bckcore.domain.secret import Secret
from tests.support.api_world import PASSWORD, api_world
from tests.support.house import RecordingWatcher
from tests.support.neighbours import Neighbours, T, settle
from tests.support.routes import every_route, named

OWN_DOOR = ("/auth/logout", "/auth/password", "/auth/sessions/{session_id}", "/auth/tokens/{token_id}")
"""They would only end the caller's own session."""
MINUTE = 60


@pytest.fixture
def house(quick_dir: Path) -> Iterator[Neighbours]:
    """mallory's PC, with three points of which each lacks what the one before had."""
    with api_world(quick_dir) as world:
        world.application.storage.prepare()
        world.application.access.add_user("mallory", Secret(PASSWORD), Role.OWNER)
        made = Neighbours(world)
        made.names = settle(made, "pc1", "mallory", "mine", b"first")
        tree = world.pcs[HostId("pc1")].source("/home/mallory/mine")
        for gone, come in ((b"first", b"second"), (b"second", b"third")):
            tree.delete(gone)
            tree.write(come, come * 3, T)
            world.clock.advance(MINUTE)
            assert world.call("POST", "/backup/start", json={"profile": "mine"}).status_code == 202
            _carried_out(world)
        yield made


def _carried_out(world: Any) -> int:
    """Every job that waits; how many there were."""
    done = 0
    while claim := world.application.queue.claim("test", lease_seconds=60):
        status, result = world.application.worker.carry_out(claim, RecordingWatcher())
        world.application.queue.finish(claim, status, result)
        done += 1
    return done


def points(house: Neighbours) -> dict[str, dict[str, bytes]]:
    """Each point's files and their content, as an administrator gets them."""
    listed = house.world.call("GET", "/profiles/mine/points").json()["items"]
    return {one["point"]: exported(house, one["point"]) for one in listed}


def exported(house: Neighbours, point: str) -> dict[str, bytes]:
    answer = house.world.call("GET", f"/profiles/mine/points/{point}/export", params={"format": "tar"})
    assert answer.status_code == 200, answer.text
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive)
        return {name: file.read() for name, file in files if file is not None}


def bodies(house: Neighbours) -> dict[str, Any]:
    """What makes each call a serious one, by the end of its address."""
    run, into = house.names["run_id"], str(house.world.application.settings.storage.root / "current")
    wide = {"name": "mine", "host": "pc1", "sources": [{"path": "/home/mallory"}], "keep_last": 1}
    return {
        "/backup/start": {"profile": "mine", "accept_missing": True},
        "/backup/preview": {"profile": "mine"},
        "/check/start": {"profile": "mine", "read_data": True},
        "/restore/start": {"profile": "mine", "point": run, "to": into, "conflict": "overwrite"},
        "/restore/preview": {"profile": "mine", "point": run, "to": into},
        "/undo/plan": {"to": run},
        "/undo": {"to": run, "reason": "spite"},
        "/accept/plan": {"run": run},
        "/accept": {"run": run, "reason": "spite"},
        "/forget/plan": {"path": "mine/third"},
        "/forget": {"path": "mine/third", "reason": "spite"},
        "/holds": {"point": run, "reason": "spite"},
        "/hosts/{name}": {"name": "pc1", "transport": "memory"},
        "/profiles/{name}": wide,
        "/profiles": wide | {"name": "other"},
    }


@pytest.mark.parametrize("who", ["mallory", *(role.value for role in Role if role is not Role.ADMIN)])
def test_nobody_but_an_administrator_can_harm_a_point(house: Neighbours, who: str) -> None:
    before, asked = points(house), bodies(house)
    assert [sorted(files) for files in before.values()] != []
    assert len(before) == 3
    calls = 0
    for method, template in every_route():
        if template.startswith("/health") or template in OWN_DOOR:
            continue
        body: dict[str, Any] = next((body for end, body in asked.items() if template.endswith(end)), {})
        answer = house.call(who, method, named(template, house.names), json=body)
        assert answer.status_code < 500 or answer.status_code == 503, (method, template, answer.text)
        calls += 1
        _carried_out(house.world)
    assert calls > 50
    after = points(house)
    assert {point: after.get(point) for point in before} == before
