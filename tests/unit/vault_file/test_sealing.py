"""Secrets lie sealed on the disk; without the key, or moved, or altered, they open for nobody."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bck_adapters.vault_file import FileVault, Sealer, keys_of
from bck_adapters.vault_file.sealing import CREDENTIAL, KEY_FILE
from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret
from bckcore.errors import NotFoundError, StorageError

ONE, TWO = SecretRef("host/pc1/key"), SecretRef("host/pc2/key")
WORDS = "a canary in the mine"


def vault(home: Path, **environment: str) -> FileVault:
    return FileVault(home / "vault", Sealer(keys_of(home, environment)))


def credentials(home: Path, content: bytes = b"k" * 32) -> str:
    folder = home / "credentials"
    folder.mkdir(exist_ok=True)
    (folder / CREDENTIAL).write_bytes(content)
    return str(folder)


def on_the_disk(home: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((home / "vault").iterdir())]


def test_what_lies_on_the_disk_does_not_hold_the_secret_and_differs_each_time(tmp_path: Path) -> None:
    vault(tmp_path).put(ONE, Secret(WORDS))
    [first] = on_the_disk(tmp_path)
    vault(tmp_path).put(ONE, Secret(WORDS))
    [second] = on_the_disk(tmp_path)
    assert WORDS.encode() not in first
    assert first != second
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert vault(tmp_path).get(ONE).reveal() == WORDS


def test_without_its_key_it_opens_for_nobody_and_says_what_to_do(tmp_path: Path) -> None:
    vault(tmp_path).put(ONE, Secret(WORDS))
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(StorageError) as refused:
        vault(tmp_path).get(ONE)
    assert WORDS not in str(refused.value)
    assert KEY_FILE in refused.value.advice


def test_two_secrets_cannot_be_swapped_nor_one_altered(tmp_path: Path) -> None:
    kept = vault(tmp_path)
    kept.put(ONE, Secret("one"))
    kept.put(TWO, Secret("two"))
    first, second = sorted((tmp_path / "vault").iterdir())
    raw = first.read_bytes(), second.read_bytes()
    first.write_bytes(raw[1])
    second.write_bytes(raw[0])
    for ref in (ONE, TWO):
        with pytest.raises(StorageError, match="cannot be opened"):
            kept.get(ref)
    for place in range(13, len(raw[0])):  # behind the word that says what it is
        first.write_bytes(raw[0][:place] + bytes([raw[0][place] ^ 1]) + raw[0][place + 1 :])
        second.write_bytes(raw[1])
        opened = []
        for ref in (ONE, TWO):
            try:
                opened.append(kept.get(ref).reveal())
            except StorageError:
                opened.append("refused")
        assert sorted(opened) in (["one", "refused"], ["refused", "two"])


def test_a_secret_of_an_older_version_is_read_and_sealed_then(tmp_path: Path) -> None:
    kept = vault(tmp_path)
    kept.put(ONE, Secret("anything"))
    [file] = (tmp_path / "vault").iterdir()
    file.write_bytes(WORDS.encode())
    assert kept.get(ONE).reveal() == WORDS
    assert WORDS.encode() not in on_the_disk(tmp_path)[0]
    assert kept.get(ONE).reveal() == WORDS


def test_a_credential_takes_over_from_the_file_which_then_may_go(tmp_path: Path) -> None:
    vault(tmp_path).put(ONE, Secret(WORDS))
    guarded = {"CREDENTIALS_DIRECTORY": credentials(tmp_path)}
    assert vault(tmp_path, **guarded).get(ONE).reveal() == WORDS  # and sealed anew
    (tmp_path / KEY_FILE).unlink()
    assert vault(tmp_path, **guarded).get(ONE).reveal() == WORDS
    with pytest.raises(StorageError):
        vault(tmp_path).get(ONE)


def test_sealing_anew_brings_no_older_secret_back(tmp_path: Path) -> None:
    """Another process replaces it, or removes it, between the reading and the sealing."""
    vault(tmp_path).put(ONE, Secret("old"))
    guarded = {"CREDENTIALS_DIRECTORY": credentials(tmp_path)}
    sealer = Sealer(keys_of(tmp_path, guarded))
    for meanwhile, expected in (
        (lambda: vault(tmp_path, **guarded).put(ONE, Secret("new")), "new"),
        (lambda: vault(tmp_path).put(ONE, Secret("newer")), "newer"),
        (lambda: vault(tmp_path).delete(ONE), None),
    ):
        opened = sealer.opened

        def slow(ref: SecretRef, raw: bytes) -> tuple[str, bool]:
            found = opened(ref, raw)  # noqa: B023  # called in this round only
            meanwhile()  # noqa: B023
            return found

        kept = FileVault(tmp_path / "vault", sealer)
        sealer.opened = slow  # type: ignore[method-assign]  # a moment in which others work
        kept.get(ONE)
        sealer.opened = opened  # type: ignore[method-assign]
        if expected is None:
            with pytest.raises(NotFoundError):
                kept.get(ONE)
        else:
            assert kept.get(ONE).reveal() == expected
            vault(tmp_path).put(ONE, Secret(expected))  # with the file's key again


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    vault(tmp_path).put(ONE, Secret(WORDS))
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(StorageError, match="open to others"):
        vault(tmp_path).get(ONE)


def test_a_key_that_is_too_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="too short"):
        vault(tmp_path, CREDENTIALS_DIRECTORY=credentials(tmp_path, b"short")).put(ONE, Secret(WORDS))


def test_of_many_that_make_the_key_at_once_all_take_the_same(tmp_path: Path) -> None:
    refs = [SecretRef(f"host/pc{number}/key") for number in range(16)]
    (tmp_path / "vault").mkdir(mode=0o700)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda ref: vault(tmp_path).put(ref, Secret(ref)), refs))
    assert [vault(tmp_path).get(ref).reveal() for ref in refs] == refs
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []
