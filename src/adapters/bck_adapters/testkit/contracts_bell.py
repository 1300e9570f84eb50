"""What every Bell promises. Subclass and give the fixture."""

# A suite asserts, as tests do.
# ruff: noqa: S101
from threading import Event

import pytest

from bckcore.ports.bell import Bell

PATIENCE = 30.0
MANY = 100_000
"""More rings than anything that holds them has room for."""


class BellContract:
    """Who listens is woken; who rings never waits."""

    @pytest.fixture
    def bell(self) -> Bell:
        """A bell that nobody listens to."""
        raise NotImplementedError

    def test_a_ring_wakes_who_listens(self, bell: Bell) -> None:
        heard = Event()
        with bell.listening(heard.set):
            for _ in range(3):
                bell.ring()
                assert heard.wait(PATIENCE)
                heard.clear()

    def test_nobody_needs_to_listen(self, bell: Bell) -> None:
        bell.ring()
        with bell.listening(lambda: None):
            bell.ring()
        bell.ring()

    def test_when_the_context_is_left_nothing_is_heard_any_more(self, bell: Bell) -> None:
        calls = list[int]()
        with bell.listening(lambda: calls.append(1)):
            bell.ring()
        before = len(calls)
        bell.ring()
        assert len(calls) == before

    def test_it_can_be_listened_to_again(self, bell: Bell) -> None:
        for _ in range(2):
            heard = Event()
            with bell.listening(heard.set):
                bell.ring()
                assert heard.wait(PATIENCE)

    def test_rings_that_nobody_takes_up_do_not_make_anybody_wait(self, bell: Bell) -> None:
        heard = Event()
        with bell.listening(heard.set):
            for _ in range(MANY):
                bell.ring()
            assert heard.wait(PATIENCE)
            heard.clear()
            bell.ring()
            assert heard.wait(PATIENCE)
