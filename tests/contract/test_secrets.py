"""Vaults, sealed boxes, tokens and hashers keep their promises, in memory and for real."""

import pytest

from bck_adapters.auth import Argon2Hasher, JwtTokens
from bck_adapters.memory import MemoryPasswordHasher, MemorySealedBox, MemoryTokens, MemoryVault
from bck_adapters.sealed_box import SealingKeys, X25519Box
from bck_adapters.testkit.contracts_secrets import (
    PasswordHasherContract,
    SealedBoxContract,
    TokensContract,
    VaultContract,
)
from bck_adapters.vault_file import FileVault, Sealer, keys_of


class TestMemoryVault(VaultContract):
    @pytest.fixture
    def vault(self):
        return MemoryVault()


class TestFileVault(VaultContract):
    @pytest.fixture
    def vault(self, tmp_path):
        return FileVault(tmp_path / "vault", Sealer(keys_of(tmp_path, {})))


class TestMemorySealedBox(SealedBoxContract):
    @pytest.fixture
    def box(self):
        return MemorySealedBox()

    @pytest.fixture
    def other(self):
        return MemorySealedBox()


def real_box(home):
    home.mkdir()
    return X25519Box(SealingKeys(home, MemoryVault()))


class TestX25519Box(SealedBoxContract):
    @pytest.fixture
    def box(self, tmp_path):
        return real_box(tmp_path / "one")

    @pytest.fixture
    def other(self, tmp_path):
        return real_box(tmp_path / "other")


class TestMemoryTokens(TokensContract):
    @pytest.fixture
    def tokens(self):
        return MemoryTokens()


class TestJwtTokens(TokensContract):
    @pytest.fixture
    def tokens(self, tmp_path):
        return JwtTokens(tmp_path, MemoryVault())


class TestJwtTokensOfTheFileVault(TokensContract):
    @pytest.fixture
    def tokens(self, tmp_path):
        return JwtTokens(tmp_path, FileVault(tmp_path / "vault", Sealer(keys_of(tmp_path, {}))))


class TestMemoryPasswordHasher(PasswordHasherContract):
    @pytest.fixture
    def hasher(self):
        return MemoryPasswordHasher()


class TestArgon2Hasher(PasswordHasherContract):
    @pytest.fixture
    def hasher(self):
        return Argon2Hasher()
