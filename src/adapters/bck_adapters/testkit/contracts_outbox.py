"""What every Outbox promises. Subclass and give the fixture."""

# A suite asserts, as tests do.
# ruff: noqa: S101
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bckcore.domain.notice import ChannelState, Notice, NoticeKind, Waiting
from bckcore.ports.outbox import Outbox

AT = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MANY = 40


def failed_run(number: int, *, profile: str = "docs", minutes: int = 0) -> Notice:
    """A notice like those of runs that fail one after the other."""
    return Notice(
        id=f"run/{number}",
        kind=NoticeKind.FAILED,
        at=AT + minutes * MINUTE,
        host="pc1",
        profile=profile,
        run=str(number),
        seq=number,
        code="transfer-failed",
        error="È andata male \udcff\n",
    )


STALE = Notice(
    id="stale/docs/1",
    kind=NoticeKind.STALE,
    at=AT,
    host="pc1",
    profile="docs",
    fresh_within=timedelta(days=3, microseconds=1),
    good_at=AT - timedelta(days=4),
    offline_since=AT,
    told_at=AT,
)


class OutboxContract:
    """Nothing is lost, nothing is told twice that was told, the same news are one."""

    @pytest.fixture
    def outbox(self) -> Outbox:
        """An empty one."""
        raise NotImplementedError

    def test_what_is_put_waits_with_all_that_it_says(self, outbox: Outbox) -> None:
        for notice in (failed_run(1), STALE):
            assert outbox.put("mail", notice)
        assert outbox.waiting("mail") == [
            Waiting(notice=failed_run(1), first_at=AT),
            Waiting(notice=STALE, first_at=AT),
        ]
        assert outbox.waiting("webhook") == []
        assert list(outbox.channels()) == ["mail"]

    def test_channels_may_have_any_name(self, outbox: Outbox) -> None:
        names = ["..", "a/b", "", ".", "È", "%2E"]
        for number, name in enumerate(names):
            outbox.put(name, failed_run(number))
        assert list(outbox.channels()) == sorted(names)
        assert [outbox.waiting(name)[0].notice.seq for name in names] == list(range(len(names)))

    def test_the_same_news_are_one_and_are_counted(self, outbox: Outbox) -> None:
        for number in range(3):
            assert outbox.put("mail", failed_run(number, minutes=number))
        outbox.put("mail", failed_run(3, profile="photos"))
        one, other = outbox.waiting("mail")
        assert {one.notice.profile, other.notice.profile} == {"docs", "photos"}
        folded = one if one.notice.profile == "docs" else other
        assert folded == Waiting(notice=failed_run(2, minutes=2), first_at=AT, count=3)

    def test_the_same_notice_twice_changes_nothing_before_and_after_it_was_delivered(
        self, outbox: Outbox
    ) -> None:
        outbox.put("mail", STALE)
        assert not outbox.put("mail", STALE)
        assert outbox.waiting("mail")[0].count == 1
        outbox.delivered("mail", outbox.waiting("mail"), AT)
        assert not outbox.put("mail", STALE)
        assert outbox.waiting("mail") == []
        assert outbox.put("mail", replace(STALE, id="stale/docs/2"))

    def test_what_was_ended_may_be_told_anew(self, outbox: Outbox) -> None:
        outbox.put("mail", STALE)
        outbox.delivered("mail", outbox.waiting("mail"), AT)
        outbox.put("mail", replace(STALE, id="recovered/docs/1", kind=NoticeKind.RECOVERED))
        assert outbox.put("mail", STALE)

    def test_what_is_forgotten_may_be_told_anew(self, outbox: Outbox) -> None:
        outbox.forget("mail", STALE.key)
        outbox.put("mail", STALE)
        outbox.put("mail", failed_run(1))
        outbox.delivered("mail", outbox.waiting("mail"), AT)
        for _ in range(2):
            outbox.forget("mail", STALE.key)
        assert not outbox.put("mail", failed_run(1))
        assert outbox.put("mail", STALE)

    def test_what_came_during_a_delivery_stays(self, outbox: Outbox) -> None:
        outbox.put("mail", failed_run(1))
        sent = outbox.waiting("mail")
        outbox.put("mail", failed_run(2, minutes=2))
        outbox.put("mail", STALE)
        outbox.delivered("mail", sent, AT + MINUTE)
        left = {one.notice.kind: one for one in outbox.waiting("mail")}
        assert left[NoticeKind.FAILED] == Waiting(notice=failed_run(2, minutes=2), first_at=AT, count=1)
        assert left[NoticeKind.STALE].count == 1
        told = outbox.state("mail").told[failed_run(1).key]
        assert (told.id, told.at) == ("run/1", AT + MINUTE)

    def test_failures_are_counted_until_a_delivery(self, outbox: Outbox) -> None:
        assert outbox.state("mail") == ChannelState()
        outbox.put("mail", failed_run(1))
        outbox.failed("mail", "closed", AT, AT + MINUTE)
        outbox.failed("mail", "closed again", AT + MINUTE, AT + 3 * MINUTE)
        state = outbox.state("mail")
        assert (state.failures, state.error, state.failing_since) == (2, "closed again", AT)
        assert (state.failed, state.next_try) == (AT + MINUTE, AT + 3 * MINUTE)
        outbox.delivered("mail", outbox.waiting("mail"), AT + 3 * MINUTE)
        state = outbox.state("mail")
        assert (state.failures, state.error, state.failing_since) == (0, "", None)
        assert (state.delivered, state.next_try) == (AT + 3 * MINUTE, None)

    def test_what_is_given_up_is_gone_and_counted_and_was_not_told(self, outbox: Outbox) -> None:
        for number in range(3):
            outbox.put("mail", failed_run(number))
        outbox.put("mail", STALE)
        outbox.give_up("mail", [one for one in outbox.waiting("mail") if one.notice.run])
        assert [one.notice for one in outbox.waiting("mail")] == [STALE]
        assert (outbox.state("mail").given_up, outbox.state("mail").told) == (3, {})
        assert outbox.put("mail", failed_run(2))

    def test_one_delivers_at_a_time_and_channels_do_not_wait_for_one_another(self, outbox: Outbox) -> None:
        with outbox.delivering("mail") as mine, outbox.delivering("mail") as second:
            assert (mine, second) == (True, False)
            with outbox.delivering("webhook") as other:
                assert other
            outbox.put("mail", STALE)
        with outbox.delivering("mail") as mine:
            assert mine

    def test_many_threads_put_and_take_and_nothing_is_lost_or_doubled(self, outbox: Outbox) -> None:
        taken = list[Waiting]()

        def take() -> None:
            with outbox.delivering("mail") as mine:
                if mine:
                    sent = outbox.waiting("mail")
                    outbox.delivered("mail", sent, AT)
                    taken.extend(sent)

        with ThreadPoolExecutor(8) as pool:
            for number in range(MANY):
                pool.submit(outbox.put, "mail", failed_run(number, profile=f"p{number % 5}"))
                pool.submit(take)
        take()
        assert sum(one.count for one in taken) == MANY
        assert outbox.waiting("mail") == []
