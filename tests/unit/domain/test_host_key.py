"""Host keys are taken as they are, and only whole ones of a kind that ssh checks."""

import base64
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from hypothesis import given
from hypothesis import strategies as st

from bckcore.domain.enrolment import ShownByHost
from bckcore.domain.host_key import MOST_KEYS, checked_host_keys, differing
from bckcore.errors import InvalidInputError
from tests.support.sshd import new_key

ED, EC = new_key().public, new_key(ecdsa=True).public
BLOB = base64.b64decode(ED.partition(" ")[2])


def public(key: object) -> str:
    form = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return str(key.public_key().public_bytes(*form).decode())  # type: ignore[attr-defined]


def ssh(*fields: bytes) -> str:
    raw = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return f"{fields[0].decode()} {base64.b64encode(raw).decode()}"


def test_keys_of_every_kind_come_back_without_comment_and_once() -> None:
    rsa, p384 = public(rsa_key(65537, 2048)), public(generate_private_key(SECP384R1()))
    lines = [f"{ED} root@pc1\n", EC, p384, f"{rsa} a comment, with anything", ED]
    assert checked_host_keys(lines) == (ED, EC, p384, rsa)


WRONG = [
    "",
    "ssh-ed25519",
    ED.replace(" ", "  "),
    f"x {ED}",
    f"{ED}\n{EC}",
    ED[:-4],
    ED.replace("ssh-ed25519", "ssh-rsa"),
    EC.replace("nistp256", "nistp384"),
    ED.replace("ssh-ed25519", "ssh-dss"),
    ED.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
    ssh(b"ssh-ed25519", b"x" * 31),
    ssh(b"ssh-ed25519", b"x" * 32, b"more"),
    ssh(b"ssh-rsa", b"\1\0\1", b"\0" + b"\xff" * 128),
    ssh(b"ssh-rsa", b"\1", b"\0" + b"\xff" * 256),
    ssh(b"ssh-rsa", b"\1\0\1", b"\0" + b"\xff" * 1100),
    ssh(b"ecdsa-sha2-nistp256", b"nistp384", b"\4" + b"x" * 64),
    ssh(b"ecdsa-sha2-nistp256", b"nistp256", b"\2" + b"x" * 32),
    f"ssh-ed25519 {base64.b64encode(BLOB + bytes(4)).decode()}",
    f'{ED} "\rcommand=',
    "ssh-ed25519 " + "A" * 100_000,
]


@pytest.mark.parametrize("line", WRONG, ids=map(str, range(len(WRONG))))  # keys are new each time
def test_what_is_no_whole_key_is_refused(line: str) -> None:
    with pytest.raises(InvalidInputError):
        checked_host_keys([ED, line])


def test_there_is_at_least_one_and_there_are_not_many() -> None:
    for lines in ([], [ED] * (MOST_KEYS + 1)):
        with pytest.raises(InvalidInputError, match="host keys"):
            checked_host_keys(lines)


@given(st.lists(st.text(st.characters(), max_size=300), min_size=1, max_size=3))
def test_any_text_is_a_key_or_refused(lines: Sequence[str]) -> None:
    try:
        taken = checked_host_keys(lines)
    except InvalidInputError:
        return
    assert checked_host_keys(taken) == taken


def test_a_pc_is_known_by_pinned_keys_alone_for_whoever_reads_them_can_show_them() -> None:
    ed, ec = new_key().public, new_key(ecdsa=True).public
    assert not differing((), (ED,))
    assert not differing((ED,), (ED,))
    assert not differing((ED, EC), (ED,)), "a key that the PC gave up does no harm"
    assert differing((ED,), (ED, EC)), "a further key may be a stranger's, of whatever kind"
    for pinned, shown in (((ED,), (ed,)), ((ED,), (EC,)), ((ED, EC), (ed, EC)), ((ED,), (ED, ed))):
        assert differing(pinned, shown)
    assert differing((ED, EC), (ed, ec))


def test_what_a_pc_shows_holds_checked_keys_whoever_makes_it() -> None:
    assert ShownByHost(host_keys=(f"{ED} root@pc1", ED)).host_keys == (ED,)
    with pytest.raises(InvalidInputError, match="no public host key"):
        ShownByHost(host_keys=("no key",))
