"""What a check asks of the catalog holds on every database."""

import pytest

from bck_adapters.testkit.contracts_check import CheckedCatalogContract


class TestCheckedCatalog(CheckedCatalogContract):
    @pytest.fixture
    def database(self, make):
        return make
