"""The same over OpenSSH: what answers behind the PC's sshd is no rsync of ours."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bckcore.domain.transfer import TransferOptions
from bckcore.errors import BckError
from tests.integration.hostile.conftest import SENDER, Hijacked
from tests.integration.hostile.test_sender import DIR, FILE, one, root
from tests.support.foreign_text import CARELESS
from tests.support.rsync_rigs import ssh_rig
from tests.support.sshd import running_sshd

pytestmark = pytest.mark.usefixtures("unharmed")

ANSWERS = """#!/bin/sh
# The look at the source's root is honest; the transfer that follows is not.
if mkdir {looked} 2>/dev/null; then exec sh -c "$SSH_ORIGINAL_COMMAND"; fi
exec {python} {sender} {plan}
"""


@pytest.fixture
def behind_ssh(
    hijacked: Hijacked, tmp_path_factory: pytest.TempPathFactory, require_tool: Callable[[str], str]
) -> Iterator[Callable[..., object]]:
    """Attempts at a PC that answers with a plan; each gives how it ended."""
    for tool in ("ssh", "sshd"):
        require_tool(tool)
    place = tmp_path_factory.mktemp("answers")
    answers, plan, looked = place / "answers", place / "plan.json", place / "looked"
    text = ANSWERS.format(looked=looked, python=sys.executable, sender=SENDER, plan=plan)
    answers.write_text(text, encoding="utf-8")
    answers.chmod(0o755)
    with (
        running_sshd(place / "sshd", f"ForceCommand {answers}") as sshd,
        TemporaryDirectory(prefix="bck") as runtime,
    ):
        hijacked.rig = ssh_rig(hijacked.folder, sshd, Path(runtime))
        hijacked.rig.options = TransferOptions(idle_timeout=20)

        def attempt(**told: object) -> object:
            plan.write_text(json.dumps(told), encoding="utf-8")
            if looked.exists():
                looked.rmdir()
            return hijacked.pull()

        yield attempt


def test_names_that_lead_elsewhere_are_refused(behind_ssh: Callable[..., object]) -> None:
    for name in (b"../escape", b"/etc/cron.d/evil", b"a/../../escape"):
        for mode in (FILE, DIR):
            ended = behind_ssh(entries=[root(), one(name, mode=mode)])
            assert isinstance(ended, BckError), (name, ended)


def test_an_honest_folder_arrives_so_that_the_refusals_mean_something(
    hijacked: Hijacked, behind_ssh: Callable[..., object]
) -> None:
    behind_ssh(entries=[root(), one(b"folder", mode=DIR, size=4096)])
    assert (hijacked.rig.destination / "folder").is_dir()


def test_messages_and_noise_break_nothing_and_steer_no_log(
    hijacked: Hijacked, behind_ssh: Callable[..., object]
) -> None:
    texts = [
        (kind, (text + b"\n").hex()) for kind in (1, 2, 3) for text in (*CARELESS, b"\x1b[2J\xe2\x80\xae")
    ]
    behind_ssh(messages=texts, entries=[root(), one(b"folder", mode=DIR)], after=texts)
    ended = behind_ssh(raw=(b"\x00\xff\x1b[31m" * 5000).hex())
    assert isinstance(ended, BckError)
    assert str(ended).isprintable()
    assert all(line.isprintable() for line in hijacked.rig.watcher.lines)
