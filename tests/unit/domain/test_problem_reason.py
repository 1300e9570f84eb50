"""What a person is told of a path that had a problem."""

from __future__ import annotations

import pytest

from bckcore.domain.problem_reason import EXPLANATIONS, Reason, explained
from bckcore.domain.transfer import ProblemKind


@pytest.mark.parametrize(
    ("kind", "message", "reason"),
    [
        (
            "unreadable",
            'rsync: [sender] send_files failed to open "/h/a": Permission denied (13)',
            "no-permission",
        ),
        ("unlisted", 'rsync: [sender] opendir "/h/d" failed: Permission denied (13)', "no-permission"),
        ("unreadable", 'send_files failed to open "/h/a": Device or resource busy (16)', "in-use"),
        ("unlisted", 'rsync: [sender] change_dir "/h" failed: No such file or directory (2)', "not-there"),
        ("unreadable", 'read errors mapping "/h/a": Input/output error (5)', "read-error"),
        ("unreadable", 'send_files failed to open "/h/Permission denied/a": odd (999)', "unreadable"),
        ("unlisted", "opendir failed: odd", "unlisted"),
        ("not-stored", 'rename "/x" failed: File name too long (36)', "name-too-long"),
        ("not-stored", 'mkstemp "/x" failed: Permission denied (13)', "store-refused"),
        ("vanished", 'file has vanished: "/h/Permission denied"', "vanished"),
        ("harmed", "", "harmed"),
        ("forged", "", "forged"),
        ("not-restored", "", "not-restored"),
        ("unknown", "odd: Permission denied", "not-understood"),
    ],
)
def test_kind_and_message_give_a_reason(kind: str, message: str, reason: str) -> None:
    assert explained(ProblemKind(kind), message).reason is Reason(reason)


def test_every_kind_and_reason_has_a_cause_and_says_what_to_do() -> None:
    assert set(EXPLANATIONS) == set(Reason)
    for kind in ProblemKind:
        told = explained(kind, "")
        assert told.cause.endswith(".")
        assert told.advice.endswith(".")
