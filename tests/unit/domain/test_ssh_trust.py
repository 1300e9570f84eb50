"""Lines of authorized_keys: as narrow as they are meant, and nothing can break out of them."""

import pytest

from bckcore.domain.ids import HostId
from bckcore.domain.ssh_trust import (
    authority_line,
    checked_public_key,
    fingerprint,
    key_line,
    named_key,
    plain_server_name,
    trust_lines,
)
from bckcore.errors import InvalidInputError

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJDCUajyTTT71jtvBEeMmgz6Lq2fpvAnAXyrIlS/I8TM"
GATE = "/opt/bck-gate/bin/bck-gate"


def test_a_key_may_start_the_gate_and_nothing_else() -> None:
    line = key_line(PUBLIC, comment="bck@server:pc1", gate=GATE, addresses=("192.0.2.1", "2001:db8::/64"))
    assert line == f'restrict,command="{GATE}",from="192.0.2.1,2001:db8::/64" {PUBLIC} bck@server:pc1'


def test_without_gate_and_addresses_a_key_may_start_commands() -> None:
    assert key_line(PUBLIC + " old comment", comment="c") == f"restrict {PUBLIC} c"


def test_an_authority_counts_for_the_host_s_own_name_only() -> None:
    line = authority_line(PUBLIC, host=HostId("pc1"), comment="bck-ca@server:pc1", gate=GATE)
    assert line == f'cert-authority,principals="bck-pc1",restrict,command="{GATE}" {PUBLIC} bck-ca@server:pc1'


@pytest.mark.parametrize("gate", ['x",permit-pty="', "a\nssh-ed25519", "a\\", "gàte", "x" * 501, " x"])
def test_a_gate_cannot_leave_its_quotes(gate: str) -> None:
    with pytest.raises(InvalidInputError):
        key_line(PUBLIC, comment="c", gate=gate)


@pytest.mark.parametrize(
    "address", ["", "*", "!192.0.2.1", "pc1.lan", "192.0.2.1/24", '1.1.1.1"', "fe80::1%eth0,*"]
)
def test_only_addresses_and_networks_are_sources(address: str) -> None:
    with pytest.raises(InvalidInputError):
        authority_line(PUBLIC, host=HostId("pc1"), comment="c", addresses=(address,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        PUBLIC.replace("ssh-ed25519 ", "ssh-rsa "),
        PUBLIC[:-1],
        f"{PUBLIC}\n{PUBLIC}",
        f"restrict {PUBLIC}",
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        checked_public_key(text)


def test_a_comment_stays_on_its_line() -> None:
    with pytest.raises(InvalidInputError):
        key_line(PUBLIC, comment="a\nb")


def test_a_server_s_name_is_made_plain_and_lines_name_server_and_host() -> None:
    assert [plain_server_name(name) for name in ("Backup 1.lan", "-ü-", "a\nb")] == [
        "Backup-1.lan",
        "server",
        "a-b",
    ]
    for certified, end in ((False, "bck@s:pc1"), (True, "bck-ca@s:pc1")):
        lines = trust_lines((PUBLIC, PUBLIC), host=HostId("pc1"), server="s", certified=certified, gate=GATE)
        assert [line.endswith(f'command="{GATE}" {PUBLIC} {end}') for line in lines] == [True, True]
        assert [line.startswith("cert-authority,") for line in lines] == [certified] * 2


def test_a_fingerprint_is_that_of_ssh_keygen() -> None:
    assert fingerprint(PUBLIC) == "SHA256:d9wdshemYxCvgf7BC5vL5ppOluqrFU0jmnmjJEKgptA" == named_key(PUBLIC)
    assert named_key("a b") == "'a b', which is no key"
