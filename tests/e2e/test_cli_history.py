"""Undo, accept and forget on the command line, over the real rsync: every kept point stays exact."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Bck
from tests.support.sshd import running_sshd
from tests.support.trees import ODD_NAMES
from tests.support.worlds import World, differences, world_of_folder

SECRET = b"what nobody may keep"


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "pc" / "docs"
    (folder / "sub" / "empty").mkdir(parents=True)
    for name in (*ODD_NAMES, b"plan", b"keep", b"sub/deep", b"x" * 255):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(b"good " + name)
    (folder / "link").symlink_to("plan")
    return folder


@pytest.fixture
def bck(tmp_path, docs, require_tool):
    require_tool("sshd")
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    bck = Bck(tmp_path / "server")
    bck.init()
    with running_sshd(tmp_path / "sshd") as sshd:
        bck.add_host(sshd, tmp_path / "pc")
        bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--min-age", "0s")
        yield bck


class Story:
    """What every point must restore to."""

    def __init__(self, bck: Bck, docs: Path) -> None:
        self.bck, self.docs = bck, docs
        self.worlds: dict[int, World] = {}
        self._restores = 0

    def back_up(self, *options: str, code: int = 0) -> Any:
        done = self.bck.ok("backup", "docs", "--wait", *options, code=code)
        if done["made_point"]:
            self.worlds[done["seq"]] = world_of_folder(self.docs)
        return done

    def undo(self, *words: str, to: int) -> Any:
        done = self.bck.ok("undo", "docs", *words)
        assert (done["outcome"], done["made_point"], done["problems"]) == ("succeeded", True, 0)
        self.worlds[done["seq"]] = self.worlds[to]
        return done

    def every_point_restores(self) -> None:
        points = [point["seq"] for point in self.bck.ok("points", "docs")["items"]]
        assert set(points) <= set(self.worlds)
        for seq in points:
            self._restores += 1
            target = self.bck.folder / f"r{self._restores}"
            self.bck.ok("restore", "docs", "--point", str(seq), "--to", str(target))
            assert differences(self.worlds[seq], world_of_folder(target / "docs")) == [], f"point {seq}"


@pytest.fixture
def story(bck, docs):
    story = Story(bck, docs)
    story.back_up()
    return story


def encrypt(docs: Path) -> None:
    """What malware does, and more: types change both ways."""
    for place in sorted(docs.rglob("*")):
        if place.is_file() and not place.is_symlink():
            place.write_bytes(place.read_bytes()[::-1])
    shutil.rmtree(docs / "sub")
    (docs / "sub").write_bytes(b"pay")
    (docs / "link").unlink()
    (docs / "link").mkdir()
    (docs / "link" / "note").write_bytes(b"pay")
    (docs / "keep").chmod(0o400)


def test_a_bad_run_is_undone_and_that_is_undone_and_the_pc_goes_on(story: Story, bck: Bck):
    encrypt(story.docs)
    story.back_up()
    plan = bck.ok("undo", "docs", "2", "--dry-run")
    assert (plan["goal"]["seq"], plan["undone"]) == (1, [2])
    assert {item["path"] for item in plan["items"]} >= {"docs/plan", "docs/sub", "docs/link/note"}
    story.undo("2", "--reason", "malware", to=1)
    story.every_point_restores()
    quiet = story.back_up()
    assert quiet["made_point"], "the PC still has the bad state"
    story.undo("4", to=3)
    story.undo("5", to=4)
    story.undo("--to", "1", to=1)
    (story.docs / "plan").write_bytes(b"a new day")
    story.back_up()
    story.every_point_restores()
    kinds = [run["kind"] for run in bck.ok("run", "list", "docs")["items"]]
    assert kinds == ["backup", "backup", "undo", "backup", "undo", "undo", "undo", "backup"]
    bck.ok("profile", "set", "docs", "--keep-last", "3", "--keep-within", "0s")
    bck.ok("prune", "docs")
    story.every_point_restores()
    assert not (bck.storage / ".work" / "a").exists() or os.listdir(bck.storage / ".work" / "a") == []


def test_what_cannot_be_undone_is_refused_in_words(story: Story, bck: Bck):
    for words, code, what in (
        (("undo", "docs", "1"), 5, "conflict"),
        (("undo", "docs", "9"), 4, "not-found"),
        (("undo", "docs"), 2, "invalid-input"),
        (("undo", "docs", "1", "--to", "1"), 2, "invalid-input"),
        (("undo", "none", "1"), 4, "not-found"),
        (("run", "accept", "docs", "--reason", "x"), 5, "conflict"),
        (("run", "accept", "docs"), 2, "invalid-input"),
        (("forget", "docs", "docs/plan", "--yes"), 2, "invalid-input"),
        (("forget", "docs", "docs/plan", "--reason", "x"), 2, "invalid-input"),
        (("forget", "docs", "docs/none", "--reason", "x", "--yes"), 4, "not-found"),
        (("forget", "docs", "docs/../x", "--reason", "x", "--yes"), 2, "invalid-input"),
        (("forget", "docs", "docs", "--reason", "x", "--yes"), 5, "refused"),
    ):
        assert bck.ok(*words, code=code)["error"]["code"] == what, words
    story.every_point_restores()


def test_a_suspect_run_is_accepted_once_a_person_looked(story: Story, bck: Bck, docs: Path):
    for number in range(150):
        (docs / f"many-{number}").write_bytes(b"1")
    story.back_up()
    for number in range(150):
        (docs / f"many-{number}").unlink()
    assert story.back_up(code=3)["outcome"] == "suspect"
    story.worlds[3] = {**story.worlds[2], b".": world_of_folder(docs)[b"."]}
    looked = bck.ok("run", "accept", "docs", "--dry-run")
    assert len(looked["items"]) == 150
    done = bck.ok("run", "accept", "docs", "--reason", "cleared out")
    assert (done["outcome"], done["made_point"], done["counts"]["gone"]) == ("succeeded", True, 150)
    story.worlds[done["seq"]] = world_of_folder(docs)
    assert story.back_up()["made_point"] is False
    story.every_point_restores()


def test_a_forgotten_path_is_gone_from_the_disk_and_from_every_point(story: Story, bck: Bck, docs: Path):
    (docs / "sub" / "secret").write_bytes(SECRET)
    story.back_up()
    (docs / "sub" / "secret").write_bytes(SECRET + b" 2")
    story.back_up()
    story.undo("3", to=2)
    looked = bck.ok("forget", "docs", "docs/sub/secret", "--dry-run")
    assert (looked["dry_run"], looked["points"], looked["exclude_rule"]) == (True, [2, 3, 4], "/sub/secret")
    done = bck.ok("forget", "docs", "docs/sub/secret", "--reason", "a court", "--yes")
    assert (done["outcome"], done["points"]) == ("succeeded", [2, 3, 4])
    held = [place for place in bck.storage.rglob("*") if place.is_file() and SECRET in place.read_bytes()]
    assert held == []
    for world in story.worlds.values():
        world.pop(b"sub/secret", None)
    story.every_point_restores()
    (docs / "sub" / "secret").unlink()
    story.back_up()
    story.every_point_restores()
