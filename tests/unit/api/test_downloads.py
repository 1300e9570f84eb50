"""Downloads over HTTP: archives and files, their heads, what a broken one looks like, and a look ahead."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import quote, unquote

import anyio
import pytest

from bck_apps.api.downloads import HeldStream, disposition
from bckcore.domain.access import Role
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.run import ProfileRef
from bckcore.errors import AccessDeniedError, NotFoundError
from tests.support.api_world import ApiWorld

T = 1_700_000_000 * 10**9
POINT = "/profiles/docs/points/latest"


@pytest.fixture
def filled(world: ApiWorld) -> ApiWorld:
    """A point of docs: docs/a, docs/d/x and docs/café (not UTF-8)."""
    world.application.storage.prepare()
    world.prepare()
    tree = world.pcs[HostId("pc1")].source("/home/u/docs")
    tree.write(b"a", b"data", T)
    tree.write(b"d/x", b"x" * 1000, T)
    tree.write(b"caf\xe9", b"odd", T)
    world.start()
    world.carry_out()
    return world


def test_an_archive_is_streamed_with_a_name_and_cannot_be_shown_as_a_page(filled: ApiWorld) -> None:
    response = filled.call("GET", f"{POINT}/export?format=tar", role=Role.OPERATOR)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-tar"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-disposition"].startswith('attachment; filename="docs-20')
    with tarfile.open(fileobj=io.BytesIO(response.content)) as tar:
        names = [os.fsencode(one.name) for one in tar]
    assert names == [b"docs", b"docs/a", b"docs/caf\xe9", b"docs/d", b"docs/d/x"]


def test_chosen_paths_as_a_zip(filled: ApiWorld) -> None:
    response = filled.call("GET", f"{POINT}/export?format=zip&path=docs/a&path_bytes=docs/caf%25E9")
    with zipfile.ZipFile(io.BytesIO(response.content)) as zipped:
        assert zipped.namelist() == ["docs/a", "docs/caf%E9", "README-bck.txt"]


def test_the_lock_is_free_after_a_download(filled: ApiWorld) -> None:
    ref = ProfileRef(host=HostId("pc1"), profile=ProfileId("docs"))
    assert filled.call("GET", f"{POINT}/export").status_code == 200
    with filled.application.storage.lock(ref, wait_seconds=0):
        pass


def test_one_file_comes_with_its_length(filled: ApiWorld) -> None:
    response = filled.call("GET", f"{POINT}/file?path=docs/d/x")
    assert (response.status_code, response.content) == (200, b"x" * 1000)
    assert response.headers["content-length"] == "1000"
    assert response.headers["content-type"] == "application/octet-stream"
    odd = filled.call("GET", f"{POINT}/file?path_bytes=docs/caf%25E9")
    assert odd.content == b"odd"


@pytest.mark.parametrize(
    ("route", "status"),
    [
        ("/file", 422),
        ("/file?path=docs/d", 422),
        ("/file?path=docs", 422),
        ("/file?path=docs/../a", 422),
        ("/file?path=/etc/passwd", 422),
        ("/file?path=docs/none", 404),
        ("/file?path=docs/a&path_bytes=docs/a", 422),
        ("/export?format=rar", 422),
        ("/export?path=docs/none", 404),
        ("/export?path_bytes=docs/%25ZZ", 422),
        ("/export?path=docs/%00", 422),
    ],
)
def test_what_cannot_be_had_is_told_before_anything_is_sent(
    filled: ApiWorld, route: str, status: int
) -> None:
    response = filled.call("GET", f"{POINT}{route}")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert (
        filled.call("GET", f"/profiles/docs/points/nope{route.partition('?')[0]}?path=docs/a").status_code
        == 404
    )


@pytest.mark.parametrize("role", [Role.VIEWER])
def test_who_may_only_look_gets_no_content(filled: ApiWorld, role: Role) -> None:
    for route in ("/export", "/file?path=docs/a"):
        assert filled.call("GET", f"{POINT}{route}", role=role).status_code == 403
    assert filled.client.get(f"{POINT}/file?path=docs/a").status_code == 401


# --- the stream itself ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [b"plain.txt", 'è"\\;/\r\n'.encode(), b"\xff\xfe", b"%41", "漢".encode() * 80]
)
def test_any_name_stays_one_header(name: bytes) -> None:
    text = disposition(name)
    assert text.isascii()
    assert text.isprintable()
    assert text.count('"') == 2
    assert unquote(text.partition("UTF-8''")[2]) == name.decode("utf-8", "replace")
    assert quote(name.decode("utf-8", "replace"), safe="") in text


def always() -> None:
    """The right to it never ends."""


def stream(
    pieces: Iterator[bytes],
    *,
    stall: float = 5.0,
    stuck: bool = False,
    still_may: Callable[[], None] = always,
    threads: anyio.CapacityLimiter | None = None,
) -> tuple[list[object], bool]:
    """What was sent, and whether what was held is released."""
    sent: list[object] = []
    released: list[bool] = []
    held = ExitStack()
    held.callback(lambda: released.append(True))

    async def receive() -> dict[str, object]:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: object) -> None:
        sent.append(message)
        if stuck:
            await anyio.sleep_forever()

    async def run() -> None:
        response = HeldStream(
            pieces,
            held,
            still_may=still_may,
            name=b"x",
            media_type="a/b",
            threads=threads or anyio.CapacityLimiter(1),
            stall_seconds=stall,
        )
        await response({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send)

    try:
        anyio.run(run)
    except BaseException as error:  # noqa: BLE001  # whatever it is, the test wants to see it
        sent.append(error)
    return sent, bool(released)


def broken() -> Iterator[bytes]:
    yield b"begun"
    raise ValueError("broken")


def test_a_failure_under_way_breaks_off_and_releases() -> None:
    sent, released = stream(broken())
    assert released
    assert isinstance(sent[-1], Exception)
    assert not any(isinstance(one, dict) and one.get("more_body") is False for one in sent)


def test_a_client_that_takes_nothing_is_left() -> None:
    sent, released = stream(iter([b"x"] * 10), stall=0.05, stuck=True)
    assert released
    assert len(sent) == 2


def test_a_right_that_ends_under_way_breaks_off_and_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bck_apps.api.permits.PERMIT_SECONDS", 0.0)
    for error in (AccessDeniedError("over"), NotFoundError("over")):
        looks = iter((None, None, None, error))

        def look(looks: Iterator[Exception | None] = looks) -> None:
            if found := next(looks):
                raise found

        sent, released = stream(iter([b"x"] * 10), still_may=look)
        assert released
        assert [one["body"] for one in sent[1:] if isinstance(one, dict)] == [b"x", b"x"]
        assert not any(isinstance(one, dict) and one.get("more_body") is False for one in sent)


def test_many_small_pieces_are_not_each_looked_at() -> None:
    looks: list[int] = []
    sent, _ = stream(iter([b"x"] * 1000), still_may=lambda: looks.append(1))
    assert len(sent) == 1002
    assert len(looks) <= 1, "a thousand pieces take less than two seconds"


# --- a look ahead -----------------------------------------------------------------------------------


def test_a_look_ahead_comes_in_parts_with_counts_at_the_end(filled: ApiWorld) -> None:
    to = filled.application.home.parent / "out"
    body = {"profile": "docs", "to": str(to), "limit": 2}
    items, after = [], 0
    while True:
        part = filled.call("POST", "/restore/preview", json={**body, "after": after}).json()
        items += part["items"]
        if part["next"] is None:
            break
        assert part["counts"] is None
        after = int(part["next"])
    assert [one["path_bytes"] for one in items] == ["docs/.", "docs/a", "docs/caf%E9", "docs/d", "docs/d/x"]
    assert [one["kind"] for one in items] == ["folder", "file", "file", "folder", "file"]
    assert part["counts"] == {"created": 5}
    assert not to.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [({"to": "relative"}, 422), ({}, 422), ({"to_host": True}, 422), ({"to": "/x", "conflict": "eat"}, 422)],
)
def test_a_look_ahead_that_makes_no_sense_is_refused(
    filled: ApiWorld, body: dict[str, object], status: int
) -> None:
    assert filled.call("POST", "/restore/preview", json={"profile": "docs", **body}).status_code == status


def test_a_restore_to_the_host_and_choices_reach_the_job(filled: ApiWorld) -> None:
    body = {"profile": "docs", "to_host": True, "host_dir": "/home/u/back", "conflict": "skip"}
    assert filled.call("POST", "/restore/start", json=body).status_code == 202
    payload = filled.claim().job.payload
    assert (payload["host_dir"], payload["conflict"], payload["dry_run"]) == ("/home/u/back", "skip", False)
    assert filled.call("POST", "/restore/start", json={**body, "host_dir": "/elsewhere"}).status_code == 403
    assert filled.call("POST", "/restore/start", json={**body, "to": "/x"}).status_code == 422


def test_pieces_are_read_in_threads_that_are_kept_for_them() -> None:
    threads, taken = anyio.CapacityLimiter(1), list[int]()

    def pieces() -> Iterator[bytes]:
        for _ in range(2):
            taken.append(threads.borrowed_tokens)
            yield b"x"

    _, released = stream(pieces(), threads=threads)
    assert released
    assert (taken, threads.borrowed_tokens) == ([1, 1], 0)
