"""Problems of runs are kept, and found when they are old, in the same way by every database."""

import pytest

from bck_adapters.testkit.contracts_problems import RunProblemsContract


class TestRunProblems(RunProblemsContract):
    @pytest.fixture
    def database(self, make):
        return make
