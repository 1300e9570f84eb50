"""Restores: which point, which paths, and exactly that."""

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.profile import Profile
from bckcore.domain.source import parsed_sources
from bckcore.domain.transfer import ProblemKind
from bckcore.errors import (
    ConflictError,
    InvalidInputError,
    JobCancelledError,
    NotFoundError,
    RefusedError,
)
from bckcore.services.points import chosen_point
from bckcore.services.restore_report import RestoreReport
from bckcore.services.selection import selected_paths
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.house import DOCS
from tests.support.values import NOW, point
from tests.support.worlds import differences, world_of_folder

PICS = "/home/u/pictures"
POINTS = [point(1, age=timedelta(days=2)), point(3, age=timedelta(days=1)), point(7)]


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.docs.mkdir(b"deep", T, 0o750)
    desk.docs.mkdir(b"deep/er", T + 1, 0o700)
    desk.write("a", "deep/er/x", "deep/er/y", "deep/z", "deep-not/q", "b")
    desk.docs.mkdir(b"deep", T, 0o750)
    desk.docs.write(b"caf\xe9\n", b"odd", T)
    desk.tree(PICS).write(b"p", b"picture", T)
    desk.back_up()
    return desk


def restore(desk: Desk, *paths: bytes, to: Path | None = None, point: str = "latest") -> RestoreReport:
    folder = to or desk.folder / "out"
    return desk.house.restores.restore(DOCS, point=point, to=folder, paths=paths, watcher=desk.house.watcher)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


# --- which point ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "seq"),
    [
        ("latest", 7),
        ("1", 1),
        ("3", 3),
        (POINTS[1].run_id, 3),
        (NOW.isoformat(), 7),
        ((NOW - timedelta(seconds=1)).isoformat(), 3),
        ("2026-01-04T12:00:00", 3),
        ("2026-01-04T13:00:00+01:00", 3),
        ("2026-01-04T11:59:59Z", 1),
        ("2026-01-05", 7),
        ("2026-01-04", 3),
        ("2026-01-03", 1),
        ("9999-12-31T23:59:59-23:59", 7),
    ],
)
def test_a_point_is_named_latest_or_by_number_run_or_time(wanted: str, seq: int) -> None:
    assert chosen_point(POINTS, wanted).seq == seq


@pytest.mark.parametrize("wanted", ["", "2", "8", "newest", "2026-01-03T11:59:59", "yesterday", "-1", "1 "])
def test_a_point_that_does_not_exist_is_not_found(wanted: str) -> None:
    with pytest.raises(NotFoundError, match="bck points"):
        chosen_point(POINTS, wanted)


def test_a_time_before_all_points_is_told_from_when_the_oldest_is() -> None:
    with pytest.raises(
        NotFoundError,
        match=r"of 2020-01-01 23:59:59 UTC or before; the oldest is of 2026-01-\d\d \d\d:\d\d:\d\d UTC",
    ):
        chosen_point(POINTS, "2020-01-01")


@pytest.mark.parametrize(
    ("wanted", "zone", "seq"),
    [
        ("2026-01-05", "Pacific/Auckland", 3),  # its day ends at 11:00 UTC
        ("2026-01-06", "Pacific/Auckland", 7),
        ("2026-01-04", "Pacific/Honolulu", 3),
        ("2026-01-05", "Pacific/Honolulu", 7),
        ("2026-01-05T11:59:59", "Pacific/Honolulu", 3),  # a time without a zone stays UTC
        ("9999-12-31", "Pacific/Honolulu", 7),
    ],
)
def test_a_date_means_the_end_of_that_day_where_the_profile_counts_its_days(
    wanted: str, zone: str, seq: int
) -> None:
    assert chosen_point(POINTS, wanted, zone=zone).seq == seq


