"""Whatever is done to files of the storage, a check names exactly that."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bck_adapters.testkit.lacking import need_ordinary_user
from tests.support import harm
from tests.support.checking import ALL, LOOK, checked, told
from tests.support.harm import Scene

Harm = Callable[[bytes], None]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.house.database.close()
    harm.open_again(made.root)


def test_nothing_is_found_before_harm_is_done(scene: Scene) -> None:
    report = checked(scene.house)
    assert told(report) == set(), [finding.text for finding in report.findings]
    assert report.counts.files_proven == report.counts.files_read > 10


IN_CURRENT: list[tuple[Harm, bytes, str]] = [
    (harm.flip, b"b", "bit-rot"),
    (harm.flip, b"li\nne", "bit-rot"),
    (harm.overwrite, b"caf\xe9", "changed"),
    (harm.cut_short, b"b", "size-changed"),
    (harm.new_time, b"b", "attributes-changed"),
    (harm.remove, b"d/y", "missing"),
    (harm.remove, b"gone", "missing"),
    (harm.remove, b"empty", "missing"),
    (harm.remove, b"link", "missing"),
    (harm.put, b"stranger", "extra"),
    (harm.put_link, b"b", "strange-type"),
    (harm.put_pipe, b"b", "strange-type"),
    (harm.put_link, b"nobody asked", "strange-type"),
    (harm.flip, b"link", "bit-rot"),
    (lambda place: harm.set_attribute(place, b"100755 0,0 1000:1000"), b"b", "attributes-changed"),
    (lambda place: harm.set_attribute(place, b"100600 0,0 7:1000"), b"b", "attributes-changed"),
    (lambda place: harm.set_attribute(place, b"no sense"), b"b", "attributes-changed"),
    (lambda place: harm.set_attribute(place, b"120777 0,0 1000:1000"), b"b", "attributes-changed"),
    (lambda place: harm.set_attribute(place, b"40711 0,0 1000:1000"), b"d", "attributes-changed"),
    (harm.drop_attribute, b"link", "attributes-changed"),
]


@pytest.mark.parametrize(("hurt", "path", "cause"), IN_CURRENT)
def test_harm_in_current_is_named(scene: Scene, hurt: Harm, path: bytes, cause: str) -> None:
    hurt(scene.current(path))
    assert told(checked(scene.house)) == {(cause, "current", b"docs/" + path)}


IN_INCREMENTS: list[tuple[Harm, int, bytes, str]] = [
    (harm.flip, 2, b"a", "bit-rot"),
    (harm.flip, 3, b"a", "bit-rot"),
    (harm.flip, 3, b"t", "bit-rot"),
    (harm.flip, 3, b"link", "bit-rot"),
    (harm.overwrite, 2, b"d/x", "changed"),
    (harm.cut_short, 2, b"d/x", "size-changed"),
    (harm.remove, 2, b"a", "missing"),
    (harm.remove, 2, b"d/x", "missing"),
    (harm.remove, 3, b"a", "missing"),
    (harm.remove, 3, b"t", "missing"),
    (harm.put, 2, b"stranger", "extra"),
    (harm.put, 3, b"b", "size-changed"),
    (lambda place: harm.put(place, b"FIRST BYTES OF b"), 5, b"b", "changed"),
    (harm.put_link, 2, b"a", "strange-type"),
    (harm.put_pipe, 2, b"nobody asked", "strange-type"),
]


@pytest.mark.parametrize(("hurt", "seq", "path", "cause"), IN_INCREMENTS)
def test_harm_in_an_increment_is_named(scene: Scene, hurt: Harm, seq: int, path: bytes, cause: str) -> None:
    hurt(scene.increment(seq, path))
    assert told(checked(scene.house)) == {(cause, scene.runs[seq], b"docs/" + path)}


@pytest.mark.parametrize(("hurt", "path", "cause"), IN_CURRENT)
def test_a_look_without_reading_finds_all_but_rotten_bytes(
    scene: Scene, hurt: Harm, path: bytes, cause: str
) -> None:
    hurt(scene.current(path))
    expected = set() if cause == "bit-rot" and path != b"link" else {(cause, "current", b"docs/" + path)}
    assert told(checked(scene.house, LOOK)) == expected


def test_files_that_may_not_be_read_are_named(scene: Scene) -> None:
    need_ordinary_user()
    harm.close_off(scene.current(b"b"))
    harm.close_off(scene.increment(2, b"a"))
    assert told(checked(scene.house)) == {
        ("unreadable", "current", b"docs/b"),
        ("unreadable", scene.runs[2], b"docs/a"),
    }


@pytest.mark.parametrize("request_", [ALL, LOOK], ids=["all", "look"])
def test_a_closed_folder_is_named_once_for_all_that_it_holds(scene: Scene, request_) -> None:
    need_ordinary_user()
    harm.close_off(scene.current(b"d"))
    harm.close_off(scene.increment(2, b"d"))
    assert told(checked(scene.house, request_)) == {
        ("unreadable", "current", b"docs/d"),
        ("unreadable", scene.runs[2], b"docs/d"),
    }


def test_a_folder_in_the_place_of_a_file_and_a_file_in_that_of_a_folder(scene: Scene) -> None:
    harm.remove(scene.current(b"b"))
    os.mkdir(scene.current(b"b"))
    harm.remove(scene.current(b"empty"))
    harm.put(scene.current(b"empty"))
    assert told(checked(scene.house)) == {
        ("strange-type", "current", b"docs/b"),
        ("strange-type", "current", b"docs/empty"),
    }


def test_a_strange_folder_is_named_once_whatever_it_holds(scene: Scene) -> None:
    for name in (b"one", b"two", b"deep/er"):
        harm.put(scene.current(b"strange/" + name))
    assert told(checked(scene.house)) == {("extra", "current", b"docs/strange")}


def test_strange_sources_increments_and_partial_files_are_named(scene: Scene) -> None:
    foreign = "20990101T000000Z-00000001"
    harm.put(os.fsencode(scene.root / "current" / "pc1" / "docs" / "other" / "file"))
    harm.put(os.fsencode(scene.root / "current" / "pc1" / "docs" / "notes.txt"))
    harm.put(os.fsencode(scene.root / ".history" / foreign / "pc1" / "docs" / "docs" / "file"))
    harm.put(os.fsencode(scene.root / ".work" / "partial" / "pc1" / "docs" / "past" / "file"))
    found = told(checked(scene.house))
    assert {one for one in found if one[1] != foreign} == {
        ("extra", "current", b"other"),
        ("extra", "current", b"notes.txt"),
        ("extra", "work", b"past"),
    }


def test_findings_say_which_points_are_affected(scene: Scene) -> None:
    harm.flip(scene.current(b"keep"))
    harm.remove(scene.increment(3, b"a"))
    report = checked(scene.house)
    affected = {finding.path: (finding.points, finding.newest) for finding in report.findings}
    assert affected == {b"keep": (4, 5), b"a": (1, 2)}
    assert "4 points need it, the newest is 5" in next(
        finding.text for finding in report.findings if finding.path == b"keep"
    )


def test_many_harms_at_once_are_all_named(scene: Scene) -> None:
    harm.flip(scene.current(b"b"))
    harm.remove(scene.current(b"keep"))
    harm.cut_short(scene.increment(2, b"a"))
    harm.put(scene.current(b"stranger"))
    harm.flip(scene.record("000003.tsv.gz"), 400)
    report = checked(scene.house)
    assert told(report) == {
        ("bit-rot", "current", b"docs/b"),
        ("missing", "current", b"docs/keep"),
        ("size-changed", scene.runs[2], b"docs/a"),
        ("extra", "current", b"docs/stranger"),
        ("manifest-damaged", "receipts", b"000003.tsv.gz"),
    }
    assert report.total == 5
