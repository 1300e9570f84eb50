"""Of the server's answer only what has its own form is taken, and nothing widens what the server may."""

from typing import Any

import pytest

from bck_apps.gate.enrolling.answer import parsed_answer
from bck_apps.gate.enrolling.problem import EnrolError
from bckcore.domain.host_platform import Platform
from tests.support.sshd import new_key

KEY, OTHER = new_key().public, new_key().public
BLOB = KEY.partition(" ")[2]
GATE = "/opt/bck-gate/bin/bck-gate"
GOOD: dict[str, Any] = {
    "host": "pc1",
    "server": "backup",
    "user": "backupsvc",
    "certified": False,
    "keys": [KEY],
    "addresses": [],
    "authorized_keys": ["whatever it says here is not used"],
    "allow": ["/home/u"],
}


def lines(**changes: object) -> tuple[str, ...]:
    return parsed_answer(GOOD | changes, Platform.POSIX).lines(GATE)


def test_the_lines_start_this_pcs_gate_and_nothing_else() -> None:
    assert lines() == (f'restrict,command="{GATE}" {KEY} bck@backup:pc1',)
    assert lines(certified=True, addresses=["192.0.2.1"]) == (
        f'cert-authority,principals="bck-pc1",restrict,command="{GATE}",from="192.0.2.1" {KEY} '
        "bck-ca@backup:pc1",
    )
    assert lines(keys=[]) == ()


WRONG: list[dict[str, object]] = [
    {"host": "../x"},
    {"host": 7},
    {"server": "a b"},
    {"server": 'a"\nssh-ed25519 AAAA'},
    {"server": None},
    {"certified": "no"},
    {"keys": KEY},
    {"keys": [f"{KEY}\nssh-ed25519 AAAA"]},
    {"keys": [f'command="sh" {KEY}']},
    {"keys": [None]},
    {"keys": ["ssh-ed25519 AAAA"]},
    {"addresses": ['1.2.3.4" sh']},
    {"allow": ["relative"]},
    {"allow": ["/a/../b"]},
    {"allow": ["/a"] * 2_000},
    {"allow": {"/a": 1}},
]


@pytest.mark.parametrize("change", WRONG, ids=map(str, range(len(WRONG))))  # keys are new each time
def test_an_answer_that_could_mean_more_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(EnrolError):
        parsed_answer(GOOD | change, Platform.POSIX)


@pytest.mark.parametrize("name", GOOD)
def test_nothing_that_is_used_may_be_missing(name: str) -> None:
    less = {key: value for key, value in GOOD.items() if key != name}
    if name in ("user", "authorized_keys"):
        parsed_answer(less, Platform.POSIX)
        return
    with pytest.raises(EnrolError):
        parsed_answer(less, Platform.POSIX)


def test_a_line_goes_if_it_has_the_key_or_was_made_for_this_host() -> None:
    answer = parsed_answer(GOOD, Platform.POSIX)
    for gone in (
        KEY,
        f"no-pty {KEY} mine",
        f'command="/bin/sh" {KEY}',
        f'restrict,command="{GATE}" {OTHER} bck@backup:pc1',
        f"cert-authority {OTHER} bck-ca@backup:pc1",
        f'cert-authority,principals="bck-pc1",restrict {OTHER} bck-ca@backup',
    ):
        assert answer.replaces(f"{gone}\n".encode()), gone
    for kept in (
        "",
        OTHER,
        f"{OTHER} bck@backup:pc2",
        f"{OTHER} bck@other:pc1",
        f'cert-authority,principals="bck-pc1",restrict {OTHER} bck-ca@other',
        f'cert-authority,principals="bck-pc12",restrict {OTHER} bck-ca@backup',
        f"cert-authority {OTHER} bck-ca@backup",
        "# about bck@backup:pc1",
        f"ssh-ed25519 {BLOB}x",
    ):
        assert not answer.replaces(f"{kept}\n".encode()), kept