def test_a_date_before_all_points_is_shown_in_the_zone_of_the_profile() -> None:
    with pytest.raises(NotFoundError, match=r"of 2020-01-01 23:59:59 CET or before; .* CET\."):
        chosen_point(POINTS, "2020-01-01", zone="Europe/Rome")
    with pytest.raises(NotFoundError, match="or before"):
        chosen_point(POINTS, "0001-01-01", zone="Europe/Rome")


@pytest.mark.parametrize("wanted", ["2026-13-45", "2026-01-01T25:00", "2026-1-1", "2026-01-01 x"])
def test_a_malformed_time_is_wrong_use(wanted: str) -> None:
    with pytest.raises(InvalidInputError, match="is no time"):
        chosen_point(POINTS, wanted)


def test_without_any_point_the_advice_is_to_back_up() -> None:
    with pytest.raises(NotFoundError, match="Run a backup first"):
        chosen_point([], "latest")


# --- which paths ------------------------------------------------------------------------------------


def profile(*sources: str) -> Profile:
    return Profile(id=ProfileId("p"), host=HostId("pc1"), sources=parsed_sources(sources))


@pytest.mark.parametrize(
    ("text", "source", "path"),
    [
        (b"docs", "docs", b"."),
        (b"docs/", "docs", b"."),
        (b"docs/a/b", "docs", b"a/b"),
        (b"docs/a/", "docs", b"a"),
        (b"docs/\xff\n", "docs", b"\xff\n"),
        (b"/home/u/docs", "docs", b"."),
        (b"/home/u/docs/a", "docs", b"a"),
        (b"/home/u/docs2/a", "docs2", b"a"),
        (b"docs2", "docs2", b"."),
        (b"docs/docs", "docs", b"docs"),
    ],
)
def test_a_path_is_given_by_source_name_or_in_full(text: bytes, source: str, path: bytes) -> None:
    assert selected_paths(profile(DOCS_PATH, "/home/u/docs2"), [text]) == {source: [path]}


@pytest.mark.parametrize(
    "text",
    [b"", b"/", b"doc", b"docs3/x", b"/home/u", b"/etc", b"docs/../x", b"docs//x", b"docs/./x", b"DOCS"],
)
def test_a_path_in_no_source_or_a_crooked_one_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInputError):
        selected_paths(profile(DOCS_PATH, "/home/u/docs2"), [text])


@pytest.mark.parametrize(
    ("text", "path"), [(b"/", b"."), (b"/etc/x", b"etc/x"), (b"root", b"."), (b"root/etc", b"etc")]
)
def test_the_root_folder_can_be_a_source(text: bytes, path: bytes) -> None:
    assert selected_paths(profile("/"), [text]) == {"root": [path]}


def test_an_empty_text_is_no_path_even_then() -> None:
    with pytest.raises(InvalidInputError):
        selected_paths(profile("/"), [b""])


def test_no_path_means_everything() -> None:
    assert selected_paths(profile(DOCS_PATH, PICS), []) == {"docs": [b"."], "pictures": [b"."]}


# --- the restore itself -----------------------------------------------------------------------------


def test_everything_is_restored_source_by_source(desk: Desk) -> None:
    report = restore(desk)
    assert differences(desk.world(), world_of_folder(report.folder / "docs")) == []
    assert differences(desk.world(PICS), world_of_folder(report.folder / "pictures")) == []
    assert (report.files, report.problem_count) == (8, 0)
    assert report.bytes == 6 * 4 + len(b"odd") + len(b"picture")


def test_chosen_paths_come_with_their_folders_and_nothing_else(desk: Desk) -> None:
    report = restore(desk, b"docs/deep/er/x", b"/home/u/docs/caf\xe9\n", b"pictures")
    assert files_below(report.folder / "docs") == {"deep/er/x", os.fsdecode(b"caf\xe9\n")}
    assert files_below(report.folder / "pictures") == {"p"}
    world = desk.world()
    for name in (b"deep", b"deep/er"):
        status = os.lstat(os.path.join(os.fsencode(report.folder), b"docs", name))
        assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (world[name].mode, world[name].mtime_ns)


