"""Enrolment tokens keep their promises on every database."""

import pytest

from bck_adapters.testkit.contracts_enrolments import EnrolmentContract


class TestEnrolments(EnrolmentContract):
    @pytest.fixture
    def database(self, make):
        return make
