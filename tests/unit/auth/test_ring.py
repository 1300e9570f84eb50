"""The key that signs tokens lies sealed: who has the disk without the vault's key signs nothing."""

import base64
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bck_adapters.auth import JwtTokens
from bck_adapters.auth.key import name_of
from bck_adapters.auth.ring import PRIVATE, PUBLIC_FILE, UNSEALED_FILE
from bck_adapters.memory import MemoryVault
from bck_adapters.vault_file import FileVault, Sealer, keys_of
from bckcore.domain.ids import SecretRef, SessionId
from bckcore.domain.secret import Secret
from bckcore.domain.session import Pass
from bckcore.errors import AccessDeniedError, StorageError

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ANNA = Pass(name="anna", session=SessionId("s1"))


def vault_of(home: Path, credential: Path | None) -> FileVault:
    """The vault of an installation: of its service, or of `bck` beside it, which has no credential."""
    given = {} if credential is None else {"CREDENTIALS_DIRECTORY": str(credential)}
    return FileVault(home / "vault", Sealer(keys_of(home, given)))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir(mode=0o700)
    return tmp_path / "home"


@pytest.fixture
def credential(tmp_path: Path) -> Path:
    """What systemd gives the service, in memory."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "bck-vault-key").write_text("c" * 64)
    return folder


def old_key(home: Path) -> Ed25519PrivateKey:
    """As versions before kept it: open, in a file."""
    key = Ed25519PrivateKey.generate()
    file = home / UNSEALED_FILE
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(0o600)
    return key


def test_a_copy_of_the_disk_holds_no_key_that_signs(home: Path, credential: Path, tmp_path: Path) -> None:
    """The attack: everything in BCK_HOME, without the credential that a TPM guards."""
    service = JwtTokens(home, vault_of(home, credential))
    token, _ = service.issue(ANNA, now=NOW)
    _, key = service._ring.current()
    stolen = tmp_path / "stolen"
    shutil.copytree(home, stolen)
    raw = key.private_bytes_raw()
    forms = (raw, raw.hex().encode(), base64.b64encode(raw)[:-4], base64.urlsafe_b64encode(raw)[:-4])
    files = [path for path in stolen.rglob("*") if path.is_file()]
    assert len(files) >= 2
    for path in files:
        content = path.read_bytes()
        assert not [form for form in forms if form in content], path
        assert b"PRIVATE" not in content, path
    thief = JwtTokens(stolen, vault_of(stolen, None))
    with pytest.raises(StorageError) as refused:
        thief.issue(ANNA, now=NOW)
    assert "rotate-key" in refused.value.advice
    assert service.check(token, now=NOW) == ANNA


def test_a_key_that_lay_open_signs_nothing_any_more_and_is_gone(home: Path) -> None:
    """Older versions kept it in a file: copies of that disk are out there."""
    old, vault = old_key(home), MemoryVault()
    tokens = JwtTokens(home, vault)
    tokens.ready()
    assert not (home / UNSEALED_FILE).exists()
    claims = {"iss": "bck", "aud": "bck-api", "sub": "anna", "sid": "s1", "jti": "x", "iat": 0}
    claims["exp"] = int(NOW.timestamp()) + 60
    forged = jwt.encode(claims, old, "EdDSA", {"kid": name_of(old.public_key())})
    with pytest.raises(AccessDeniedError):
        tokens.check(Secret(forged), now=NOW)
    token, _ = tokens.issue(ANNA, now=NOW)
    old_key(home)  # once more, as an older version beside this one makes it
    again = JwtTokens(home, vault)
    assert again.check(token, now=NOW) == ANNA, "the sealed key stays"
    assert not (home / UNSEALED_FILE).exists()


@pytest.mark.parametrize("kept", ["file", "memory"])
@pytest.mark.parametrize("upgraded", [False, True])
def test_of_several_that_start_at_once_all_have_one_key(home: Path, kept: str, upgraded: bool) -> None:
    if upgraded:
        old_key(home)
    shared, starters = MemoryVault(), 6
    gate = Barrier(starters)

    def start(_number: int) -> JwtTokens:
        tokens = JwtTokens(home, shared if kept == "memory" else vault_of(home, None))
        gate.wait(10)
        tokens.ready()
        return tokens

    with ThreadPoolExecutor(starters) as pool:
        started = list(pool.map(start, range(starters)))
    token, _ = started[0].issue(ANNA, now=NOW)
    assert [one.check(token, now=NOW) for one in started] == [ANNA] * starters


def test_beside_the_service_the_key_is_changed_without_being_opened(home: Path, credential: Path) -> None:
    """`bck user rotate-key` has no credential; what it stores, the service takes and seals anew."""
    service = JwtTokens(home, vault_of(home, credential))
    old, _ = service.issue(ANNA, now=NOW)
    beside = JwtTokens(home, vault_of(home, None))
    name = beside.rotate(now=NOW)
    young, _ = service.issue(ANNA, now=NOW)
    assert jwt.get_unverified_header(young.reveal())["kid"] == name
    assert service.check(old, now=NOW) == service.check(young, now=NOW) == ANNA
    with pytest.raises(StorageError):
        JwtTokens(home, vault_of(home, None)).issue(ANNA, now=NOW)
    beside.rotate(now=NOW, overlap=False)
    for token in (old, young):
        with pytest.raises(AccessDeniedError):
            service.check(token, now=NOW)


def test_a_key_that_cannot_be_opened_is_replaced_and_the_next_tokens_count(home: Path) -> None:
    vault = MemoryVault()
    vault.put(PRIVATE, Secret("no key"))
    tokens = JwtTokens(home, vault)
    with pytest.raises(StorageError) as refused:
        tokens.ready()
    assert "rotate-key" in refused.value.advice
    tokens.rotate(now=NOW)
    assert tokens.check(tokens.issue(ANNA, now=NOW)[0], now=NOW) == ANNA


@pytest.mark.parametrize("left", ["nothing", "nonsense", "another"])
def test_the_public_half_is_put_right_by_the_sealed_one(home: Path, left: str) -> None:
    """After a crash between the two, and after whoever removed or replaced the file."""
    vault = MemoryVault()
    token, _ = JwtTokens(home, vault).issue(ANNA, now=NOW)
    right = (home / PUBLIC_FILE).read_bytes()
    (home / PUBLIC_FILE).unlink()
    if left == "nonsense":
        (home / PUBLIC_FILE).write_text("no key")
    elif left == "another":
        (home / "o").mkdir()
        JwtTokens(home / "o", MemoryVault()).ready()
        os.replace(home / "o" / PUBLIC_FILE, home / PUBLIC_FILE)
    assert JwtTokens(home, vault).check(token, now=NOW) == ANNA
    assert (home / PUBLIC_FILE).read_bytes() == right
    assert (home / PUBLIC_FILE).stat().st_mode & 0o777 == 0o600


class Interrupted(MemoryVault):
    """Just after the key was read, another process changes it."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home
        self.after_read: list[Thread] = []
        self.armed = False

    def get(self, ref: SecretRef) -> Secret[str]:
        found = super().get(ref)
        if self.armed:
            self.armed = False
            self.after_read.append(Thread(target=lambda: JwtTokens(self._home, self).rotate(now=NOW)))
            self.after_read[0].start()
            self.after_read[0].join(0.3)  # as far as it gets
        return found


def test_a_key_that_is_changed_while_it_is_read_is_not_used_on(home: Path) -> None:
    vault = Interrupted(home)
    tokens = JwtTokens(home, vault)
    tokens.ready()
    JwtTokens(home, vault).rotate(now=NOW)
    vault.armed = True
    tokens.issue(ANNA, now=NOW)
    vault.after_read[0].join(10)
    kid = jwt.get_unverified_header(tokens.issue(ANNA, now=NOW)[0].reveal())["kid"]
    assert kid == JwtTokens(home, vault)._ring.current()[0]
