"""Presets, rules in the PC's own folders, and the limit of size, from run to run."""

from dataclasses import replace
from pathlib import Path

import pytest

from bckcore.domain.filters import FilterOptions
from bckcore.domain.host import Host, Platform
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import RunOutcome
from bckcore.services.host_rules import SIGNATURE
from tests.support.desks import Desk, T
from tests.support.house import DOCS, PC


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir)
    desk.write("a", "d/b.o", "d/c", "cache/1", "cache/2")
    return desk


def use(desk: Desk, **options: object) -> None:
    desk.house.change_profile(filters=FilterOptions(**options))  # type: ignore[arg-type]  # test


def test_what_a_bckignore_hides_is_excluded_and_comes_back(desk: Desk) -> None:
    use(desk, bckignore=True)
    desk.back_up()
    before = desk.world()
    desk.docs.write(b"d/.bckignore", b"*.o\n", T)
    run = desk.back_up()
    assert (run.outcome, run.counts.gone) == (RunOutcome.SUCCEEDED, 0)
    assert desk.changes(2) == {"docs/d/.bckignore": "+", "docs/d/b.o": "X"}
    desk.docs.delete(b"d/.bckignore")
    desk.back_up()
    assert desk.changes(3) == {"docs/d/.bckignore": "-", "docs/d/b.o": "+"}
    desk.assert_restores(before, 1)
    desk.assert_restores(desk.world(), 3)


def test_without_the_switch_nobody_looks_for_a_bckignore(desk: Desk) -> None:
    desk.docs.write(b".bckignore", b"*\n", T)
    desk.back_up()
    assert b"d/b.o" in desk.entries(1)


def test_the_profile_has_the_last_word_and_presets_the_first(desk: Desk) -> None:
    desk.write("x.tmp", "y.tmp", "z.tmp")
    desk.docs.write(b".bckignore", b"!x.tmp\nd/\n!z.tmp\n", T)
    desk.house.change_profile(
        filters=FilterOptions(presets=("temporary@1",), bckignore=True), excludes=("!/d/", "z.tmp")
    )
    desk.back_up()
    found = {name for name in desk.entries(1) if b"." in name and name != b"."}
    assert found == {b".bckignore", b"d/b.o", b"x.tmp"}


def test_a_signed_tag_leaves_out_what_lies_beside_it(desk: Desk) -> None:
    use(desk, skip_caches=True)
    desk.back_up()
    desk.docs.write(b"cache/CACHEDIR.TAG", SIGNATURE, T)
    desk.back_up()
    assert desk.changes(2) == {"docs/cache/CACHEDIR.TAG": "+", "docs/cache/1": "X", "docs/cache/2": "X"}


def test_a_bad_rule_is_a_named_problem_and_nothing_is_left_out_by_it(desk: Desk) -> None:
    use(desk, bckignore=True)
    desk.docs.write(b"d/.bckignore", b"[z-a]\n", T)
    run = desk.back_up()
    assert (run.outcome, run.problem_count) == (RunOutcome.PARTIAL, 1)
    assert "filter: docs/d/.bckignore: line 1: " in desk.log
    assert b"d/b.o" in desk.entries(1)


def test_of_very_many_bad_rules_all_count_as_in_the_preview_and_the_run_is_no_weaker(desk: Desk) -> None:
    use(desk, bckignore=True)
    desk.back_up()
    desk.docs.write(b".bckignore", b"[z-a]\n" * 150, T)
    told = desk.house.previews.preview(DOCS, desk.house.watcher).problems.count
    run = desk.back_up()
    assert (run.outcome, run.problem_count) == (RunOutcome.PARTIAL, 150)
    assert told == run.problem_count
    assert desk.newest().counted is Counted.COUNTED


@pytest.mark.parametrize("name", [b".bckignore", b"CACHEDIR.TAG"])
def test_a_pc_that_hides_most_of_its_files_is_suspect_like_one_that_deletes_them(
    desk: Desk, name: bytes
) -> None:
    desk.many(150)
    use(desk, bckignore=True, skip_caches=True)
    desk.back_up()
    before = desk.world()
    desk.docs.write(b"many/" + name, b"[0-9]*\n" if name == b".bckignore" else SIGNATURE, T)
    run = desk.back_up()
    assert run.outcome is RunOutcome.SUSPECT
    assert "150 of them hidden by rules or sizes on the PC" in desk.log
    assert set(desk.entries(2)) == {*before, b"many/" + name}
    assert desk.back_up(accept_missing=True).outcome is RunOutcome.SUCCEEDED
    assert set(desk.changes(3).values()) == {"X"}


def test_a_file_above_the_limit_is_excluded_and_told_and_comes_back(desk: Desk) -> None:
    use(desk, max_size=1000)
    desk.back_up()
    before = desk.world()
    desk.write("d/c", data=b"x" * 1001, mtime_ns=T + 1)
    run = desk.back_up()
    assert (run.outcome, run.problem_count, run.counts.gone) == (RunOutcome.SUCCEEDED, 0, 0)
    assert desk.changes(2) == {"docs/d/c": "X"}
    assert "left out: docs/d/c: above the limit of size" in desk.log
    assert desk.back_up().made_point is False
    use(desk)
    desk.back_up()
    assert desk.changes(4) == {"docs/d/c": "+"}
    desk.assert_restores(before, 1)
    desk.assert_restores(desk.world(), 4)


def test_files_that_all_grow_above_the_limit_are_suspect_and_a_lower_limit_is_not(desk: Desk) -> None:
    desk.many(150)
    desk.back_up()
    use(desk, max_size=2)
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED
    use(desk, max_size=100)
    desk.back_up()
    desk.write(*(f"many/{number:04d}" for number in range(150)), data=b"x" * 101, mtime_ns=T + 1)
    assert desk.back_up().outcome is RunOutcome.SUSPECT


def test_on_windows_a_rule_fits_either_case_for_the_run_and_for_what_it_misses(desk: Desk) -> None:
    desk.write("X.TMP")
    with desk.house.database.units() as uow:
        host: Host = uow.hosts.get(PC)
        uow.hosts.update(replace(host, platform=Platform.WINDOWS))
        uow.commit()
    desk.back_up()
    desk.house.change_profile(excludes=("*.tmp",))
    desk.back_up()
    assert desk.changes(2) == {"docs/X.TMP": "X"}