def test_a_chosen_folder_comes_whole_and_its_neighbour_with_a_longer_name_does_not(desk: Desk) -> None:
    report = restore(desk, b"docs/deep")
    assert files_below(report.folder) == {"docs/deep/er/x", "docs/deep/er/y", "docs/deep/z"}


def test_a_path_inside_another_chosen_one_comes_once(desk: Desk) -> None:
    report = restore(desk, b"docs/deep/er/x", b"docs/deep", b"docs/deep", b"docs/deep/er")
    assert report.files == 3


def test_paths_that_were_not_there_are_named_and_the_rest_is_restored(desk: Desk) -> None:
    report = restore(desk, b"docs/a", b"docs/nothing", b"pictures/none")
    assert files_below(report.folder) == {"docs/a"}
    assert report.problem_count == 2
    assert [(one.kind, one.path) for one in report.problems] == [
        (ProblemKind.NOT_RESTORED, b"docs/nothing"),
        (ProblemKind.NOT_RESTORED, b"pictures/none"),
    ]
    assert "not-restored: pictures/none" in desk.log


def test_when_none_of_the_paths_was_there_nothing_is_made_and_the_next_try_finds_the_folder_free(
    desk: Desk,
) -> None:
    with pytest.raises(NotFoundError, match="did not exist at restore point"):
        restore(desk, b"docs/nothing")
    assert restore(desk, b"docs/a").files == 1


def test_a_source_that_the_profile_dropped_can_still_be_chosen_by_name_in_its_old_points(desk: Desk) -> None:
    desk.use(DOCS_PATH)
    desk.back_up()
    report = restore(desk, b"pictures/p", point="1")
    assert files_below(report.folder) == {"pictures/p"}
    assert desk.house.restores.check_request(DOCS, "1", [b"pictures/p"]).seq == 1
    with pytest.raises(InvalidInputError):
        restore(desk, b"pictures/p", to=desk.folder / "out2")
    with pytest.raises(InvalidInputError):
        desk.house.restores.check_request(DOCS, "latest", [b"pictures/p"])


def test_an_older_state_is_restored_though_the_newest_copy_changed(desk: Desk) -> None:
    before = desk.world()
    desk.write("a", data=b"changed", mtime_ns=T + 1)
    desk.docs.delete(b"deep")
    desk.docs.write(b"deep", b"now a file", T)
    desk.back_up()
    target = restore(desk, b"docs", point="1")
    assert differences(before, world_of_folder(target.folder / "docs")) == []


def test_a_folder_that_is_not_empty_or_in_the_storage_is_not_touched(desk: Desk) -> None:
    taken = desk.folder / "taken"
    taken.mkdir()
    (taken / "mine").write_text("mine")
    with pytest.raises(ConflictError):
        restore(desk, to=taken)
    assert files_below(taken) == {"mine"}
    with pytest.raises(RefusedError):
        restore(desk, to=desk.house.root / "current" / "x")


def test_a_restore_can_be_cancelled_and_what_it_wrote_stays(desk: Desk) -> None:
    asked: list[int] = []

    def cancelled_at_the_third_question() -> bool:
        asked.append(1)
        return len(asked) == 3

    def passes_by_itself() -> float:
        clock.advance(1)
        return plain()

    clock = desk.house.clock
    plain = clock.monotonic
    clock.monotonic = passes_by_itself  # type: ignore[method-assign]  # each look at it takes a second
    desk.house.watcher.stop = cancelled_at_the_third_question
    with pytest.raises(JobCancelledError, match="stays"):
        restore(desk)
    assert len(asked) == 3


def test_an_unknown_profile_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFoundError):
        desk.house.restores.points(ProfileId("none"))
    with pytest.raises(NotFoundError):
        desk.house.restores.check_request(ProfileId("none"), "latest", [])
