"""Passwords are kept as Argon2id hashes."""

import pytest

from bck_adapters.auth import Argon2Hasher
from bckcore.domain.secret import Secret


@pytest.fixture(scope="module")
def hasher():
    return Argon2Hasher()


def test_a_hash_knows_its_password_only_and_names_its_parameters(hasher):
    hashed = hasher.hash(Secret("correct horse"))
    assert hashed.startswith("$argon2id$")
    assert hasher.verify(Secret("correct horse"), hashed)
    assert not hasher.verify(Secret("correct horsf"), hashed)


def test_the_decoy_takes_no_password_and_costs_what_a_real_hash_costs(hasher):
    assert not hasher.verify(Secret(""), hasher.decoy)
    assert hasher.decoy.split("$")[:4] == hasher.hash(Secret("x")).split("$")[:4]


@pytest.mark.parametrize("damaged", ["", "plain", "$argon2id$v=19$m=1"])
def test_a_damaged_hash_takes_no_password(hasher, damaged):
    assert not hasher.verify(Secret("x"), damaged)
