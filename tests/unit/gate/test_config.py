"""The gate's configuration: only what its administrator alone could write, and all of it understood."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bck_apps.gate.config import GateConfig, loaded, require_trusted
from bck_apps.gate.refusal import GateBrokenError
from bckcore.domain.host_path import parsed_path
from bckcore.domain.host_platform import Platform

GOOD = "read = ['/home/u', '/srv/ü/']\nrestore = ['/home/u/restored']\nconfine = false\nlog = '/var/log/x'\n"


def written(folder: Path, text: str, mode: int = 0o644) -> str:
    file = folder / "gate.toml"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def test_what_is_written_is_what_is_allowed(tmp_path: Path) -> None:
    def path(text: str):
        return parsed_path(text, Platform.POSIX)

    assert loaded(written(tmp_path, GOOD), Platform.POSIX) == GateConfig(
        read=(path("/home/u"), path("/srv/ü")),
        restore=(path("/home/u/restored"),),
        log="/var/log/x",
        confine=False,
    )
    assert loaded(written(tmp_path, "read = ['/a']"), Platform.POSIX) == GateConfig(read=(path("/a"),))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "allows no folder"),
        ("read = []", "allows no folder"),
        ("read = '/home/u'", "read is a list"),
        ("read = [1]", "read is a list"),
        ("read = ['home']", "not a full path"),
        ("read = ['/home/../etc']", "goes up"),
        ("reed = ['/home']", "does not exist"),
        ("read = ['/home']\nrsync = 'rsync'", "full path of the program"),
        ("read = ['/home']\nlog = 'x'", "log is"),
        ("read = ['/home']\nconfine = 'yes'", "confine is"),
        ("read = [", "TOML"),
        ("read = ['/home/\udcff']", "TOML"),
    ],
)
def test_a_file_that_is_not_understood_lets_nothing_through(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "gate.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    file.chmod(0o600)
    with pytest.raises(GateBrokenError, match=why):
        loaded(str(file), Platform.POSIX)


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_a_file_that_others_may_write_lets_nothing_through(tmp_path: Path, mode: int) -> None:
    with pytest.raises(GateBrokenError, match="can be written by other accounts"):
        loaded(written(tmp_path, GOOD, mode), Platform.POSIX)


def test_a_folder_that_others_may_write_lets_nothing_through(tmp_path: Path) -> None:
    inside = tmp_path / "etc"
    inside.mkdir()
    inside.chmod(0o777)
    with pytest.raises(GateBrokenError, match="can be written by other accounts"):
        loaded(written(inside, GOOD), Platform.POSIX)


def test_a_program_named_by_a_link_that_others_may_replace_is_not_trusted(tmp_path: Path) -> None:
    for name in ("safe", "open"):
        (tmp_path / name).mkdir()
    program = tmp_path / "safe" / "rsync"
    program.write_text("")
    (tmp_path / "open" / "rsync").symlink_to(program)
    link = str(tmp_path / "open" / "rsync")
    require_trusted(link, os.stat(link))
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(GateBrokenError, match="open can be written by other accounts"):
        require_trusted(link, os.stat(link))


def test_a_link_or_a_pipe_in_its_place_lets_nothing_through(tmp_path: Path) -> None:
    os.symlink(written(tmp_path, GOOD), tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing"):
        with pytest.raises(GateBrokenError):
            loaded(str(tmp_path / name), Platform.POSIX)
