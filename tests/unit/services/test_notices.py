"""Every notice reaches people or is given up with a word; many at once are one message."""

import logging
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from threading import Event, Thread

import pytest

from bck_adapters.memory import MemoryOutbox, RecordingChannel, SettableClock
from bckcore.domain.events import HostUnreachable, ProfileRecovered, ProfileStale, RunFinished
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.notice import Digest, Notice, NoticeKind, TellingPlan
from bckcore.domain.run import Run, RunOutcome
from bckcore.errors import DeliveryFailedError, NotFoundError, StorageError, TransferFailedError
from bckcore.services.notices import LEAST_TRIES, NoticeService
from tests.support.values import run_id

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
PLAN = TellingPlan(kinds=frozenset(NoticeKind) - {NoticeKind.SUCCEEDED, NoticeKind.UNREACHABLE})


class Desk:
    """Notices over one channel, and a clock that is moved."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        self.outbox = MemoryOutbox()
        self.channel = RecordingChannel()
        self.number = 0
        self.notices = self.service()

    def service(self, **changes: object) -> NoticeService:
        """As of a process that was started now."""
        return NoticeService(
            outbox=self.outbox,
            channels={"mail": self.channel},
            plan=replace(PLAN, **changes),  # type: ignore[arg-type]  # fields of the plan
            clock=self.clock,
        )

    def fail(self, host: str = "pc1", outcome: RunOutcome = RunOutcome.FAILED) -> None:
        """A run ends now, and is told of."""
        self.number += 1
        run = Run(
            id=run_id(self.number),
            profile=ProfileId("docs"),
            host=HostId(host),
            job=JobId("j"),
            seq=self.number,
            started=self.clock.now(),
        )
        error = TransferFailedError("rsync ended.") if outcome is RunOutcome.FAILED else None
        self.notices.note(RunFinished(run=run.ended(outcome, self.clock.now(), error)))

    def deliver(self, after: float = 0) -> list[Digest]:
        """Look after so many seconds; the messages that came of it."""
        self.clock.advance(after)
        before = len(self.channel.digests)
        self.notices.deliver()
        return self.channel.digests[before:]

    def stale(self) -> ProfileStale:
        """A profile is stale now."""
        return ProfileStale(
            profile=ProfileId("docs"),
            host=HostId("pc1"),
            at=self.clock.now(),
            fresh_within=timedelta(days=3),
            good_at=None,
            offline_since=None,
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_five_hundred_hosts_that_fail_at_once_are_one_message(desk: Desk) -> None:
    for number in range(500):
        desk.fail(f"pc{number}")
    assert desk.deliver() == []
    (digest,) = desk.deliver(after=MINUTE)
    assert len(digest.items) == 500
    assert "500 failed backups" in digest.subject
    assert desk.deliver(after=DAY) == []


def test_those_that_go_on_failing_for_ten_minutes_are_a_message_a_minute_at_most(desk: Desk) -> None:
    for number in range(600):
        desk.fail(f"pc{number}")
        desk.deliver(after=1)
    desk.deliver(after=MINUTE)
    assert len(desk.channel.digests) <= 11
    assert sum(len(digest.items) for digest in desk.channel.digests) == 600


def test_it_tells_when_it_is_worth_to_look_again(desk: Desk) -> None:
    assert desk.notices.deliver() == HOUR
    desk.fail()
    desk.clock.advance(20)
    assert desk.notices.deliver() == pytest.approx(40)


def test_the_same_news_within_the_quiet_time_are_one_message_that_counts(desk: Desk) -> None:
    desk.fail()
    assert len(desk.deliver(after=MINUTE)) == 1
    for _ in range(5):
        desk.fail()
        assert desk.deliver(after=5 * MINUTE) == []
    (digest,) = desk.deliver(after=HOUR)
    assert [one.count for one in digest.items] == [5]


def test_other_news_do_not_wait_for_the_quiet_time(desk: Desk) -> None:
    desk.fail()
    desk.deliver(after=MINUTE)
    desk.fail()
    desk.notices.note(desk.stale())
    (digest,) = desk.deliver(after=2 * MINUTE)
    assert [one.notice.kind for one in digest.items] == [NoticeKind.STALE]


def test_stale_and_good_again_and_stale_are_all_told(desk: Desk) -> None:
    stale = desk.stale()
    good = ProfileRecovered(profile=stale.profile, host=stale.host, at=stale.at, told_at=stale.at)
    kinds = []
    for event in (stale, good, stale):
        desk.notices.note(event)
        kinds += [one.notice.kind for digest in desk.deliver(after=MINUTE) for one in digest.items]
    assert kinds == [NoticeKind.STALE, NoticeKind.RECOVERED, NoticeKind.STALE]


def test_where_good_news_are_not_wanted_bad_news_come_again_all_the_same(desk: Desk) -> None:
    stale = desk.stale()
    good = ProfileRecovered(profile=stale.profile, host=stale.host, at=stale.at, told_at=stale.at)
    desk.notices = desk.service(kinds=frozenset({NoticeKind.STALE}))
    for event in (stale, good, stale):
        desk.notices.note(event)
        desk.deliver(after=MINUTE)
    assert [[one.notice.kind for one in sent.items] for sent in desk.channel.digests] == [
        [NoticeKind.STALE]
    ] * 2


def test_what_nobody_asked_for_is_not_kept(desk: Desk) -> None:
    desk.fail(outcome=RunOutcome.SUCCEEDED)
    desk.notices.note(HostUnreachable(host=HostId("pc1"), at=desk.clock.now(), why="off"))
    assert desk.outbox.waiting("mail") == []


def test_what_was_not_taken_is_tried_again_ever_more_rarely_and_comes_in_the_end(desk: Desk) -> None:
    desk.channel.broken = "closed"
    desk.fail()
    tries = []
    for minute in range(600):
        before = desk.channel.tries
        desk.deliver(after=MINUTE)
        tries += [minute] * (desk.channel.tries - before)
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert set(waits[6:]) == {60}
    desk.channel.broken = ""
    (digest,) = desk.deliver(after=HOUR)
    assert [one.count for one in digest.items] == [1]
    assert desk.outbox.state("mail").failures == 0


def test_after_a_day_of_failures_it_is_given_up_with_a_line_in_the_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.channel.broken = "closed"
    desk.fail()
    for _ in range(23):
        desk.deliver(after=HOUR)
    assert len(desk.outbox.waiting("mail")) == 1
    desk.fail("pc2")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            desk.deliver(after=HOUR)
    assert [one.notice.host for one in desk.outbox.waiting("mail")] == ["pc2"]
    assert desk.outbox.state("mail").given_up == 1
    (line,) = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert "given up" in line
    assert "failed/pc1/docs/transfer-failed" in line


def test_what_waited_while_nobody_served_is_tried_and_not_given_up(desk: Desk) -> None:
    desk.fail()
    desk.clock.advance(30 * DAY)
    desk.channel.broken = "no network yet"
    for _ in range(LEAST_TRIES - 1):
        desk.deliver(after=10)
    desk.channel.broken = ""
    assert len(desk.deliver(after=HOUR)) == 1


def test_a_clock_that_jumps_neither_loses_nor_holds_up_anything(desk: Desk) -> None:
    desk.clock.advance(400 * DAY)
    desk.channel.broken = "closed"
    desk.fail()
    desk.deliver(after=MINUTE)
    desk.clock.set(desk.clock.now() - timedelta(days=400))
    desk.channel.broken = ""
    assert len(desk.deliver()) == 1
    desk.fail("pc2")
    assert len(desk.deliver(after=MINUTE)) == 1


def test_a_channel_that_raises_anything_is_tried_again_and_its_words_are_kept_to_itself(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def deliver(digest: Digest) -> None:
        raise RuntimeError("https://hooks.example/secret")

    desk.channel.deliver = deliver  # type: ignore[method-assign]  # what a plugin may do
    desk.fail()
    desk.deliver(after=MINUTE)
    state = desk.outbox.state("mail")
    assert (state.failures, state.error) == (1, "The channel mail raised RuntimeError.")
    assert "secret" not in caplog.text


def test_one_channel_that_fails_does_not_keep_another_from_telling(desk: Desk) -> None:
    other = RecordingChannel()
    desk.channel.broken = "closed"
    both = NoticeService(
        outbox=desk.outbox, channels={"mail": desk.channel, "webhook": other}, plan=PLAN, clock=desk.clock
    )
    both.note(desk.stale())
    both.deliver(at_once=True)
    assert len(other.digests) == 1
    assert len(desk.outbox.waiting("mail")) == 1


def test_while_one_delivers_another_does_not(desk: Desk) -> None:
    desk.fail()
    with desk.outbox.delivering("mail"):
        assert desk.deliver(after=MINUTE) == []
    assert len(desk.deliver()) == 1


def test_while_a_delivery_lasts_more_can_be_noted(desk: Desk) -> None:
    begun, go_on = Event(), Event()
    taken = desk.channel.deliver

    def slow(digest: Digest) -> None:
        begun.set()
        assert go_on.wait(30)
        taken(digest)

    desk.channel.deliver = slow  # type: ignore[method-assign]  # a server that takes its time
    desk.fail()
    thread = Thread(target=desk.notices.deliver, kwargs={"at_once": True})
    thread.start()
    assert begun.wait(30)
    desk.fail("pc2")
    assert len(desk.outbox.waiting("mail")) == 2
    go_on.set()
    thread.join()
    assert [one.notice.host for one in desk.outbox.waiting("mail")] == ["pc2"]


def test_a_disk_that_refuses_costs_nobody_a_run_and_nothing_once_it_takes_again(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    put = desk.outbox.put

    def full(channel: str, notice: Notice) -> bool:
        raise StorageError("The outbox cannot be used: No space left on device.")

    desk.outbox.put = full  # type: ignore[method-assign]  # a disk that is full
    desk.fail()
    assert "No space left" in caplog.text
    desk.deliver()
    caplog.clear()
    for _ in range(10):
        desk.deliver(after=1)
    assert caplog.text == "", "a full disk is not filled with lines about it"
    desk.outbox.put = put  # type: ignore[method-assign]  # and no longer is
    assert len(desk.deliver(after=MINUTE)) == 1


def test_where_a_delivery_cannot_be_noted_it_is_not_made_again_and_again(desk: Desk) -> None:
    noted = desk.outbox.delivered

    def full(*_: object) -> None:
        raise StorageError("The outbox cannot be used: No space left on device.")

    desk.outbox.delivered = full  # type: ignore[method-assign, assignment]  # a disk that is full
    desk.fail()
    assert len(desk.deliver(after=MINUTE)) == 1
    for _ in range(30):
        assert desk.deliver(after=1) == []
    desk.outbox.delivered = noted  # type: ignore[method-assign]  # and no longer is
    assert len(desk.deliver(after=MINUTE)) == 1
    assert list(desk.outbox.waiting("mail")) == []


def test_what_waits_for_a_channel_that_is_no_longer_wanted_goes_when_its_time_is_over(desk: Desk) -> None:
    desk.fail()
    without = NoticeService(outbox=desk.outbox, channels={}, plan=PLAN, clock=desk.clock)
    without.deliver()
    assert [one.channel for one in without.report()] == ["mail"]
    desk.clock.advance(DAY)
    without.deliver()
    assert without.report() == []


def test_a_test_message_goes_past_the_outbox_and_when_it_arrives_the_rest_follows(desk: Desk) -> None:
    desk.channel.broken = "closed"
    desk.fail()
    desk.deliver(after=MINUTE)
    with pytest.raises(DeliveryFailedError, match="closed"):
        desk.notices.test("mail")
    desk.channel.broken = ""
    desk.notices.test("mail")
    assert [one.notice.kind for one in desk.channel.digests[0].items] == [NoticeKind.TEST]
    assert len(desk.deliver()) == 1
    with pytest.raises(NotFoundError, match="pigeon"):
        desk.notices.test("pigeon")


def test_what_died_after_the_delivery_and_before_the_note_comes_again_with_the_same_id(desk: Desk) -> None:
    desk.fail()
    kept = desk.outbox.delivered

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    desk.outbox.delivered = dies  # type: ignore[method-assign, assignment]  # a process that is killed
    with pytest.raises(KeyboardInterrupt):
        desk.deliver(after=MINUTE)
    desk.outbox.delivered = kept  # type: ignore[method-assign]  # the next one is not
    desk.service().deliver()
    first, again = desk.channel.digests
    assert first.id == again.id
