"""Units of work and repositories keep their promises on every database."""

import pytest

from bck_adapters.testkit.contracts_stores import RepositoriesContract, UnitOfWorkContract


class TestUnitOfWork(UnitOfWorkContract):
    @pytest.fixture
    def database(self, make):
        return make


class TestRepositories(RepositoriesContract):
    @pytest.fixture
    def database(self, make):
        return make
