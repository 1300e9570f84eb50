"""The database is gone, or the whole server is: the storage alone brings everything back."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cli import PASSWORD, Bck
from tests.support.sshd import LoopbackSshd, running_sshd
from tests.support.worlds import World, differences, world_of_folder


@dataclass
class Story:
    """An installation with a prune, a hold and points of known content."""

    bck: Bck
    docs: Path
    worlds: dict[int, World]

    def assert_all_restores(self) -> None:
        for seq, world in self.worlds.items():
            to = self.bck.folder / f"restored-{len(list(self.bck.folder.iterdir()))}"
            self.bck.ok("restore", "docs", "--point", str(seq), "--to", str(to))
            assert differences(world, world_of_folder(to / "docs")) == []

    def lose_home(self) -> Path:
        """Nothing but the storage is left; the old home lies aside."""
        aside = self.bck.folder / "old-home"
        self.bck.home.rename(aside)
        self.bck.init()
        return aside


@pytest.fixture
def sshd(tmp_path, require_tool):
    require_tool("sshd")
    require_tool("rsync")
    with running_sshd(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
def story(tmp_path, sshd: LoopbackSshd) -> Story:
    docs = tmp_path / "pc" / "docs"
    (docs / "deep" / "empty").mkdir(parents=True)
    (tmp_path / "server").mkdir()
    bck = Bck(tmp_path / "server")
    bck.init()
    bck.add_host(sshd, tmp_path / "pc")
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--keep-last", "9")
    worlds = {}
    for number in range(1, 5):
        (docs / "a").write_text(str(number) * 5000)
        (docs / f"only {number}\n").write_text("x" * number)
        bck.ok("backup", "docs", "--wait")
        worlds[number] = world_of_folder(docs)
    bck.ok("hold", "docs", "1", "--reason", "audit")
    bck.ok("profile", "set", "docs", "--keep-last", "2", "--keep-within", "0s", "--min-age", "0s")
    bck.ok("prune", "docs")
    del worlds[2]
    (docs / "a").write_text("newest")
    bck.ok("backup", "docs", "--wait")
    del worlds[3]
    worlds[5] = world_of_folder(docs)
    return Story(bck, docs, worlds)


@pytest.mark.sqlite  # doctor warns of a server without fsync, as the tests' own is
def test_a_new_server_with_the_old_storage_knows_restores_and_goes_on(story: Story):
    bck = story.bck
    before = {
        verb: bck.ok(*verb.split())
        for verb in ("points docs", "holds docs", "profile show docs", "host list")
    }
    aside = story.lose_home()
    unknown = bck.run("points", "docs")
    assert (unknown.code, "The storage holds docs on pc1" in unknown.err) == (4, True)
    failing = {one["name"]: one["detail"] for one in bck.ok("doctor", code=1)["items"] if not one["ok"]}
    assert failing["histories"].startswith(
        "1 history in the storage is not known to this database: docs on pc1."
    )
    assert "bck catalog rebuild" in failing["histories"]
    found = bck.ok("catalog", "rebuild")  # nothing is there to be replaced
    (item,) = found["items"]
    assert (item["profile"], item["runs"], item["points"], item["acts"]) == ("docs", 5, 3, 3)
    assert "switched off" in " ".join(item["notes"])
    assert bck.ok("points", "docs") == before["points docs"]
    assert bck.ok("holds", "docs") == before["holds docs"]
    assert bck.ok("host", "list") == before["host list"]
    assert {**bck.ok("profile", "show", "docs"), "enabled": True} == before["profile show docs"]
    story.assert_all_restores()
    assert list(bck.ailing()) == ["ways into hosts"], "keys are not in the storage"
    assert bck.run("backup", "docs", "--wait").code == 5, "it is switched off"
    shutil.copytree(aside / "vault", bck.home / "vault", dirs_exist_ok=True)
    sealed = bck.ok("host", "probe", "pc1", code=1)["error"]
    assert "vault.key" in sealed["advice"], "the key they are sealed with is needed as well"
    shutil.copy2(aside / "vault.key", bck.home / "vault.key")
    bck.ok("profile", "set", "docs", "--enable")
    assert bck.ok("backup", "docs", "--wait")["result"]["made_point"] is False
    story.assert_all_restores()


def test_a_second_installation_is_told_of_the_history_and_may_not_add_to_it(story: Story):
    bck, other = story.bck, Bck(story.bck.folder / "other")
    other.folder.mkdir()
    arguments = ("init", "--storage", str(bck.storage), "--admin", "ann", "--password-stdin")
    said = other.run(*arguments, text=PASSWORD + "\n")
    assert said.code == 0, said
    assert "1 history of earlier backups" in said.out
    assert "bck catalog rebuild" in said.out
    pc = ("host", "add", "pc1", "--transport", "local", "--allow", str(story.docs))
    refused = other.ok(*pc, code=5)["error"]
    assert "backups of docs" in refused["what"]
    assert "bck catalog rebuild" in refused["advice"]
    other.ok(*pc, "--take-over-history")
    other.ok("profile", "add", "docs", "--host", "pc1", "--source", str(story.docs))
    answer = other.ok("backup", "docs", "--wait", code=5)
    assert answer["error"]["code"] == "conflict"
    assert "knows nothing of" in answer["error"]["what"]
    story.assert_all_restores()


def test_nobody_who_cannot_be_asked_loses_a_catalog(story: Story):
    done = story.bck.run("catalog", "rebuild")
    assert done.code == 2
    assert "--yes" in done.err
    assert story.bck.run("catalog", "rebuild", "--profile", "pics", "--yes").code == 4


def test_damage_is_refused_by_name_and_what_is_certain_comes_back_when_it_is_accepted(story: Story):
    bck = story.bck
    points = bck.ok("points", "docs")
    (bck.storage / ".receipts" / "pc1" / "docs" / "000003.json").unlink()
    doctor = bck.run("doctor", "--json")
    (finding,) = [item for item in doctor.json["items"] if item["name"] == "receipts"]
    assert not finding["ok"]
    assert "docs on pc1: receipt 000003 is missing" in finding["detail"]
    done = bck.run("catalog", "rebuild", "--yes", "--json")
    assert done.code == 1
    assert "receipt 000003 is missing" in json.dumps(done.json["refused"])
    assert bck.ok("points", "docs") == points, "nothing was changed"
    done = bck.run("catalog", "rebuild", "--yes", "--accept-damage", "--json")
    assert done.code == 3
    assert done.json["items"][0]["damage"] == ["receipt 000003 is missing"]
    assert "receipts are lost: runs 3 and the points they made" in " ".join(done.json["items"][0]["notes"])
    assert [point["seq"] for point in bck.ok("points", "docs")["items"]] == [1, 4, 5]
    story.assert_all_restores()
