"""An rsync with known holes: refused at the start of the server, by the doctor, by every run, and on a PC."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Bck
from tests.support.sshd import LoopbackSshd, running_sshd

ANSWERS = """#!/bin/sh
case "$SSH_ORIGINAL_COMMAND" in
"rsync --version") echo "rsync  version 3.2.7  protocol version 31";;
dpkg-query*) printf %s '{package}';;
*) exec sh -c "$SSH_ORIGINAL_COMMAND";;
esac
"""


@pytest.fixture
def sshd(tmp_path: Path, require_tool) -> Iterator[LoopbackSshd]:
    require_tool("sshd")
    with running_sshd(tmp_path / "sshd") as served:
        yield served


@pytest.fixture
def bck(tmp_path: Path, sshd: LoopbackSshd) -> Bck:
    docs = tmp_path / "pc" / "docs"
    docs.mkdir(parents=True)
    (docs / "a").write_text("x")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server")
    made.init()
    made.add_host(sshd, tmp_path / "pc")
    made.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
    return made


def test_the_server_with_an_old_rsync_neither_starts_nor_runs_and_says_what_to_install(
    bck: Bck, tmp_path: Path
):
    old = tmp_path / "old"
    old.mkdir()
    (old / "rsync").write_text('#!/bin/sh\necho "rsync  version 3.2.7  protocol version 31"\n')
    (old / "rsync").chmod(0o755)
    bck.settings["PATH"] = f"{old}:{os.environ['PATH']}"
    for verb in (("serve", "--port", "0"), ("backup", "docs", "--wait")):
        refused = bck.run(*verb)
        assert refused.code == 1, refused
        assert "CVE-2024-12084" in refused.err
        assert "apt-get install rsync" in refused.err
    items = {one["name"]: one for one in bck.ok("doctor", code=1)["items"]}
    assert not items["known holes"]["ok"]
    del bck.settings["PATH"]
    assert bck.ailing() == {}


def test_a_hole_of_later_years_is_told_and_backups_go_on(bck: Bck, tmp_path: Path):
    real = shutil.which("rsync")
    old = tmp_path / "old"
    old.mkdir()
    version = 'echo "rsync  version 3.4.1  protocol version 32"'
    (old / "rsync").write_text(f'#!/bin/sh\ncase "$*" in --version) {version};; *) exec {real} "$@";; esac\n')
    (old / "rsync").chmod(0o755)
    bck.settings["PATH"] = f"{old}:{os.environ['PATH']}"
    bck.ok("backup", "docs", "--wait")
    plain = bck.run("doctor", "--json").json["items"]
    assert {one["name"]: one["ok"] for one in plain}["known holes"]
    found = {one["name"]: one for one in bck.ok("doctor", "--security", code=1)["items"]}["known holes"]
    assert not found["ok"]
    assert "rsync 3.4.1: CVE-2025-10158, " in found["detail"]
    assert "apt-get install rsync" in found["detail"]


@pytest.mark.parametrize(("package", "code"), [("", 1), ("3.2.7-1+deb12u1", 1), ("3.2.7-1+deb12u6", 0)])
def test_a_pc_with_an_old_rsync_is_refused_where_its_version_can_be_asked(
    bck: Bck, sshd: LoopbackSshd, tmp_path: Path, package: str, code: int
):
    answers = tmp_path / "answers"
    answers.write_text(ANSWERS.format(package=package))
    answers.chmod(0o755)
    sshd.stop()
    sshd.options = (f"ForceCommand {answers}",)
    sshd.start()
    probed = bck.run("host", "probe", "pc1")
    assert probed.code == code, probed
    assert ("CVE-2024-12084" in probed.err) == (code == 1)
