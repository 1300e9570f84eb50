"""What every Channel promises. Subclass and give the fixture."""

# A suite asserts, as tests do.
# ruff: noqa: S101
import time
from typing import Protocol

import pytest

from bck_adapters.testkit.contracts_outbox import AT, STALE, failed_run
from bckcore.domain.notice import Digest, NoticeKind, TellingPlan, Waiting
from bckcore.domain.notice_text import digest_of
from bckcore.errors import DeliveryFailedError
from bckcore.ports.notifier import Channel

SECRET = "what-nobody-sees-7"  # noqa: S105  # for tests
"""A secret that the channel under test is given."""
LONGEST_SECONDS = 60.0


class OtherSide(Protocol):
    """What stands at the end of a channel under test."""

    channel: Channel
    """Given :data:`SECRET` where it needs one, and a time limit of a second or so where it has one."""

    def taken(self) -> list[tuple[str, str]]:
        """Subject and text of every message that was taken."""

    def refuse(self) -> None:
        """From now on, take nothing and say so."""

    def fall_silent(self) -> None:
        """From now on, accept connections and say nothing; or refuse, if there is no such thing."""

    def take_again(self) -> None:
        """As in the beginning."""


def digest() -> Digest:
    """Two notices in one message."""
    items = [Waiting(notice=notice, first_at=AT) for notice in (failed_run(1), STALE)]
    return digest_of(items, TellingPlan(kinds=frozenset(NoticeKind), server="backup.lan"), AT)


class ChannelContract:
    """Taken or an error of ours, in bounded time, and no word of a secret."""

    @pytest.fixture
    def side(self) -> OtherSide:
        """One that takes everything."""
        raise NotImplementedError

    def test_what_is_delivered_was_taken_once_and_whole(self, side: OtherSide) -> None:
        sent = digest()
        side.channel.deliver(sent)
        assert side.taken() == [(sent.subject, sent.text)]

    def test_what_is_refused_is_an_error_and_can_be_delivered_again(self, side: OtherSide) -> None:
        side.refuse()
        for _ in range(2):
            with pytest.raises(DeliveryFailedError):
                side.channel.deliver(digest())
        assert side.taken() == []
        side.take_again()
        side.channel.deliver(digest())
        assert len(side.taken()) == 1

    def test_one_that_falls_silent_is_left_in_time(self, side: OtherSide) -> None:
        side.fall_silent()
        started = time.monotonic()
        with pytest.raises(DeliveryFailedError):
            side.channel.deliver(digest())
        assert time.monotonic() - started < LONGEST_SECONDS

    def test_no_error_and_no_picture_of_it_shows_a_secret(self, side: OtherSide) -> None:
        side.refuse()
        with pytest.raises(DeliveryFailedError) as raised:
            side.channel.deliver(digest())
        shown = [f"{side.channel!r} {side.channel}", f"{raised.value!r} {raised.value}"]
        shown.append(f"{raised.value.__cause__!r}")
        assert not [text for text in shown if SECRET in text]
