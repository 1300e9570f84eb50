"""Sessions, device tokens and throttles keep their promises on every database."""

import pytest

from bck_adapters.testkit.contracts_people import PeopleContract


class TestPeople(PeopleContract):
    @pytest.fixture
    def database(self, make):
        return make
