"""A certificate from elsewhere is used only if a client would accept it; refused, nothing changes."""

import hashlib
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bck_adapters.pki import Imported, ensure_tls, import_certificate, imported_files, remove_import
from bck_adapters.pki.handshake import refusal
from bckcore.errors import InvalidInputError, PermanentError
from tests.support.foreign_ca import Company, key_pem

NOW = datetime.now(UTC)  # OpenSSL checks dates against the real clock
COMPANY = Company(now=NOW)
NAMES = ("backup.example", "localhost")


def brought(folder: Path, **other: object) -> Imported:
    """An import that is good but for what is said."""
    given: dict[str, object] = {
        "certificate": COMPANY.server(["backup.example"]) + COMPANY.intermediate() + COMPANY.root(),
        "key": key_pem("server"),
        "authority": b"",
        "names": NAMES,
        "now": NOW,
    }
    return import_certificate(folder, **given | other)  # type: ignore[arg-type]  # values are as they are named


def in_use(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "imported").iterdir()}


def left(folder: Path) -> int:
    """How many imports lie there, in use or not."""
    return len(list(folder.glob("imported-*")))


def test_a_crash_leaves_the_old_import_in_use_and_the_next_one_clears_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*_: object, **__: object) -> None:
        raise Killed

    brought(tmp_path)
    before = in_use(tmp_path)
    for step in ("os.replace", "shutil.rmtree"):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(f"bck_adapters.pki.imported.{step}", dies)
            brought(tmp_path)
        assert (in_use(tmp_path) == before) is (step == "os.replace")
    brought(tmp_path)
    assert left(tmp_path) == 1


def test_a_companys_certificate_is_shown_and_its_root_is_what_clients_pin(tmp_path: Path) -> None:
    done = brought(tmp_path)
    assert (done.accepted, done.refused) == (("backup.example",), ("localhost",))
    files = done.files
    assert imported_files(tmp_path) == files
    assert (
        files.fingerprint
        == hashlib.sha256(ssl.PEM_cert_to_DER_cert(files.ca_certificate.read_text())).hexdigest()
    )
    for name, good in (("backup.example", True), ("other.example", False)):
        told = refusal(files.server_certificate, files.server_key, files.ca_certificate, name)
        assert (told == "") is good
    place = files.server_key.parent
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (place, *place.iterdir())}
    assert modes == {place.name: 0o700, "ca.pem": 0o600, "server.pem": 0o600, "server-key.pem": 0o600}
    assert left(tmp_path) == 1


def test_the_root_may_be_given_apart(tmp_path: Path) -> None:
    chain = COMPANY.server(["backup.example"]) + COMPANY.intermediate()
    done = brought(tmp_path, certificate=chain, authority=COMPANY.root())
    assert done.accepted == ("backup.example",)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"key": key_pem("another")}, "belongs to another certificate"),
        ({"key": key_pem("server", b"secret")}, "protected by a passphrase"),
        ({"key": b"no key"}, "private key cannot be read"),
        ({"certificate": b"no certificate"}, "certificate cannot be read"),
        ({"certificate": COMPANY.server(["backup.example"])}, "does not end with the certificate"),
        ({"authority": b"\xff"}, "authority cannot be read"),
        (
            {"certificate": COMPANY.server(["backup.example"], begins=-9, ends=-1) + COMPANY.intermediate()},
            "and not now",
        ),
        (
            {"certificate": COMPANY.server(["backup.example"], begins=1, ends=9) + COMPANY.intermediate()},
            "and not now",
        ),
        ({"names": ("other.example",)}, "other.example: "),
        ({"certificate": COMPANY.server(["backup.example"]), "authority": COMPANY.root()}, "No client would"),
        ({"certificate": COMPANY.nameless("backup.example") + COMPANY.root()}, "not valid for"),
        (
            {"certificate": COMPANY.server(["backup.example"]), "authority": COMPANY.intermediate()},
            "unable to get issuer",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_client_would_accept_is_refused_and_changes_nothing(
    tmp_path: Path, other: dict[str, object], why: str
) -> None:
    brought(tmp_path)
    before = in_use(tmp_path)
    with pytest.raises(InvalidInputError, match=why) as refused:
        brought(tmp_path, **other)
    assert refused.value.meaning == "Nothing was changed."
    assert refused.value.advice
    assert in_use(tmp_path) == before
    assert left(tmp_path) == 1


def test_a_second_import_takes_the_place_of_the_first_and_giving_it_up_leaves_our_own(tmp_path: Path) -> None:
    own = ensure_tls(tmp_path, names=[], now=NOW)
    brought(tmp_path / "tls")
    certificate = COMPANY.server(["localhost"]) + COMPANY.intermediate() + COMPANY.root()
    assert brought(tmp_path / "tls", certificate=certificate).accepted == ("localhost",)
    assert remove_import(tmp_path / "tls")
    assert not remove_import(tmp_path / "tls")
    assert imported_files(tmp_path / "tls") is None
    assert ensure_tls(tmp_path, names=[], now=NOW) == own


def test_an_import_that_was_harmed_says_what_to_do(tmp_path: Path) -> None:
    brought(tmp_path)
    (tmp_path / "imported" / "ca.pem").write_bytes(b"")
    with pytest.raises(PermanentError) as told:
        imported_files(tmp_path)
    assert "bck cert import" in told.value.advice
