"""The certificate files of an installation, and a real handshake with them."""

import hashlib
import os
import socket
import ssl
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509

from bck_adapters.pki import TlsFiles, ensure_tls, fingerprint, machine, renew_authority, renew_tls, tls
from bckcore.errors import InvalidInputError, PermanentError

NOW = datetime.now(UTC)  # OpenSSL checks dates against the real clock


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _state(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "tls").iterdir() if path.suffix == ".pem"}


def _served_name(tls: TlsFiles, name: str) -> object:
    """Shake hands over a socket pair, the client trusting the CA only and asking for ``name``."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tls.server_certificate, tls.server_key)
    client = ssl.create_default_context(cafile=str(tls.ca_certificate))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    near, far = socket.socketpair()
    near.settimeout(10)
    far.settimeout(10)
    with near, far, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.wrap_socket, far, server_side=True)
        try:
            with client.wrap_socket(near, server_hostname=name) as connection:
                certificate = connection.getpeercert()
        finally:
            near.close()
        answer.result().close()
    return certificate


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "backup.example", "192.0.2.7"])
def test_a_client_that_pins_the_ca_accepts_every_name(tmp_path: Path, name: str) -> None:
    tls = ensure_tls(tmp_path, names=["backup.example", "192.0.2.7"], now=NOW)
    assert _served_name(tls, name)


def test_the_machines_own_name_is_covered(tmp_path: Path) -> None:
    assert _served_name(ensure_tls(tmp_path, names=[], now=NOW), socket.gethostname())


def test_fingerprint_is_that_of_the_ca_file(tmp_path: Path) -> None:
    tls = ensure_tls(tmp_path, names=[], now=NOW)
    der = ssl.PEM_cert_to_DER_cert(tls.ca_certificate.read_text())
    assert tls.fingerprint == hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_everything_made_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        ensure_tls(tmp_path, names=[], now=NOW)
    finally:
        os.umask(before)
    assert _mode(tmp_path / "tls") == 0o700
    assert {_mode(path) for path in (tmp_path / "tls").iterdir()} == {0o600}
    assert {path.name for path in (tmp_path / "tls").iterdir()} == {
        ".lock",
        "ca-key.pem",
        "ca.pem",
        "server-key.pem",
        "server.pem",
    }


def test_repeating_changes_nothing(tmp_path: Path) -> None:
    first = ensure_tls(tmp_path, names=["a.example"], now=NOW)
    before = _state(tmp_path)
    assert ensure_tls(tmp_path, names=["a.example"], now=NOW + timedelta(days=300)) == first
    assert _state(tmp_path) == before


def test_renewed_in_the_last_thirty_days_under_the_same_ca(tmp_path: Path) -> None:
    first = ensure_tls(tmp_path, names=[], now=NOW)
    before = _state(tmp_path)
    second = ensure_tls(tmp_path, names=[], now=NOW + timedelta(days=370))
    after = _state(tmp_path)
    assert second.fingerprint == first.fingerprint
    assert after["ca.pem"] == before["ca.pem"]
    assert after["server.pem"] != before["server.pem"]


def test_renewed_for_a_new_name(tmp_path: Path) -> None:
    ensure_tls(tmp_path, names=[], now=NOW)
    assert _served_name(ensure_tls(tmp_path, names=["new.example"], now=NOW), "new.example")


@pytest.mark.parametrize("lost", ["server.pem", "server-key.pem"])
def test_lost_or_mixed_up_server_files_are_made_anew(tmp_path: Path, lost: str) -> None:
    ensure_tls(tmp_path, names=[], now=NOW)
    (tmp_path / "tls" / lost).unlink()
    assert _served_name(ensure_tls(tmp_path, names=[], now=NOW), "localhost")
    other = tmp_path / "other"
    ensure_tls(other, names=[], now=NOW)
    (tmp_path / "tls" / lost).write_bytes((other / "tls" / lost).read_bytes())
    assert _served_name(ensure_tls(tmp_path, names=[], now=NOW), "localhost")


def test_a_good_server_certificate_needs_no_ca_key(tmp_path: Path) -> None:
    first = ensure_tls(tmp_path, names=[], now=NOW)
    (tmp_path / "tls" / "ca-key.pem").unlink()
    assert ensure_tls(tmp_path, names=[], now=NOW) == first
    with pytest.raises(PermanentError, match="ca-key"):
        ensure_tls(tmp_path, names=[], now=NOW + timedelta(days=370))


def test_a_damaged_ca_is_never_replaced_silently(tmp_path: Path) -> None:
    tls = ensure_tls(tmp_path, names=[], now=NOW)
    tls.ca_certificate.write_text("rubbish")
    with pytest.raises(PermanentError):
        ensure_tls(tmp_path, names=[], now=NOW)
    assert tls.ca_certificate.read_text() == "rubbish"


def test_malformed_name_is_refused_and_no_server_certificate_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        ensure_tls(tmp_path, names=["https://x"], now=NOW)
    assert not (tmp_path / "tls" / "server.pem").exists()


def test_many_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(ensure_tls, tmp_path, names=[], now=NOW) for _ in range(8)]
    assert len({call.result().fingerprint for call in calls}) == 1
    assert _served_name(calls[0].result(), "localhost")


def test_whoever_pinned_the_authority_before_goes_on_with_the_one_that_follows_it(tmp_path: Path) -> None:
    first = ensure_tls(tmp_path, names=[], now=NOW)
    pinned = _copied(first, tmp_path / "pinned.pem")
    second = renew_authority(tmp_path, names=[], now=NOW + timedelta(minutes=1), new_key=False)
    third = renew_authority(tmp_path, names=[], now=NOW + timedelta(minutes=2), new_key=False)
    assert len({first.fingerprint, second.fingerprint, third.fingerprint}) == 3
    for authority in (pinned, third.ca_certificate):
        assert _served_name(replace(third, ca_certificate=authority), "localhost")
    # Who knows only a fingerprint finds it in what the server shows, for as long as that is valid.
    assert _shown(third)[1:] == [third.fingerprint, second.fingerprint, first.fingerprint]
    fourth = renew_authority(tmp_path, names=[], now=NOW + timedelta(days=400), new_key=False)
    assert len(_shown(fourth)) == 5
    later = ensure_tls(tmp_path, names=[], now=NOW + timedelta(days=3660))
    assert _shown(later)[1:] == [later.fingerprint] == [fourth.fingerprint]


def test_with_a_new_key_nobody_accepts_who_pinned_the_authority_before(tmp_path: Path) -> None:
    first = ensure_tls(tmp_path, names=[], now=NOW)
    pinned = _copied(first, tmp_path / "pinned.pem")
    (tmp_path / "tls" / "ca-key.pem").write_text("rubbish")
    second = renew_authority(tmp_path, names=[], now=NOW, new_key=True)
    assert second.fingerprint != first.fingerprint
    assert _served_name(second, "localhost")
    with pytest.raises(ssl.SSLError):
        _served_name(replace(second, ca_certificate=pinned), "localhost")
    assert _shown(second)[1:] == [second.fingerprint]


def test_an_authority_that_has_ended_is_followed_by_another(tmp_path: Path) -> None:
    ensure_tls(tmp_path, names=[], now=NOW - timedelta(days=4000))
    with pytest.raises(PermanentError, match="expired") as told:
        ensure_tls(tmp_path, names=[], now=NOW)
    assert "bck cert renew --authority" in told.value.advice
    assert _served_name(renew_authority(tmp_path, names=[], now=NOW, new_key=False), "localhost")


@pytest.mark.parametrize("new_key", [True, False])
def test_a_renewal_of_the_authority_that_is_cut_off_is_whole_with_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_key: bool
) -> None:
    class Killed(BaseException):
        pass

    written = tls.write_file
    for step in range(1, 6):
        home = tmp_path / str(step)
        ensure_tls(home, names=[], now=NOW)
        left = step

        def dies(path: Path, data: bytes) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Killed
            written(path, data)

        with monkeypatch.context() as patch:
            patch.setattr(tls, "write_file", dies)
            with suppress(Killed):
                renew_authority(home, names=[], now=NOW, new_key=new_key)
        assert _served_name(ensure_tls(home, names=[], now=NOW), "localhost"), step


def test_where_nothing_can_be_written_people_are_told_and_the_old_one_stays(tmp_path: Path) -> None:
    first = ensure_tls(tmp_path, names=[], now=NOW)
    before = _state(tmp_path)
    (tmp_path / "tls").chmod(0o500)
    try:
        for work in (
            renew_tls,
            partial(renew_authority, new_key=False),
            partial(renew_authority, new_key=True),
        ):
            with pytest.raises(PermanentError, match="cannot be written") as told:
                work(tmp_path, names=[], now=NOW)
            assert str(tmp_path / "tls") in told.value.advice
        assert _state(tmp_path) == before
        assert ensure_tls(tmp_path, names=[], now=NOW) == first
    finally:
        (tmp_path / "tls").chmod(0o700)


_LOCAL = ("localhost", "127.0.0.1", "::1")
_ROUTES = """Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 198.51.100.0/24 2 0 2
        |-- 198.51.100.0
           /24 link UNICAST
        |-- 198.51.100.7
           /32 host LOCAL
        |-- 198.51.100.8
           /32 host LOCAL
        |-- 198.51.100.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 169.254.3.4
        /32 host LOCAL
