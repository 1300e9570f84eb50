"""Forgetting a path: gone from current, from every increment and every point; all else stays exact."""

from dataclasses import replace
from pathlib import Path

import pytest

from bckcore.domain.act import ActKind
from bckcore.domain.hold import Hold
from bckcore.domain.run import RunOutcome
from bckcore.errors import InvalidInputError, NotFoundError, RefusedError
from bckcore.services.history_requests import ForgetRequest
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.house import DOCS
from tests.support.replay import Books
from tests.support.rewriting import Rewriting
from tests.support.worlds import World

PICS = "/home/u/pictures"
SECRET = b"the secret"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """Three points; ``d/secret`` was a file, then changed, then a folder."""
    desk = Desk(quick_dir)
    desk.write("a", "d/x", "d/secret-2", data=b"fine")
    desk.write("d/secret", data=SECRET + b" 1")
    return desk


@pytest.fixture
def worlds(desk: Desk) -> dict[int, World]:
    worlds = {1: desk.world()}
    desk.back_up()
    desk.write("d/secret", data=SECRET + b" 2", mtime_ns=T + 1)
    desk.write("a", data=b"two", mtime_ns=T + 1)
    worlds[2] = desk.world()
    desk.back_up()
    desk.docs.delete(b"d/secret")
    desk.write("d/secret/in", data=SECRET + b" 3", mtime_ns=T + 2)
    worlds[3] = desk.world()
    desk.back_up()
    return worlds


@pytest.fixture
def rewriting(desk: Desk) -> Rewriting:
    return Rewriting(desk.house)


def without(world: World, path: bytes = b"d/secret") -> World:
    return {one: thing for one, thing in world.items() if one != path and not one.startswith(path + b"/")}


def holds_the_secret(desk: Desk) -> list[Path]:
    return [place for place in desk.house.root.rglob("*") if place.is_file() and SECRET in place.read_bytes()]


def assert_forgotten(desk: Desk, worlds: dict[int, World]) -> None:
    assert holds_the_secret(desk) == []
    for seq, world in worlds.items():
        desk.assert_restores(without(world), seq)


def test_a_path_is_gone_everywhere_and_all_else_stays(
    desk: Desk, worlds: dict[int, World], rewriting: Rewriting
) -> None:
    assert len(holds_the_secret(desk)) == 3
    plan = rewriting.forget(b"docs/d/secret", reason="not ours")
    assert (plan.name, plan.files, [point.seq for point in plan.points]) == ("docs/d/secret", 3, [1, 2, 3])
    assert [place.run is None for place in plan.places] == [True, False, False]
    assert_forgotten(desk, worlds)
    [(act, _)] = desk.house.storage.acts(desk.newest_ref)
    assert (act.kind, act.by, act.reason, act.after_seq) == (ActKind.FORGET, "test", "not ours", 3)
    assert act.paths == (("docs", b"d/secret"),)
    Books(desk.house.root).assert_chained()
    assert "stay in earlier manifests" in desk.log


def test_the_books_of_the_source_are_counted_anew_and_the_next_runs_are_right(
    desk: Desk, worlds: dict[int, World], rewriting: Rewriting
) -> None:
    rewriting.forget(b"docs/d/secret")
    desk.docs.delete(b"d/secret")
    desk.write("new")
    worlds[4] = desk.world()
    run = desk.back_up()
    assert (run.outcome, run.counts.files, run.counts.gone) == (RunOutcome.SUCCEEDED, 4, 0)
    assert_forgotten(desk, worlds)
    assert desk.back_up().made_point is False


def test_what_the_pc_still_has_comes_back_unless_it_is_excluded(
    desk: Desk, worlds: dict[int, World], rewriting: Rewriting
) -> None:
    plan = rewriting.forget(b"docs/d/secret")
    assert (plan.comes_back, plan.rule) == (True, "/d/secret")
    assert "Exclude it: /d/secret" in desk.log
    assert desk.back_up().counts.added == 1
    assert len(holds_the_secret(desk)) == 1
    desk.house.change_profile(excludes=(plan.rule,))
    again = rewriting.forget(b"docs/d/secret")
    assert again.comes_back is False
    desk.back_up()
    assert_forgotten(desk, worlds)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (b"we*ird [1]?", "/we\\*ird \\[1]\\?"),
        (b"#x", "/#x"),
        (b"!x", "/!x"),
        (b"end ", "/end\\ "),
        (b"caf\xe9", ""),
        (b"li\nne", ""),
    ],
)
def test_the_exclude_rule_fits_exactly_that_name(
    desk: Desk, rewriting: Rewriting, name: bytes, rule: str
) -> None:
    desk.docs.write(name, b"1", T)
    desk.back_up()
    plan = rewriting.forgets.plan(DOCS, b"docs/" + name)
    assert (plan.comes_back, plan.rule) == (True, rule)


