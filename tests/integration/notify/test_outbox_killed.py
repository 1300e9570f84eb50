"""Kill -9 between writing and delivering loses nothing and locks nobody out; harmed files are told of."""

from __future__ import annotations

import fcntl
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from bck_adapters.clock import SystemClock
from bck_adapters.memory import RecordingChannel
from bck_adapters.notify import FileOutbox
from bck_adapters.testkit.contracts_outbox import AT, STALE, failed_run
from bckcore.domain.events import HostUnreachable
from bckcore.domain.ids import HostId
from bckcore.domain.notice import NoticeKind, TellingPlan
from bckcore.errors import StorageError
from bckcore.services.notices import NoticeService
from tests.support.cli import eventually
from tests.support.post import Conversation, MailServer

pytestmark = pytest.mark.integration
PUTS = """
import sys
from pathlib import Path
from bck_adapters.notify import FileOutbox
from bck_adapters.testkit.contracts_outbox import failed_run
outbox, number = FileOutbox(Path(sys.argv[1])), 0
while True:
    outbox.put("mail", failed_run(number, profile=f"p{number % 7}"))
    print(number, flush=True)
    number += 1
"""
DELIVERS = """
import sys
from pathlib import Path
from bck_adapters.clock import SystemClock
from bck_adapters.notify import FileOutbox
from bck_adapters.notify.mail import MailChannel, MailOptions
from bckcore.domain.notice import NoticeKind, TellingPlan
from bckcore.services.notices import NoticeService
options = MailOptions(server="localhost", port=int(sys.argv[2]), encryption="none", user="", password_ref="",
                      sender="a@example.org", to=("b@example.org",), ca_file="", timeout_seconds=300)
channel = MailChannel(options, lambda ref: None)
NoticeService(outbox=FileOutbox(Path(sys.argv[1])), channels={"mail": channel}, clock=SystemClock(),
              plan=TellingPlan(kinds=frozenset(NoticeKind))).deliver(at_once=True)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def says_nothing(conversation: Conversation) -> None:
    conversation.mail.stopping.wait()


def service(outbox: FileOutbox, channel: RecordingChannel) -> NoticeService:
    plan = TellingPlan(kinds=frozenset(NoticeKind))
    return NoticeService(outbox=outbox, channels={"mail": channel}, plan=plan, clock=SystemClock())


@pytest.mark.parametrize("lines", [1, 5, 20])
def test_what_was_put_is_there_after_its_process_was_killed(tmp_path: Path, lines: int) -> None:
    folder = tmp_path / "outbox"
    process = start(PUTS, folder)
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline()
    process.kill()
    acknowledged = lines + len(process.stdout.read().split())
    process.wait()
    process.stdout.close()
    waiting = FileOutbox(folder).waiting("mail")
    assert acknowledged <= sum(one.count for one in waiting) <= acknowledged + 1
    assert FileOutbox(folder).put("mail", STALE)
    assert not list(folder.rglob("*.damaged"))


def test_a_delivery_whose_process_is_killed_is_made_again_by_the_next(tmp_path: Path) -> None:
    folder, channel = tmp_path / "outbox", RecordingChannel()
    FileOutbox(folder).put("mail", failed_run(1))
    server = MailServer(misbehaves=says_nothing)
    with server.listening():
        process = start(DELIVERS, folder, server.port)
        outbox = FileOutbox(folder)

        def busy() -> bool:
            with outbox.delivering("mail") as mine:
                return not mine

        assert eventually(busy)
        service(outbox, channel).deliver(at_once=True)
        assert channel.digests == []
        process.kill()
        process.communicate()
        service(outbox, channel).deliver(at_once=True)
    assert [one.notice.id for one in channel.digests[0].items] == ["run/1"]
    assert outbox.waiting("mail") == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1}', b"\xff\x00"])
def test_a_harmed_file_is_set_aside_and_told_of_and_the_rest_is_delivered(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = FileOutbox(tmp_path / "outbox")
    outbox.put("mail", failed_run(1))
    (harmed,) = (tmp_path / "outbox" / "mail").glob("*.notice")
    harmed.write_bytes(content)
    (tmp_path / "outbox" / "mail" / "state").write_bytes(content)
    outbox.put("mail", STALE)
    with caplog.at_level(logging.ERROR):
        assert [one.notice for one in outbox.waiting("mail")] == [STALE]
    assert "is damaged" in caplog.text
    assert outbox.put("mail", failed_run(2))
    assert outbox.state("mail").failures == 0


def test_only_its_own_account_can_look_into_it(tmp_path: Path) -> None:
    outbox = FileOutbox(tmp_path / "outbox")
    outbox.put("mail", failed_run(1))
    outbox.failed("mail", "no", AT, AT)
    for path in (tmp_path / "outbox", *(tmp_path / "outbox").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    outbox = FileOutbox(tmp_path / "outbox")
    outbox.put("mail", failed_run(1))
    (tmp_path / "outbox" / "mail" / ".new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="outbox"):
        outbox.put("mail", failed_run(2))
    assert not (tmp_path / "elsewhere").exists()


def test_a_process_that_is_frozen_with_the_lock_freezes_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bck_adapters.notify.outbox.LOCK_SECONDS", 0.2)
    outbox, channel = FileOutbox(tmp_path / "outbox"), RecordingChannel()
    outbox.put("mail", failed_run(1))
    with (tmp_path / "outbox" / "mail" / ".lock").open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="another process holds its lock"):
            outbox.put("mail", failed_run(2))
        noted = service(outbox, channel)
        noted.note(HostUnreachable(host=HostId("pc1"), at=AT, why="off"))
    noted.deliver(at_once=True)
    assert {one.notice.kind for one in channel.digests[0].items} == {
        NoticeKind.FAILED,
        NoticeKind.UNREACHABLE,
    }


def test_a_full_disk_is_an_error_of_ours(small_fs: Path) -> None:
    outbox = FileOutbox(small_fs / "outbox")
    outbox.put("mail", failed_run(1))
    with (small_fs / "fill").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(StorageError, match="No space left"):
        for number in range(200):
            outbox.put("mail", failed_run(number, profile=f"p{number}"))
    assert "run/1" in {one.notice.id for one in outbox.waiting("mail")}