"""


def test_every_address_of_the_machine_is_covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts, addresses, routes = tmp_path / "hosts", tmp_path / "if_inet6", tmp_path / "fib_trie"
    routes.write_text(_ROUTES)
    hosts.write_text(f"192.0.2.9 backup.example {socket.gethostname()} # me\n192.0.2.8 other.example\n")
    addresses.write_text(
        "20010db8000000000000000000000007 02 40 00 80     eth1\n"
        "20010db80000000000000000000000ff 02 40 00 01     eth1\n"
        "fe800000000000000000000000000007 02 40 20 80     eth1\n"
    )
    monkeypatch.setattr(machine, "_HOSTS", hosts)
    monkeypatch.setattr(machine, "_IF_INET6", addresses)
    routed_4 = {address for address in machine._routed() if "." in address}
    assert routed_4 <= {*machine._addresses_4(), *_LOCAL}, "as another way finds the real ones"
    monkeypatch.setattr(machine, "_FIB_TRIE", routes)
    routed, names = set(machine._routed()), set(machine.own_names())
    expected = {"backup.example", "2001:db8::7", "198.51.100.7", "198.51.100.8", socket.gethostname()}
    assert names - routed - {*_LOCAL} == expected - routed
    assert _served_name(ensure_tls(tmp_path, names=[], now=NOW), "198.51.100.8")


def _shown(files: TlsFiles) -> list[str]:
    """SHA-256 of all that the server sends."""
    return [
        fingerprint(one) for one in x509.load_pem_x509_certificates(files.server_certificate.read_bytes())
    ]


def _copied(files: TlsFiles, to: Path) -> Path:
    to.write_bytes(files.ca_certificate.read_bytes())
    return to
