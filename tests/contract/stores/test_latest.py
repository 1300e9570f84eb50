"""What is newest of every profile is told in the same way by every database."""

import pytest

from bck_adapters.testkit.contracts_latest import LatestContract, NewestJobsContract


class TestLatest(LatestContract):
    @pytest.fixture
    def database(self, make):
        return make


class TestNewestJobs(NewestJobsContract):
    @pytest.fixture
    def queue(self, make):
        return make.queue
