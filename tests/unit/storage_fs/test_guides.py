"""What a root carries for the day this program is not there comes with the package, and is plain."""

from __future__ import annotations

import re
import subprocess

from bck_adapters.storage_fs.guides import restore_script, write_guides
from bck_adapters.storage_fs.readme import TEXT
from bck_adapters.storage_fs.root import Root

COREUTILS = "cat chmod chown cp head id ln ls mkdir mkfifo mknod mktemp rm sha256sum sort stat touch tr"


def test_the_script_asks_for_nothing_but_coreutils_awk_and_gzip():
    asked = re.search(r"for tool in ([a-z0-9 ]+); do", restore_script().decode())
    assert asked is not None
    assert set(asked[1].split()) == {*COREUTILS.split(), "awk", "gzip"}


def test_the_script_is_shell():
    script = restore_script()
    assert script.startswith(b"#!/bin/sh\n")
    subprocess.run(["sh", "-n"], input=script, check=True)


def test_guides_are_written_anew_when_they_are_not_these(tmp_path):
    for old in (None, b"of an older version"):
        if old is not None:
            (tmp_path / "README.txt").write_bytes(old)
            (tmp_path / "restore.sh").write_bytes(old)
        top = Root(tmp_path).open()
        write_guides(top)
        assert (tmp_path / "README.txt").read_text("utf-8") == TEXT
        assert (tmp_path / "restore.sh").read_bytes() == restore_script()
        assert {place.name for place in tmp_path.iterdir()} == {"README.txt", "restore.sh"}


def test_the_script_passes_shellcheck(require_tool):
    checked = [require_tool("shellcheck"), "--shell=sh", "--severity=warning", "-"]
    ended = subprocess.run(checked, input=restore_script(), check=False, capture_output=True)
    assert (ended.returncode, ended.stdout) == (0, b"")
