"""The audit log keeps its promises on every database."""

import pytest

from bck_adapters.testkit.contracts_audit import AuditLogContract


class TestAuditLog(AuditLogContract):
    @pytest.fixture
    def database(self, make):
        return make
