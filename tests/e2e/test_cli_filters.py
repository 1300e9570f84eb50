"""Choosing what is backed up, and looking ahead, on the command line with the real rsync."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import Bck
from tests.support.worlds import world_of_folder

TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"


@pytest.fixture
def pc(tmp_path: Path) -> Path:
    folder = tmp_path / "pc" / "docs"
    files = {
        "a.txt": "text",
        "DRAFT.TMP": "x",
        "d/Desktop.ini": "x",
        "d/.bckignore": "/secret\n!keep.TMP\n",
        "d/secret": "x",
        "d/keep.tmp": "x",
        "target/CACHEDIR.TAG": TAG,
        "target/out.o": "x",
        "film.mkv": "x" * 5000,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def bck(tmp_path: Path, pc: Path, require_tool) -> Bck:
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.1", "BCK_RUNNER__LEASE_SECONDS": "5"})
    made.init()
    made.ok("host", "add", "here", "--transport", "local", "--allow", str(pc.parent), "--platform", "windows")
    return made


def test_what_is_chosen_is_shown_looked_at_ahead_and_then_done(bck: Bck, pc: Path) -> None:
    names = [one["preset"] for one in bck.ok("filters")["items"]]
    assert names == ["windows-junk@1", "caches@1", "temporary@1", "system@1"]

    options = ("--preset", "temporary", "--preset", "windows-junk", "--bckignore", "--skip-caches")
    made = bck.ok(
        "profile", "add", "docs", "--host", "here", "--source", str(pc), *options, "--max-size", "4K"
    )
    assert made["presets"] == ["temporary@1", "windows-junk@1"]
    assert (made["bckignore"], made["skip_caches"], made["max_size"]) == (True, True, 4096)
    assert "~$*" in made["preset_rules"]

    before = world_of_folder(pc)
    ahead = bck.ok("backup", "docs", "--dry-run")["result"]
    assert {one["path"] for one in ahead["paths"]["first"]} == {
        "docs",
        "docs/a.txt",
        "docs/d",
        "docs/d/.bckignore",
        "docs/d/keep.tmp",
        "docs/target",
        "docs/target/CACHEDIR.TAG",
    }
    assert (ahead["new"], ahead["returning"], ahead["changed"], ahead["attributes"]) == (7, 0, 0, 0)
    rules = {one["rule"]: one["count"] for one in ahead["excluded"]["rules"]}
    assert rules == {"*.tmp": 1, "desktop.ini": 1, "/d/secret": 1, "/target/*": 1}
    assert [one["path"] for one in ahead["too_large"]["first"]] == ["docs/film.mkv"]
    assert world_of_folder(pc) == before
    assert not (bck.storage / "current").exists() or not list((bck.storage / "current").rglob("*"))
    bck.ok("backup", "docs", "--wait")
    stored = bck.storage / "current" / "here" / "docs" / "docs"
    assert {path.name for path in stored.rglob("*") if path.is_file()} == {
        "a.txt",
        ".bckignore",
        "keep.tmp",
        "CACHEDIR.TAG",
    }
    text = bck.run("backup", "docs", "--dry-run")
    assert text.code == 0
    assert "L" in text.out
    assert "docs/film.mkv" in text.out
    assert "desktop.ini" in text.out
    assert "nothing, on the PC or here" in text.out

    bck.ok("profile", "set", "docs", "--preset", "", "--no-bckignore", "--no-skip-caches", "--max-size", "0")
    (pc / "d").chmod(0)
    try:
        ahead = bck.ok("backup", "docs", "--dry-run", code=3)["result"]
    finally:
        (pc / "d").chmod(0o755)
    assert ahead["problems"]["count"] == 1
    assert {one["path"] for one in ahead["paths"]["first"]} >= {"docs/film.mkv", "docs/DRAFT.TMP"}
