"""How many connections are taken, from whom, and what the log says of those that are not."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from bck_apps.api.limits import Limits, Threshold


class Street:
    """A listener that strangers from any address come to; each stays until it is told to leave."""

    def __init__(self, limits: Limits, kept: ExitStack) -> None:
        self._kept = kept
        self._threshold = kept.enter_context(closing(Threshold(socket.socket(), limits)))
        self._inside: list[tuple[str, socket.socket]] = []
        self.coming: list[tuple[socket.socket, tuple[object, ...]]] = []

    def comes(self, address: str, times: int = 1) -> int:
        """How many of these are let in."""
        let_in = 0
        for _ in range(times):
            far, near = map(self._kept.enter_context, map(closing, socket.socketpair()))
            self.coming.append((near, (address, 50_000, 0, 0)))
            try:
                guest, _where = self._threshold.accept()
            except ConnectionAbortedError:
                assert far.recv(1) == b"", "the door is shut at once"
            else:
                self._inside.append((address, self._kept.enter_context(closing(guest))))
                let_in += 1
        return let_in

    def all_leave(self) -> None:
        while self._inside:
            self._inside.pop()[1].close()


LIMITS = Limits(connections=8, per_address=3, per_network=5)


@pytest.fixture
def street(monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    with ExitStack() as kept:
        made = Street(LIMITS, kept)
        monkeypatch.setattr(socket.socket, "accept", lambda _self: made.coming.pop())
        yield made


def test_a_machine_with_a_whole_network_of_addresses_leaves_room_for_other_networks(street: Street) -> None:
    for _ in range(2):
        assert sum(street.comes(f"2001:db8::{number:x}") for number in range(1, 9)) == 5
        assert street.comes("2001:db8:0:1::1") == 1
        assert street.comes("192.0.2.1") == 1
        street.all_leave()


def test_one_address_of_a_network_takes_no_neighbours_place(street: Street) -> None:
    assert street.comes("2001:db8::1", 6) == 3
    assert street.comes("2001:db8::2", 6) == 2


def test_an_address_in_the_dress_of_another_family_is_the_same(street: Street) -> None:
    assert street.comes("::ffff:192.0.2.1", 2) + street.comes("192.0.2.1", 2) == 3
    assert street.comes("192.0.2.2") == 1


def test_each_limit_is_told_once_each_time_that_it_is_used_up(
    street: Street, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "bck.api"):
        for _ in range(2):
            assert street.comes("192.0.2.1", 6) == 3
            assert [street.comes(f"192.0.2.{number}") for number in range(2, 12)] == 5 * [1] + 5 * [0]
            street.all_leave()
    told = [record.getMessage() for record in caplog.records]
    assert [("192.0.2.1" in line, "all together" in line) for line in told] == 2 * [
        (True, False),
        (False, True),
    ]
