"""Secrets in files are private, whole, and refused when others can look."""

import os

import pytest

from bck_adapters.vault_file import FileVault, Sealer, keys_of
from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret
from bckcore.errors import StorageError

REF = SecretRef("host/../pc1/ssh key \n")


def made(folder):
    return FileVault(folder, Sealer(keys_of(folder.parent, {})))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "vault"


def test_folder_and_files_are_private_whatever_the_umask(folder):
    before = os.umask(0)
    try:
        made(folder).put(REF, Secret("s"))
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in folder.iterdir()] == [0o600]


def test_another_vault_on_the_folder_reads_the_secret(folder):
    made(folder).put(REF, Secret("line\nline\n"))
    assert made(folder).get(REF).reveal() == "line\nline\n"


def test_a_folder_that_others_can_read_is_refused(folder):
    vault = made(folder)
    vault.put(REF, Secret("s"))
    os.chmod(folder, 0o750)
    for use in (lambda: made(folder), lambda: vault.get(REF), lambda: vault.put(REF, Secret("t"))):
        with pytest.raises(StorageError):
            use()


def test_a_secret_that_others_can_read_is_refused(folder):
    vault = made(folder)
    vault.put(REF, Secret("s"))
    (file,) = folder.iterdir()
    os.chmod(file, 0o644)
    with pytest.raises(StorageError):
        vault.get(REF)


def test_a_link_in_place_of_a_secret_is_not_followed(folder, tmp_path):
    vault = made(folder)
    vault.put(REF, Secret("s"))
    (file,) = folder.iterdir()
    file.unlink()
    (tmp_path / "elsewhere").write_text("x")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        vault.get(REF)
