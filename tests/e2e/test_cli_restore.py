"""Getting files back on the command line: choices, a look ahead, a real kill, archives."""

from __future__ import annotations

import os
import signal
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.cli import PATIENCE, Bck, eventually
from tests.support.worlds import differences, world_of_folder

ODD = b"caf\xe9 \n"


@pytest.fixture
def pc(tmp_path: Path) -> Path:
    folder = tmp_path / "pc" / "docs"
    (folder / "d").mkdir(parents=True)
    (folder / "a").write_text("one")
    (folder / "d" / "x").write_text("x")
    (folder / "l").symlink_to("d/x")
    with open(os.path.join(os.fsencode(folder), ODD), "wb") as file:
        file.write(b"odd")
    return folder


@pytest.fixture
def bck(tmp_path: Path, pc: Path, require_tool) -> Bck:
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.1", "BCK_RUNNER__LEASE_SECONDS": "5"})
    made.init()
    made.ok("host", "add", "here", "--transport", "local", "--allow", str(pc.parent))
    made.ok("profile", "add", "docs", "--host", "here", "--source", str(pc))
    made.ok("backup", "docs", "--wait")
    return made


def test_a_filled_folder_needs_a_choice_and_a_dry_run_tells_what_comes(bck: Bck, pc: Path, tmp_path: Path):
    to = tmp_path / "share"
    (to / "docs").mkdir(parents=True)
    (to / "docs" / "a").write_text("mine")
    where = ("restore", "docs", "--point", "latest", "--to", str(to))
    assert bck.ok(*where, code=5)["error"]["code"] == "conflict"
    before = world_of_folder(to)
    ahead = bck.ok(*where, "--keep-both", "--dry-run")
    assert ahead["counts"] == {"created": 4, "kept-both": 1, "same": 1}
    assert {one["path_bytes"]: one["outcome"] for one in ahead["items"]}["docs/caf%E9 %0A"] == "created"
    lines = bck.run(*where, "--skip", "--dry-run")
    assert "skipped    docs/a\n" in lines.out
    assert "docs/." not in lines.out
    assert "same" not in lines.out
    assert "same       docs\n" in bck.run(*where, "--skip", "--dry-run", "--verbose").out
    assert "Nothing was changed" in lines.err
    assert world_of_folder(to) == before

    done = bck.ok(*where, "--keep-both")
    assert (done["counts"]["kept_both"], done["counts"]["created"], done["problem_list"]) == (1, 4, [])
    [kept] = (to / "docs").glob("a~*Z")
    assert kept.read_text() == "mine"
    assert (to / "docs" / "a").read_text() == "one"
    assert bck.ok(*where, "--overwrite")["counts"]["same"] == 5


WRONG: list[tuple[tuple[str, ...], int]] = [
    (("--to", "x", "--overwrite", "--skip"), 2),
    ((), 2),
    (("--to", "x", "--to-host", "--in-place"), 2),
    (("--to-host",), 2),
    (("--to-host", "--in-place", "--host-dir", "/x"), 2),
    (("--to", "x", "--in-place"), 2),
    (("--to-host", "--host-dir", "/elsewhere"), 5),
    (("--to", "link"), 5),
    (("--to", "store/x"), 5),
    (("--to", "home"), 5),
    (("--to", "x", "--dry-run", "docs/../x"), 2),
    (("--to", "x", "--dry-run", "/etc/passwd"), 2),
    (("--to", "x", "--dry-run", "docs/none"), 4),
]


def test_wrong_use_is_refused_and_touches_nothing(bck: Bck, tmp_path: Path):
    (bck.folder / "link").symlink_to(tmp_path)
    for options, code in WRONG:
        document = bck.ok("restore", "docs", "--point", "latest", *options, code=code)
        assert document.get("error"), options
    assert not (bck.folder / "x").exists()


