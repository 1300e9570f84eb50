"""The thread that tells people: it delivers, goes on after any error, and keeps nobody from ending."""

import time
from datetime import timedelta
from threading import Event

import pytest

from bck_adapters.clock import SystemClock
from bck_adapters.memory import MemoryOutbox, RecordingChannel
from bck_adapters.testkit.contracts_outbox import failed_run
from bck_apps.runner.telling import Telling
from bckcore.domain.notice import Digest, NoticeKind, TellingPlan
from bckcore.ports.outbox import Outbox
from bckcore.services.notices import NoticeService
from tests.support.cli import eventually


def service(outbox: Outbox, channel: RecordingChannel) -> NoticeService:
    plan = TellingPlan(kinds=frozenset(NoticeKind), gather=timedelta())
    return NoticeService(outbox=outbox, channels={"mail": channel}, plan=plan, clock=SystemClock())


def test_what_another_process_puts_into_the_outbox_is_delivered_too() -> None:
    outbox, channel = MemoryOutbox(), RecordingChannel()
    with Telling(service(outbox, channel), look_seconds=0.1):
        for number in range(3):
            outbox.put("mail", failed_run(number, profile=f"p{number}"))
            assert eventually(lambda number=number: len(channel.digests) == number + 1)


def test_it_goes_on_after_any_error(caplog: pytest.LogCaptureFixture) -> None:
    outbox, channel = MemoryOutbox(), RecordingChannel()
    waiting, failures = outbox.waiting, [RuntimeError("no"), RuntimeError("no")]

    def fails(name: str) -> object:
        if failures:
            raise failures.pop()
        return waiting(name)

    outbox.waiting = fails  # type: ignore[method-assign, assignment]  # what must not happen
    outbox.put("mail", failed_run(1))
    with Telling(service(outbox, channel), look_seconds=0.1):
        assert eventually(lambda: channel.digests)
    assert caplog.text.count("messages to people are put off") == 2


def test_leaving_does_not_wait_for_a_server_that_takes_its_time() -> None:
    outbox, channel, begun, over = MemoryOutbox(), RecordingChannel(), Event(), Event()

    def slow(digest: Digest) -> None:
        begun.set()
        over.wait(60)

    channel.deliver = slow  # type: ignore[method-assign]  # a server that takes its time
    outbox.put("mail", failed_run(1))
    with Telling(service(outbox, channel), end_seconds=0.1):
        assert begun.wait(60)
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 30
    assert len(outbox.waiting("mail")) == 1
    over.set()
