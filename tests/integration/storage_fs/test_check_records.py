"""Whatever is done to receipts, manifests, acts and the database, a check names exactly that."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from bckcore.domain.check import CheckRequest
from tests.support import harm
from tests.support.checking import ALL, LOOK, checked, told
from tests.support.databases import address_of
from tests.support.harm import Scene

SEQS = (1, 2, 3, 4, 5)
MANIFESTS = (1, 2, 3, 5)
FLIPS = int(os.environ.get("BCK_FLIPS", "25"))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.house.database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def sql_scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with address_of(request.param, tmp_path) as url:
        made = Scene(tmp_path, url=url)
        yield made
        made.house.database.close()


def flipped_everywhere(place: bytes, seed: int) -> Iterator[int]:
    """Turn over one bit after the other, each time in an otherwise whole file."""
    whole = Path(os.fsdecode(place)).read_bytes()
    for bit in Random(seed).sample(range(len(whole) * 8), FLIPS):
        harm.flip(place, bit)
        yield bit
        Path(os.fsdecode(place)).write_bytes(whole)


@pytest.mark.parametrize("seq", SEQS)
def test_a_flipped_bit_anywhere_in_a_receipt_is_named(scene: Scene, seq: int) -> None:
    name = f"{seq:06d}.json"
    for bit in flipped_everywhere(scene.record(name), seq):
        assert told(checked(scene.house, LOOK)) == {("receipt-damaged", "receipts", name.encode())}, (
            f"bit {bit}"
        )


@pytest.mark.parametrize("seq", SEQS)
def test_a_receipt_that_is_gone_or_cut_short_is_named(scene: Scene, seq: int) -> None:
    name = f"{seq:06d}.json"
    harm.cut_short(scene.record(name))
    assert told(checked(scene.house)) == {("receipt-damaged", "receipts", name.encode())}
    harm.remove(scene.record(name))
    assert told(checked(scene.house)) == {("receipt-missing", "receipts", name.encode())}


def test_a_receipt_of_another_run_in_its_place_is_named(scene: Scene) -> None:
    other = Path(os.fsdecode(scene.record("000002.json"))).read_bytes()
    harm.put(scene.record("000003.json"), other)
    assert told(checked(scene.house)) == {("receipt-damaged", "receipts", b"000003.json")}


@pytest.mark.parametrize("seq", MANIFESTS)
def test_a_flipped_bit_anywhere_in_a_manifest_is_named(scene: Scene, seq: int) -> None:
    name = f"{seq:06d}.tsv.gz"
    for bit in flipped_everywhere(scene.record(name), seq):
        found = told(checked(scene.house, LOOK))
        assert found == {("manifest-damaged", "receipts", name.encode())}, f"bit {bit}"


@pytest.mark.parametrize("seq", MANIFESTS)
def test_a_manifest_that_is_gone_is_named(scene: Scene, seq: int) -> None:
    name = f"{seq:06d}.tsv.gz"
    harm.remove(scene.record(name))
    assert told(checked(scene.house)) == {("manifest-missing", "receipts", name.encode())}


@pytest.mark.parametrize("number", [1, 2])
def test_a_flipped_bit_anywhere_in_an_act_is_named(scene: Scene, number: int) -> None:
    name = f"act-{number:06d}.json"
    for bit in flipped_everywhere(scene.record(name), number):
        found = told(checked(scene.house, LOOK))
        assert found == {("act-damaged", "receipts", name.encode())}, f"bit {bit}"


@pytest.mark.parametrize("number", [1, 2])
def test_an_act_that_is_gone_is_named(scene: Scene, number: int) -> None:
    name = f"act-{number:06d}.json"
    harm.remove(scene.record(name))
    assert told(checked(scene.house)) == {("act-missing", "receipts", name.encode())}


# --- the database -------------------------------------------------------------------------------------

VERSION = "UPDATE file_version SET {} WHERE path = ? AND since_seq = ?"
Rows = Callable[[Scene], None]

IN_DATABASE: list[tuple[str, Rows, bytes]] = [
    ("size", lambda scene: scene.sql(VERSION.format("size = size + 1"), b"b", 5), b"docs/b"),
    ("old size", lambda scene: scene.sql(VERSION.format("size = 3"), b"a", 1), b"docs/a"),
    ("mode", lambda scene: scene.sql(VERSION.format("mode = 511"), b"d", 1), b"docs/d"),
    ("time", lambda scene: scene.sql(VERSION.format("mtime_ns = 5"), b"keep", 1), b"docs/keep"),
    ("digest", lambda scene: scene.sql(VERSION.format("digest = ?"), b"\0", b"keep", 1), b"docs/keep"),
    ("target", lambda scene: scene.sql(VERSION.format("target = ?"), b"A", b"link", 3), b"docs/link"),
    ("kind", lambda scene: scene.sql(VERSION.format("kind = 'd'"), b"d/y", 1), b"docs/d/y"),
    ("ended", lambda scene: scene.sql(VERSION.format("until_seq = 3"), b"d/y", 1), b"docs/d/y"),
    ("not ended", lambda scene: scene.sql(VERSION.format("until_seq = NULL"), b"gone", 1), b"docs/gone"),
]
DELETE = "DELETE FROM file_version WHERE path = ? AND since_seq = ?"


@pytest.mark.parametrize(("what", "alter", "path"), IN_DATABASE, ids=[one[0] for one in IN_DATABASE])
def test_an_altered_version_in_the_database_is_named(
    sql_scene: Scene, what: str, alter: Rows, path: bytes
) -> None:
    alter(sql_scene)
    assert told(checked(sql_scene.house)) == {("catalog-differs", "database", path)}


@pytest.mark.parametrize(("path", "since"), [(b"keep", 1), (b"a", 1), (b"a", 2), (b"gone", 1), (b"d", 1)])
def test_a_version_that_the_database_lost_is_named(sql_scene: Scene, path: bytes, since: int) -> None:
    sql_scene.sql(DELETE, path, since)
    assert told(checked(sql_scene.house)) == {("catalog-differs", "database", b"docs/" + path)}


def test_a_version_too_many_is_named(sql_scene: Scene) -> None:
    sql_scene.sql(VERSION.format("path = ?"), b"z", b"keep", 1)
    assert told(checked(sql_scene.house)) == {
        ("catalog-differs", "database", b"docs/keep"),
        ("catalog-differs", "database", b"docs/z"),
    }


@pytest.mark.parametrize("seq", [1, 2, 5])
def test_a_point_that_the_database_lost_is_named(sql_scene: Scene, seq: int) -> None:
    sql_scene.sql("DELETE FROM point WHERE seq = ?", seq)
    name = sql_scene.runs[seq].encode()
    assert ("catalog-differs", "database", name) in told(checked(sql_scene.house))


def test_a_run_that_the_database_tells_differently_is_named(sql_scene: Scene) -> None:
    sql_scene.sql("UPDATE run SET files_count = 99 WHERE seq = 2")
    name = sql_scene.runs[2].encode()
    assert told(checked(sql_scene.house)) == {("catalog-differs", "database", name)}


@pytest.mark.parametrize("request_", [ALL, LOOK, CheckRequest(sample=50)], ids=["all", "look", "half"])
def test_the_scene_is_clean_before(sql_scene: Scene, request_: CheckRequest) -> None:
    assert told(checked(sql_scene.house, request_)) == set()
