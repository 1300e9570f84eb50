"""What lets the server in is written whole, keeps what else is there, and follows no link."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bck_apps.gate.enrolling.files import Place, named_file, require_writable, rewritten, without, written_new
from bck_apps.gate.enrolling.problem import EnrolError


def place(home: Path) -> Place:
    return Place(anchor=str(home), names=(".ssh", "authorized_keys"), owner=os.geteuid(), make_folders=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "home"
    made.mkdir()
    return made


def added(content: bytes) -> bytes:
    return without(content, lambda line: line.startswith(b"old"), ["new line"])


def test_a_new_file_is_for_nobody_else_and_so_is_its_folder(home: Path) -> None:
    require_writable(place(home))
    rewritten(place(home), added)
    file = home / ".ssh" / "authorized_keys"
    assert file.read_bytes() == b"new line\n"
    assert [path.stat().st_mode & 0o777 for path in (file, file.parent)] == [0o600, 0o700]


def test_other_lines_stay_to_the_byte_and_the_mode_only_loses_rights(home: Path) -> None:
    file = home / ".ssh" / "authorized_keys"
    file.parent.mkdir()
    file.write_bytes(b"# a comment \xff\r\nold one\n\n  ssh-rsa AAAA x\nold two\nlast without an end")
    file.chmod(0o664)
    rewritten(place(home), added)
    assert file.read_bytes() == b"# a comment \xff\r\n\n  ssh-rsa AAAA x\nlast without an end\nnew line\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert sorted(os.listdir(file.parent)) == ["authorized_keys"]


def linked_folder(home: Path, elsewhere: Path) -> None:
    (home / ".ssh").symlink_to(elsewhere)


def linked_file(home: Path, elsewhere: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "authorized_keys").symlink_to(elsewhere / "new")


def second_name(home: Path, elsewhere: Path) -> None:
    (home / ".ssh").mkdir()
    os.link(elsewhere / "authorized_keys", home / ".ssh" / "authorized_keys")


def pipe(home: Path, _elsewhere: Path) -> None:
    (home / ".ssh").mkdir()
    os.mkfifo(home / ".ssh" / "authorized_keys")


def folder(home: Path, _elsewhere: Path) -> None:
    (home / ".ssh" / "authorized_keys").mkdir(parents=True)


@pytest.mark.parametrize("make", [linked_folder, linked_file, second_name, pipe, folder])
def test_no_link_is_followed_wherever_it_stands(
    home: Path, tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "authorized_keys").write_bytes(b"somebody else's")
    make(home, elsewhere)
    for step in (lambda: require_writable(place(home)), lambda: rewritten(place(home), added)):
        with pytest.raises(EnrolError):
            step()
    assert os.listdir(elsewhere) == ["authorized_keys"]
    assert (elsewhere / "authorized_keys").read_bytes() == b"somebody else's"


def test_a_change_that_fails_leaves_the_file_as_it_was(home: Path) -> None:
    file = home / ".ssh" / "authorized_keys"
    file.parent.mkdir()
    file.write_bytes(b"kept\n")

    def fails(_: bytes) -> bytes:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        rewritten(place(home), fails)
    file.parent.chmod(0o500)
    try:
        for step in (lambda: require_writable(place(home)), lambda: rewritten(place(home), added)):
            with pytest.raises(EnrolError):
                step()
    finally:
        file.parent.chmod(0o700)
    assert file.read_bytes() == b"kept\n"
    assert os.listdir(file.parent) == ["authorized_keys"]


def test_a_configuration_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    config = named_file(str(tmp_path.resolve() / "gate.toml"))
    assert written_new(config, b"read = []\n", mode=0o644)
    assert not written_new(config, b"other\n", mode=0o644)
    assert Path(config.path).read_bytes() == b"read = []\n"
    assert Path(config.path).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("path", ["", "gate.toml", "/", "/a/../b", "/a//b", "/a/./b", "/a/"])
def test_a_file_is_named_by_its_full_path(path: str) -> None:
    with pytest.raises(EnrolError):
        named_file(path)


def test_folders_of_a_named_file_are_not_made(tmp_path: Path) -> None:
    with pytest.raises(EnrolError, match="there is no folder"):
        require_writable(named_file(str(tmp_path.resolve() / "none" / "file")))
