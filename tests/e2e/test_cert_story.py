"""The server's certificate: shown, renewed and exchanged under a running server, as a client sees it."""

import hashlib
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.cli import Bck, eventually
from tests.support.foreign_ca import Company, key_pem


@pytest.fixture
def bck(tmp_path: Path) -> Bck:
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server")
    made.init()
    return made


def seen(port: int, authority: str, name: str) -> str:
    """SHA-256 of the certificate that a client gets which trusts that authority only; empty if it refuses."""
    context = ssl.create_default_context(cafile=authority)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=30) as near,
            context.wrap_socket(near, server_hostname=name) as connection,
        ):
            der = connection.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError:
        return ""
    assert der
    return hashlib.sha256(der).hexdigest()


def test_a_certificate_is_renewed_and_exchanged_while_the_server_runs(bck: Bck, tmp_path: Path) -> None:
    first = bck.ok("cert", "show")
    assert not first["imported"]
    assert "localhost" in first["names"]
    company = Company(now=datetime.now(UTC))
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(company.server(["localhost"]) + company.intermediate() + company.root())
    key.write_bytes(key_pem("server"))
    with bck.serving() as (_, told):
        port = told["port"]
        assert seen(port, first["ca_certificate"], "localhost") == first["sha256"]
        renewed = bck.ok("cert", "renew")
        assert renewed["ca_fingerprint"] == first["ca_fingerprint"]
        assert renewed["sha256"] != first["sha256"]
        assert eventually(lambda: seen(port, first["ca_certificate"], "localhost") == renewed["sha256"])
        assert seen(port, first["ca_certificate"], "127.0.0.1") == renewed["sha256"]  # names no server
        theirs = bck.ok("cert", "import", "--certificate", str(chain), "--key", str(key))
        assert (theirs["imported"], theirs["accepted"]) == (True, ["localhost"])
        assert eventually(lambda: seen(port, theirs["ca_certificate"], "localhost") == theirs["sha256"])
        assert seen(port, first["ca_certificate"], "localhost") == ""
    refused = bck.ok("cert", "renew", code=5)["error"]
    assert "--own" in refused["advice"]
    own = bck.ok("cert", "renew", "--own")
    assert (own["imported"], own["ca_fingerprint"]) == (False, first["ca_fingerprint"])


def test_the_authority_is_renewed_while_the_server_runs(bck: Bck, tmp_path: Path) -> None:
    first = bck.ok("cert", "show")
    pinned = tmp_path / "pinned.pem"
    pinned.write_bytes(Path(first["ca_certificate"]).read_bytes())
    bck.ok("cert", "renew", "--now", code=2)
    with bck.serving() as (_, told):
        port = told["port"]
        second = bck.ok("cert", "renew", "--authority")
        assert second["ca_fingerprint"] != first["ca_fingerprint"]
        assert eventually(lambda: seen(port, second["ca_certificate"], "localhost") == second["sha256"])
        assert seen(port, str(pinned), "localhost") == second["sha256"]
        third = bck.ok("cert", "renew", "--authority", "--now")
        assert eventually(lambda: seen(port, third["ca_certificate"], "localhost") == third["sha256"])
        assert seen(port, str(pinned), "localhost") == ""
    changes = [
        (one["outcome"], one["about"].get("key"), one["about"].get("fingerprint"))
        for one in bck.ok("audit", "list")["items"]
        if one["about"].get("secret") == "tls/authority"
    ]
    assert changes == [
        ("asked", None, None),
        ("done", "the same", second["ca_fingerprint"]),
        ("asked", None, None),
        ("done", "new", third["ca_fingerprint"]),
    ]


def test_a_certificate_for_another_name_is_refused_and_the_old_one_stays(bck: Bck, tmp_path: Path) -> None:
    company = Company(now=datetime.now(UTC))
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(company.server(["elsewhere.example"]) + company.intermediate() + company.root())
    key.write_bytes(key_pem("server"))
    before = bck.ok("cert", "show")
    refused = bck.ok("cert", "import", "--certificate", str(chain), "--key", str(key), code=2)["error"]
    assert "localhost" in refused["what"]
    assert bck.ok("cert", "import", "--certificate", str(tmp_path / "no"), "--key", str(key), code=2)["error"]
    assert bck.ok("cert", "show") == before
