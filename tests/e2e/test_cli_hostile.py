"""A PC with names made to deceive, and one that wants the whole disk: what people see, and what is stored."""

import os
import unicodedata
from pathlib import Path

import pytest

from tests.support.cli import Bck, Done

NAMES = [
    b"\x1b]0;owned\x07",
    b"\x1b[31mred\x1b[2J",
    b"\x9b31mraw C1",
    "\u009b31m C1".encode(),
    b"new\nerror: forged line",
    b"carriage\rreturn",
    b"tab\tname",
    b"bell\x07back\x08space\x7fdel",
    "\u202egnp.exe".encode(),
    "\u2066isolate\u2069".encode(),
    "zero\u200bwidth\ufeff".encode(),
    "line\u2028separator\u2029".encode(),
    b"\xff\xfe not utf-8",
    b"\\#033[31m",
    b"%1B[31m",
    b"[bold red]markup[:]",
]
FORBIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}


def clean(done: Done) -> Done:
    """Nothing in what was printed steers a terminal, hides, or turns the text around it."""
    for text in (done.out, done.err):
        odd = {char for char in text if char != "\n" and unicodedata.category(char) in FORBIDDEN}
        assert not odd, (odd, text)
        assert not any(line.startswith("error: forged") for line in text.split("\n"))
    return done


@pytest.fixture
def bck(tmp_path: Path) -> Bck:
    """An installation with a profile of such a PC."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for number, name in enumerate(NAMES):
        path = os.fsencode(docs) + b"/" + name
        if number % 3 == 0:
            os.mkdir(path)
            Path(os.fsdecode(path + b"/" + name)).write_bytes(b"x")
        elif number % 3 == 1:
            os.symlink(name, path)
        else:
            Path(os.fsdecode(path)).write_bytes(b"content")
    shut = os.fsencode(docs) + b"/shut\x1b[7m\nerror: forged line"
    Path(os.fsdecode(shut)).write_bytes(b"x")
    os.chmod(shut, 0)
    made = Bck(tmp_path)
    made.init()
    made.ok("host", "add", "pc1", "--transport", "local", "--allow", str(docs))
    made.ok("profile", "add", "docs", "--host", "pc1", "--source", f"docs={docs}")
    return made


def _changed(docs: Path) -> None:
    for name in NAMES[1:6]:
        path = os.fsencode(docs) + b"/" + name
        if os.path.isdir(path) and not os.path.islink(path):
            continue
        os.unlink(path)
    Path(os.fsdecode(os.fsencode(docs) + b"/" + NAMES[8])).write_bytes(b"other content")


def test_no_verb_prints_what_steers_a_terminal(bck: Bck, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    assert clean(bck.run("backup", "docs", "--dry-run")).code in (0, 3)
    first = clean(bck.run("backup", "docs", "--wait"))
    assert first.code == 3, first
    _changed(docs)
    assert clean(bck.run("backup", "docs", "--wait")).code == 3
    job = bck.ok("jobs")["items"][0]["job_id"]
    odd = b"docs/" + NAMES[8]
    verbs: list[tuple[str | bytes, ...]] = [
        ("status", job),
        ("log", job),
        ("jobs",),
        ("points", "docs"),
        ("ls", "docs"),
        ("ls", "docs", "docs"),
        ("ls", "docs", b"docs/" + NAMES[0]),
        ("find", "docs", "*"),
        ("find", "docs", "*nothing*"),
        ("versions", "docs", odd),
        ("versions", "docs", b"docs/none" + NAMES[0]),
        ("diff", "docs", "1", "latest"),
        ("deleted", "docs"),
        ("run", "list", "docs"),
        ("run", "show", "docs", "latest"),
        ("run", "problems", "docs", "latest"),
        ("check", "docs"),
        ("profile", "show", "docs"),
        ("host", "show", "pc1"),
        ("host", "usage", "pc1"),
        ("host", "probe", "pc1"),
        ("filters",),
        ("prune", "docs", "--dry-run"),
        ("restore", "docs", "--point", "latest", "--to", str(tmp_path / "back")),
        ("restore", "docs", "--point", "latest", "--to", str(tmp_path / "back"), "--on-conflict", "skip"),
        ("restore", "docs", "--point", "latest", "--to", str(tmp_path / "look"), "--dry-run"),
        ("export", "docs", "--point", "latest", "-o", str(tmp_path / "all.zip")),
        ("export", "docs", "--point", "latest", "-o", str(tmp_path / "all.tar")),
        ("export", "docs", "--point", "1", "-o", str(tmp_path / "one.tar"), b"docs/" + NAMES[1]),
        ("hold", "docs", "latest", "--reason", "\x1b[31mwhy\u202e"),
        ("holds", "docs"),
        ("undo", "docs", "latest", "--dry-run"),
        ("forget", "docs", odd, "--dry-run"),
        ("forget", "docs", odd, "--reason", "\x1b[31mx", "--yes"),
        ("audit", "list"),
        ("status", "\x1b[31mno job"),
        ("backup", "\u202eno-profile"),
        ("\x1b[31mno-verb",),
        ("backup", "--\x1b[31mno-option"),
    ]
    clean(bck.run("doctor"))
    codes = {verb: clean(bck.run(*verb)).code for verb in verbs}
    failed = [(verb, code) for verb, code in codes.items() if code not in (0, 3)]
    assert len(failed) < 9, failed


def test_a_pc_that_wants_the_disk_is_stopped_at_its_quota_and_harms_nobody(bck: Bck, tmp_path: Path) -> None:
    docs, other = tmp_path / "docs", tmp_path / "other"
    other.mkdir()
    (other / "file").write_bytes(b"of somebody else" * 1000)
    bck.ok("host", "add", "pc2", "--transport", "local", "--allow", str(other))
    bck.ok("profile", "add", "other", "--host", "pc2", "--source", f"other={other}")
    bck.ok("backup", "other", "--wait")
    bck.ok("backup", "docs", "--wait", code=3)
    kept = _files(bck.storage / "current" / "pc2"), bck.ok("ls", "docs", "docs")["items"]
    bck.ok("host", "set", "pc1", "--quota", "30M")
    with (docs / "holes").open("wb") as file:
        file.truncate(4 << 30)
    assert bck.ok("backup", "docs", "--wait", code=3)["outcome"] == "partial"  # 4 GiB of holes take nothing
    bck.ok("profile", "set", "docs", "--bwlimit", "20M")
    with (docs / "greedy").open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(1 << 20))
    failed = bck.run("backup", "docs", "--wait")
    assert failed.code == 1
    assert "quota is" in failed.err
    used = bck.ok("host", "usage", "pc1")
    assert used["bytes"] < 150 << 20
    assert used["quota_bytes"] == 30 << 20
    assert _files(bck.storage / "current" / "pc2") == kept[0]
    assert {one["path"] for one in kept[1]} <= {one["path"] for one in bck.ok("ls", "docs", "docs")["items"]}
    (docs / "greedy").unlink()
    bck.ok("host", "set", "pc1", "--quota", "0")
    assert bck.ok("backup", "docs", "--wait", code=3)["outcome"] == "partial"


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }
