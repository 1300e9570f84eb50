"""restore.sh asked in every way: what it lists, what it takes, what it refuses without touching anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from bck_adapters.storage_fs.readme import TEXT
from bckcore.domain.act import ActKind
from tests.support.restoring import RestoreScript
from tests.support.small_store import SOURCE, Small, T
from tests.support.worlds import differences, world_of_folder

pytestmark = pytest.mark.integration


@pytest.fixture
def small(roomy_dir) -> Small:
    return Small(roomy_dir).live()


# --- asking -----------------------------------------------------------------------------------------


def test_without_arguments_it_says_how_and_lists_the_profiles(small):
    for arguments in ((), ("-h",), ("--help",)):
        ended = small.script.run(*arguments)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "Usage:" in ended.stdout
        assert "Uso:" in ended.stdout
        assert "  pc1 docs\n" in ended.stdout


def test_points_are_listed_with_what_became_of_them(small):
    small.act(ActKind.HOLD, points=(2,))
    small.act(ActKind.PRUNE, points=(1,))
    ended = small.script.run("pc1", "docs")
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = [line.split() for line in ended.stdout.splitlines()[1:]]
    runs = [run_id.run_id for run_id in small.house.points()]
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        ("1", runs[0], "succeeded", "gone"),
        ("2", runs[1], "succeeded", "kept"),
        ("3", runs[2], "succeeded", "kept"),
    ]


@pytest.mark.parametrize("wrong", [("pc1",), ("pc1", "docs", "1"), ("pc1", "docs", "1", ""), ("a",) * 6])
def test_wrong_use_shows_the_usage(small, wrong):
    assert "Usage:" in small.refused(*wrong, status=2)


@pytest.mark.parametrize("part", ["../docs", "docs/../x", "/etc", "docs//a", "docs/./a", ".."])
def test_a_part_that_is_none_is_wrong_use(small, part):
    small.refused("pc1", "docs", "1", small.to, part, status=2)


@pytest.mark.parametrize(
    "names", [("pc2", "docs"), ("pc1", "x"), ("..", "pc1"), ("", ""), ("pc1", "docs/..")]
)
def test_an_unknown_profile_is_refused(small, names):
    assert "pc1 docs" in small.script.run(*names).stdout + small.refused(*names)
    small.refused(*names, "latest", small.to)


@pytest.mark.parametrize("point", ["4", "0", "-1", "x", "", "*", "1 2", "20990101T000000Z-00000001"])
def test_an_unknown_point_is_refused(small, point):
    assert "no restore point" in small.refused("pc1", "docs", point, small.to)


def test_a_point_that_was_given_up_is_refused_and_latest_passes_over_it(small):
    small.act(ActKind.PRUNE, points=(1, 3))
    assert "given up" in small.refused("pc1", "docs", "3", small.to)
    assert "given up" in small.refused("pc1", "docs", small.house.points()[0].run_id, small.to)
    to = small.script.restore("latest", small.to)
    assert differences(small.expected[2], world_of_folder(to / SOURCE)) == []


# --- where to ---------------------------------------------------------------------------------------


def test_only_a_new_or_empty_folder_is_taken(small):
    small.to.mkdir()
    (small.to / "\n").touch()
    assert "not empty" in small.refused("pc1", "docs", "1", small.to)
    assert "not a folder" in small.refused("pc1", "docs", "1", small.to / "\n")
    (small.to / "\n").unlink()
    small.script.restore(1, small.to)


def test_a_folder_in_the_storage_is_refused(small):
    (small.folder / "way in").symlink_to(small.root / "current")
    for place in (small.root / "x", small.root, small.folder / "way in" / "x" / "y", small.current):
        small.refused("pc1", "docs", "1", place)
    small.refused("pc1", "docs", "1", small.to / ".." / small.root.name / "x")


@pytest.mark.parametrize("name", ["-new", "new folder\n", "a/b/c", "it's"])
def test_a_relative_folder_of_any_name_will_do(small, name):
    ended = small.script.run("pc1", "docs", "1", name, cwd=small.folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert differences(small.expected[1], world_of_folder(small.folder / name / SOURCE)) == []


def test_it_is_found_by_a_relative_name_as_well(small):
    script = replace_script(small, "restore.sh")
    assert script.run(cwd=small.root).returncode == 0


def replace_script(small: Small, place: str) -> RestoreScript:
    """The script called by another name for its place."""
    script = RestoreScript(small.root, small.folder / "bin")
    script.store = Path(place).parent
    return script


# --- a part -----------------------------------------------------------------------------------------


def test_one_file_comes_back_with_the_folders_above_it_and_nothing_else(small):
    to = small.script.restore(1, small.to, b"docs/d/caf\xe9\n")
    expected = {path: small.expected[1][path] for path in (b".", b"d", b"d/caf\xe9\n")}
    assert differences(expected, world_of_folder(to / SOURCE)) == []


def test_a_folder_comes_back_with_all_it_held(small):
    to = small.script.restore(1, small.to, b"docs/d/")
    assert set(world_of_folder(to / SOURCE)) == {b".", b"d", b"d/x", b"d/caf\xe9\n"}


@pytest.mark.parametrize("part", ["docs/d/x", "docs/none", "docs/a/b", "pics"])
def test_what_was_not_there_is_refused(small, part):
    assert "existed" in small.refused("pc1", "docs", "3", small.to, part)


# --- it is there ------------------------------------------------------------------------------------


def test_a_storage_of_an_older_version_gets_it_with_the_next_run(small):
    (small.root / "restore.sh").unlink()
    (small.root / "README.txt").write_text("of an older version")
    small.docs.write(b"a", b"third", T)
    small.back_up()
    assert (small.root / "README.txt").read_text("utf-8") == TEXT
    small.assert_restores(1, 4)


def test_guides_that_cannot_be_written_fail_no_run(small):
    (small.root / "restore.sh").unlink()
    (small.root / "restore.sh").mkdir()
    small.docs.write(b"a", b"third", T)
    small.back_up()