def test_deleted_files_come_back_when_asked_for(bck: Bck, pc: Path, tmp_path: Path):
    before = world_of_folder(pc)
    (pc / "d" / "x").unlink()
    (pc / "d").rmdir()
    bck.ok("backup", "docs", "--wait")
    bck.ok("restore", "docs", "--point", "latest", "--to", str(tmp_path / "now"))
    assert not (tmp_path / "now" / "docs" / "d").exists()
    bck.ok("restore", "docs", "--point", "latest", "--to", str(tmp_path / "all"), "--include-deleted")
    found = world_of_folder(tmp_path / "all" / "docs")
    found[b"."] = before[b"."]  # the folder changed when files were taken from it
    assert differences(before, found) == []


def test_a_restore_to_the_pc_goes_in_place_or_elsewhere(bck: Bck, pc: Path):
    before = world_of_folder(pc)
    (pc / "a").unlink()
    where = ("restore", "docs", "--point", "latest", "--to-host")
    ahead = bck.ok(*where, "--in-place", "--dry-run")
    assert ahead["dry_run"]
    assert [one["outcome"] for one in ahead["listed"] if one["path"] == "a"] == ["created"]
    told = bck.run(*where, "--in-place", "--dry-run")
    assert "created    docs/a\n" in told.out
    assert "docs/." not in told.out
    assert "Nothing was changed. A restore would come to: " in told.err
    assert not (pc / "a").exists()
    bck.ok(*where, "--in-place", "docs/a")
    found = world_of_folder(pc)
    assert found[b"a"] == before[b"a"]
    bck.ok(*where, "--host-dir", str(pc.parent / "back"))
    assert differences(before, world_of_folder(pc.parent / "back" / "docs")) == []
    here = bck.ok("restore", "docs", "--point", "latest", "--to", str(pc.parent / "here"))
    there = bck.ok(*where, "--host-dir", str(pc.parent / "there"))
    assert (here["files"], there["files"]) == (4, 4), "files, and no folders, wherever they go"


def test_a_killed_restore_is_taken_up_again_and_becomes_exact(bck: Bck, pc: Path, tmp_path: Path):
    for number in range(6000):
        (pc / "d" / f"{number:05d}").write_text(str(number))
    bck.ok("backup", "docs", "--wait")
    to = tmp_path / "back"
    first = bck.start("restore", "docs", "--point", "latest", "--to", str(to))
    assert eventually(lambda: (to / "docs" / "d").exists() and len(os.listdir(to / "docs" / "d")) > 200)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(PATIENCE)
    begun = len(os.listdir(to / "docs" / "d"))
    assert begun < 6001
    [job] = bck.ok("jobs", "--status", "running")["items"]
    refused = bck.ok("restore", "docs", "--point", "latest", "--to", str(to), code=5)
    assert "--resume" in refused["error"]["advice"]
    if bck.ok("status", job["job_id"])["claims"] < 2:  # the second restore waited for the first one's claim
        assert bck.run("log", job["job_id"], "--follow").code in (0, 1)
    bck.ok("restore", "docs", "--point", "latest", "--to", str(to), "--resume")
    assert differences(world_of_folder(pc), world_of_folder(to / "docs")) == []


