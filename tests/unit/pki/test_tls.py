"""The certificate files of an installation, and a real handshake with them."""

import hashlib
import os
import socket
import ssl
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bck_adapters.pki import TlsFiles, ensure_tls
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
