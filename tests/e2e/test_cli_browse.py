"""Looking for files on the command line, against a real store and real rsync."""

import os
from pathlib import Path

import pytest

from tests.support.cli import Bck
from tests.support.sshd import running_sshd

ODD = b"non-utf8-\xff\xfe"


def paths(document: dict[str, list[dict[str, str]]]) -> list[str]:
    return [one["path"] for one in document["items"]]


@pytest.fixture
def bck(tmp_path: Path, require_tool):
    """Two points: in the second, letter.txt is edited, sub gone, Letter.TXT new."""
    require_tool("sshd")
    require_tool("rsync")
    docs = tmp_path / "pc" / "docs"
    (docs / "sub" / "empty").mkdir(parents=True)
    (docs / "letter.txt").write_text("one")
    (docs / "sub" / "deep\nfile").write_text("deep")
    (docs / "link").symlink_to("letter.txt")
    with open(os.path.join(os.fsencode(docs), ODD), "wb") as file:
        file.write(b"odd")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server")
    with running_sshd(tmp_path / "sshd") as sshd:
        made.init()
        made.add_host(sshd, tmp_path / "pc")
        made.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
        made.ok("backup", "docs", "--wait")
        (docs / "letter.txt").write_text("three")
        (docs / "Letter.TXT").write_text("other")
        (docs / "sub" / "deep\nfile").unlink()
        (docs / "sub" / "empty").rmdir()
        (docs / "sub").rmdir()
        made.ok("backup", "docs", "--wait")
    return made


def test_people_find_what_they_lost_and_bring_it_back(bck: Bck, tmp_path: Path) -> None:
    folder = bck.ok("ls", "docs", "docs", "--point", "1")
    assert paths(folder) == ["docs/letter.txt", "docs/link", "docs/non-utf8-\\xff\\xfe", "docs/sub"]
    assert paths(bck.ok("ls", "docs")) == ["docs"]
    assert paths(bck.ok("ls", "docs", str(tmp_path / "pc" / "docs" / "sub"), "--point", "1")) == [
        "docs/sub/deep\\nfile",
        "docs/sub/empty",
    ]
    cut = bck.ok("ls", "docs", "docs", "--limit", "2")
    assert paths(bck.ok("ls", "docs", "docs", "--after", cut["next"]))[0] == "docs/link"
    assert paths(bck.ok("find", "docs", "letter")) == ["docs/Letter.TXT", "docs/letter.txt"]
    assert paths(bck.ok("find", "docs", "letter", "--case-sensitive")) == ["docs/letter.txt"]
    assert paths(bck.ok("find", "docs", b"*\xfe")) == ["docs/non-utf8-\\xff\\xfe"]
    (odd,) = bck.ok("versions", "docs", b"docs/" + ODD)["items"]
    assert (odd["path_bytes"], odd["standing"]) == ("docs/non-utf8-%FF%FE", "live")
    changed = bck.ok("diff", "docs", "1")
    assert {one["path"]: one["change"] for one in changed["items"]} == {
        "docs": "attributes",
        "docs/Letter.TXT": "added",
        "docs/letter.txt": "changed",
        "docs/sub": "gone",
        "docs/sub/deep\\nfile": "gone",
        "docs/sub/empty": "gone",
    }
    assert bck.ok("diff", "docs", "--run", "2")["items"] == changed["items"]
    lost = bck.ok("deleted", "docs", "docs/sub")["items"]
    assert [one["path"] for one in lost] == ["docs/sub", "docs/sub/deep\\nfile", "docs/sub/empty"]
    bck.ok("restore", "docs", "--point", lost[0]["last_point"], "--to", str(tmp_path / "back"), "docs/sub")
    assert (tmp_path / "back" / "docs" / "sub" / "deep\nfile").read_text() == "deep"


def test_people_read_tables_and_remarks(bck: Bck) -> None:
    listed = bck.run("ls", "docs", "docs", "--limit", "3")
    assert "docs/link -> letter.txt" in listed.out
    assert "There is more: --after 'docs/link'" in listed.err
    assert "As at point 2" in listed.err
    assert "deep\\nfile" in bck.run("find", "docs", "deep").out
    assert "older" in bck.run("versions", "docs", "docs/letter.txt").out
    told = bck.run("diff", "docs", "1", "2", "--below", "docs/sub")
    assert "3 gone" in told.err
    assert "docs/sub/empty" in told.out
    assert "docs/sub/empty" in bck.run("deleted", "docs", "--since", "2").out
    assert bck.run("find", "docs", "nothing").out == "Nothing was found.\n"


def test_wrong_words_are_told_and_have_their_status(bck: Bck) -> None:
    for code, arguments in (
        (4, ("ls", "no")),
        (4, ("ls", "docs", "docs", "--point", "7")),
        (4, ("ls", "docs", "docs/sub")),
        (2, ("ls", "docs", "docs/letter.txt")),
        (2, ("ls", "docs", "docs/../x")),
        (2, ("ls", "docs", "/etc")),
        (2, ("ls", "docs", "--limit", "0")),
        (4, ("versions", "docs", "docs/never")),
        (2, ("find", "docs", "")),
        (2, ("diff", "docs")),
        (2, ("diff", "docs", "1", "--run", "2")),
        (4, ("diff", "docs", "--run", "9")),
        (2, ("deleted", "docs", "--since", "Tuesday")),
    ):
        found = bck.ok(*arguments, code=code)
        assert found["error"]["what"], arguments
        assert found["error"]["advice"], arguments
