"""Catalogs take paths as long as file systems do, on every database."""

import pytest

from bck_adapters.testkit.contracts_long_paths import LongPathsContract


class TestLongPaths(LongPathsContract):
    @pytest.fixture
    def database(self, make):
        return make