def test_an_export_is_whole_or_not_there(bck: Bck, pc: Path, tmp_path: Path):
    made = bck.ok("export", "docs", "--point", "latest", "-o", str(tmp_path / "all.tar"))
    assert (made["format"], made["left_out"], made["missing"]) == ("tar", [], [])
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xpf", tmp_path / "all.tar", "-C", tmp_path / "out"], check=True)
    assert differences(world_of_folder(pc), world_of_folder(tmp_path / "out" / "docs")) == []
    bck.ok("export", "docs", "--point", "latest", "-o", str(tmp_path / "d.zip"), "docs/d")
    with zipfile.ZipFile(tmp_path / "d.zip") as zipped:
        assert zipped.namelist() == ["docs/d/", "docs/d/x"]
    assert bck.ok("export", "docs", "--point", "latest", "-o", str(tmp_path / "d.zip"), code=5)["error"]
    again = bck.run("export", "docs", "--point", "latest", "-o", "-", "docs/a")
    assert again.out.startswith("PaxHeaders") or again.out.startswith("docs/a")

    (bck.storage / "current" / "here" / "docs" / "docs" / "d" / "x").unlink()
    lost = bck.ok("export", "docs", "--point", "latest", "-o", str(tmp_path / "lost.tar"), code=3)
    assert lost["left_out"] == ["docs/d/x"]
    with tarfile.open(tmp_path / "lost.tar") as tar:
        assert tar.getnames()[-1] == "README-bck.txt"
    with (bck.storage / "current" / "here" / "docs" / "docs" / "a").open("r+b") as file:
        stands = os.fstat(file.fileno())
        file.write(b"\0")
    os.utime(file.name, ns=(stands.st_atime_ns, stands.st_mtime_ns))
    rotten = bck.ok("export", "docs", "--point", "latest", "-o", str(tmp_path / "rot.tar"), "docs/a", code=3)
    assert (rotten["left_out"], rotten["damaged"]) == (["docs/a"], [])
    assert bck.ok("export", "docs", "--point", "9", "-o", str(tmp_path / "no.tar"), code=4)["error"]
    assert bck.ok("export", "docs", "--point", "1", "-o", str(tmp_path / "none" / "no.tar"), code=5)["error"]
    assert sorted(one.name for one in tmp_path.glob("*no*")) == []
    assert not list(tmp_path.glob(".bck-export*"))


def test_an_archive_never_lies_among_the_backups_or_the_keys(bck: Bck, tmp_path: Path):
    (tmp_path / "way").symlink_to(bck.storage)
    before = world_of_folder(bck.storage)
    for goal in (bck.storage / "current" / "here" / "x.zip", bck.home / "x.zip", tmp_path / "way" / "x.tar"):
        done = bck.run("export", "docs", "--point", "latest", "-o", str(goal))
        assert (done.code, "elsewhere" in done.err) == (5, True), done
        assert not goal.exists()
    assert world_of_folder(bck.storage) == before
    bck.ok("export", "docs", "--point", "latest", "-o", str(bck.folder / "x.tar"))


def test_a_source_is_not_led_to_another_folder_by_its_name_alone(bck: Bck, pc: Path):
    other = pc.parent / "other"
    other.mkdir()
    done = bck.run("profile", "set", "docs", "--source", f"docs={other}")
    assert done.code == 5
    assert f"take all of {pc} that is not in {other} for deleted" in done.err
    assert f"NAME={other}" in done.err
    assert "--repoint docs" in done.err
    assert bck.ok("profile", "show", "docs")["sources"] == [{"name": "docs", "path": str(pc)}]
    bck.ok("profile", "set", "docs", "--source", f"docs={other}", "--repoint", "docs")
    bck.ok("profile", "set", "docs", "--source", f"docs={other}", "--source", f"more={pc}")


def test_an_export_says_what_a_zip_has_no_place_for(bck: Bck, pc: Path, tmp_path: Path):
    os.mkfifo(pc / "pipe")
    os.utime(pc / "a", ns=(0, -5_000_000_000))
    bck.ok("backup", "docs", "--wait")
    goal = tmp_path / "all.zip"
    done = bck.run("export", "docs", "--point", "latest", "-o", str(goal), "--json")
    assert done.code == 3
    assert done.json["left_out"] == ["docs/pipe"]
    assert sorted(one["path"] for one in done.json["altered"]) == ["docs/a", "docs/caf\\xe9 \\n"]
    assert "warning: not in the archive: docs/pipe" in done.err
    assert "is here called docs/caf%E9 %0A: its name is no UTF-8 text" in done.err
    assert "before 1970" in done.err
    whole = bck.ok("export", "docs", "--point", "latest", "-o", str(tmp_path / "all.tar"))
    assert (whole["left_out"], whole["altered"]) == ([], [])
