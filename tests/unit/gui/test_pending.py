"""A pending answer is settled once, and nobody who asked is forgotten."""

from __future__ import annotations

from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import BadAnswerError, ClientError


def _heard(pending: Pending[int]) -> list[object]:
    heard: list[object] = []
    pending.then(heard.append, heard.append)
    return heard


def test_early_and_late_askers_hear_the_value_once() -> None:
    pending: Pending[int] = Pending()
    early = _heard(pending)
    pending.resolve(1)
    pending.resolve(2)
    pending.reject(ClientError("late"))
    assert (early, _heard(pending)) == ([1], [1])


def test_error_reaches_the_end_of_a_chain() -> None:
    pending: Pending[int] = Pending()
    heard = _heard(pending.map(lambda value: value + 1))
    error = ClientError("offline")
    pending.reject(error)
    assert heard == [error]


def test_error_of_a_change_becomes_the_answer() -> None:
    pending: Pending[int] = Pending()
    error = BadAnswerError("bad-answer")

    def change(value: int) -> int:
        raise error

    heard = _heard(pending.map(change))
    pending.resolve(1)
    assert heard == [error]