def test_a_plan_names_places_points_and_holds_and_changes_nothing(
    desk: Desk, worlds: dict[int, World], rewriting: Rewriting
) -> None:
    hold = Hold(profile=DOCS, seq=2, reason="audit", owner="anna", created=desk.house.clock.now())
    with desk.house.database.units() as uow:
        uow.holds.put(hold)
        uow.commit()
    plan = rewriting.forgets.plan(DOCS, f"{DOCS_PATH}/d/secret".encode())
    assert [hold.reason for hold in plan.holds] == ["audit"]
    assert plan.bytes == 3 * len(SECRET + b" 1")
    for seq, world in worlds.items():
        desk.assert_restores(world, seq)
    rewriting.forget(b"docs/d/secret")
    assert_forgotten(desk, worlds)


def test_a_source_that_the_profile_still_has_is_refused_as_a_whole(
    desk: Desk, worlds: dict[int, World], rewriting: Rewriting
) -> None:
    with pytest.raises(RefusedError, match="whole source"):
        rewriting.forget(b"docs")
    assert desk.newest().seq == 3


def test_a_source_that_the_profile_has_no_more_can_be_forgotten(quick_dir: Path) -> None:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("a")
    desk.tree(PICS).write(b"p", SECRET, T)
    desk.back_up()
    worlds = {1: desk.world()}
    desk.use(DOCS_PATH)
    desk.back_up()
    plan = Rewriting(desk.house).forget(b"pictures")
    assert (plan.name, plan.comes_back) == ("pictures", False)
    assert_forgotten(desk, worlds)
    assert not (desk.restored(desk.house.points()[0]) / "pictures").exists()


@pytest.mark.parametrize("path", [b"music/x", b"docs/../x", b"docs/d//x", b"/etc/passwd", b""])
def test_a_path_in_no_source_is_refused(
    desk: Desk, worlds: dict[int, World], rewriting: Rewriting, path: bytes
) -> None:
    with pytest.raises(InvalidInputError):
        rewriting.forget(path)
    with pytest.raises(InvalidInputError, match="reason"):
        ForgetRequest(path=b"docs/a", reason="")
    for seq, world in worlds.items():
        desk.assert_restores(world, seq)


def test_what_was_never_there_is_told(desk: Desk, worlds: dict[int, World], rewriting: Rewriting) -> None:
    with pytest.raises(NotFoundError, match="Nothing is stored of docs/nothing"):
        rewriting.forget(b"docs/nothing")


@pytest.mark.parametrize("place", ["partial/pc1/docs/docs/secret", "r/pc1/docs/f/d/secret"])
def test_half_transferred_files_and_what_a_cut_restore_left_go_with_it(
    desk: Desk, worlds: dict[int, World], rewriting: Rewriting, place: str
) -> None:
    left = desk.house.root / ".work" / place
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(SECRET)
    rewriting.forget(b"docs/d/secret")
    assert_forgotten(desk, worlds)


def test_an_undo_to_a_point_that_showed_it_does_not_bring_it_back(
    desk: Desk, worlds: dict[int, World], rewriting: Rewriting
) -> None:
    rewriting.forget(b"docs/d/secret")
    worlds[4] = worlds[1]
    rewriting.undo(to=1)
    assert_forgotten(desk, worlds)


def test_a_forgetting_is_not_done_again_once_the_path_came_back(
    desk: Desk, worlds: dict[int, World], rewriting: Rewriting
) -> None:
    rewriting.forget(b"docs/d/secret")
    desk.back_up()
    worlds = {seq: without(world) for seq, world in worlds.items()} | {4: desk.world()}
    for seq, world in worlds.items():
        desk.assert_restores(world, seq)
    desk.back_up()
    for seq, world in worlds.items():
        desk.assert_restores(world, seq)


def test_a_job_that_another_runner_takes_up_after_the_act_ends_well(
    desk: Desk, worlds: dict[int, World], rewriting: Rewriting
) -> None:
    """Also where somebody has done something else to the history meanwhile."""
    rewriting.forget(b"docs/d/secret", reason="the law")
    with desk.house.database.units(read_only=True) as uow:
        act = uow.acts.list(DOCS)[-1]
    desk.house.holds.hold(DOCS, "3", reason="mine", owner="bob")
    with rewriting.claimed(ForgetRequest(path=b"docs/d/secret", reason="the law")) as claim:
        again = replace(claim, job=replace(claim.job, claims=2, created=act.at, requested_by=act.by))
        assert rewriting.forgets.forget(again, desk.house.watcher).files == 0
        assert "was removed already" in desk.log
        with pytest.raises(NotFoundError):
            rewriting.forgets.forget(claim, desk.house.watcher)
    assert_forgotten(desk, worlds)
