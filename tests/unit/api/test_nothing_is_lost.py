"""Whatever anybody but an administrator calls, every restore point that was there still restores exactly."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bckcore.domain.access import Role
from bckcore.domain.device_token import SCOPES
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


def hold_token(house: Neighbours) -> None:
    """A device of mallory's PC, which may do all that any may."""
    body = {"host": "pc1", "name": DEVICE, "scopes": sorted(SCOPES)}
    answer = house.world.call("POST", "/auth/tokens", json=body)
    assert answer.status_code == 201, answer.text
    house.headers[DEVICE] = {"Authorization": f"Bearer {answer.json()['token']}"}


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


DEVICE = "laptop"


@pytest.mark.parametrize("who", ["mallory", DEVICE, *(role.value for role in Role if role is not Role.ADMIN)])
def test_nobody_but_an_administrator_can_harm_a_point(house: Neighbours, who: str) -> None:
    hold_token(house)
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


# --- a host that is this server itself --------------------------------------------------------------------

OWN_FOLDERS = ("current", "current/pc1/mine", ".receipts", ".work/new", "..", "new")
"""Of the storage's root. The source that is restored is called as the root is, so '..' leads to the root."""


@pytest.fixture
def shared(house: Neighbours, tmp_path: Path, require_tool: Any) -> Neighbours:
    """Beside mallory's PC, the server's own folders as a host of mallory's, with one backup of it."""
    require_tool("rsync")
    world, root = house.world, house.world.application.settings.storage.root
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("first", "second", "third", "bck.toml", "bck.sqlite3"):
        (mine / name).write_text("of mallory")
    (tmp_path / "way-in").symlink_to(root / "current")
    body = {"name": "server", "transport": "local", "allow": ["/"], "owners": ["mallory"]}
    assert world.call("POST", "/hosts", json=body).status_code == 201
    plan = {"name": "own", "host": "server", "sources": [{"name": "storage", "path": str(mine)}]}
    assert world.call("POST", "/profiles", json=plan).status_code == 201
    world.clock.advance(MINUTE)
    assert world.call("POST", "/backup/start", json={"profile": "own"}).status_code == 202
    assert _carried_out(world) == 1
    return house


@pytest.mark.parametrize("who", ["mallory", "operator"])
def test_a_restore_to_this_server_never_writes_into_the_storage(
    shared: Neighbours, who: str, tmp_path: Path
) -> None:
    before, root = points(shared), shared.world.application.settings.storage.root
    held = tree_of(root.parent)
    places = [*(os.path.normpath(root / name) for name in OWN_FOLDERS), str(tmp_path / "way-in" / "pc1")]
    for place in places:
        for dry_run in (False, True):
            body = {
                "profile": "own",
                "point": "latest",
                "to_host": True,
                "host_dir": place,
                "conflict": "overwrite",
                "dry_run": dry_run,
            }
            answer = shared.call(who, "POST", "/restore/start", json=body)
            assert answer.status_code == 403, (place, answer.text)
    assert _carried_out(shared.world) == 0
    assert tree_of(root.parent) == held
    assert points(shared) == before
    fine = body | {"host_dir": str(tmp_path / "back"), "dry_run": False}
    assert shared.call(who, "POST", "/restore/start", json=fine).status_code == 202
    assert _carried_out(shared.world) == 1
    assert (tmp_path / "back" / "storage" / "first").read_text() == "of mallory"


@pytest.mark.parametrize("change", [False, True])
def test_no_profile_takes_the_servers_own_folders(shared: Neighbours, tmp_path: Path, change: bool) -> None:
    home = shared.world.application.home
    root = shared.world.application.settings.storage.root
    for place in (home, root, root / "current", home / "tls", home.parent, tmp_path / "way-in" / "pc1", "/"):
        plan = {"name": "wide", "host": "server", "sources": [{"name": "all", "path": str(place)}]}
        if change:
            answer = shared.world.call("PUT", "/profiles/own", json=plan | {"name": "own"})
        else:
            answer = shared.world.call("POST", "/profiles", json=plan)
        assert answer.status_code == 403, (place, answer.text)
        assert "server's own" in answer.json()["detail"] or "server's own" in answer.json()["title"]


def test_a_run_of_a_profile_that_leads_there_by_now_reads_nothing(shared: Neighbours, tmp_path: Path) -> None:
    world, root = shared.world, shared.world.application.settings.storage.root
    docs = tmp_path / "a" / "docs"
    docs.mkdir(parents=True)
    (docs / "f").write_text("f")
    body = {"name": "narrow", "transport": "local", "allow": [str(docs)], "owners": ["mallory"]}
    assert world.call("POST", "/hosts", json=body).status_code == 201
    plan = {"name": "narrow", "host": "narrow", "sources": [{"name": "docs", "path": str(docs)}]}
    assert world.call("POST", "/profiles", json=plan).status_code == 201
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "docs").symlink_to(root / "current")
    job = world.call("POST", "/backup/start", json={"profile": "narrow"}).json()["job"]["job_id"]
    assert _carried_out(world) == 1
    ended = world.call("GET", f"/backup/status/{job}").json()
    assert ended["status"] == "failed"
    assert "server's own" in ended["error"]["what"]
    assert [one for one in (root / "current" / "narrow").rglob("*") if one.is_file()] == []


def tree_of(folder: Path) -> dict[str, bytes]:
    """Every file of ours that a restore could change; locks come and go, and the audit log goes on."""
    passing = {".work", "run", "audit.head"}
    kept = (one for one in folder.rglob("*") if one.is_file() and passing.isdisjoint(one.parts))
    return {str(one.relative_to(folder)): one.read_bytes() for one in kept}
