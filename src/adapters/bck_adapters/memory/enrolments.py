"""Enrolment tokens in a memory database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bck_adapters.memory.state import Session as Unit
from bckcore.domain.enrolment import EnrolmentToken
from bckcore.domain.ids import EnrolmentId
from bckcore.errors import ConflictError, NotFoundError


class MemoryEnrolments:
    """EnrolmentRepository."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, token: EnrolmentToken) -> None:
        """See the port."""
        if self._unit.write().enrolments.setdefault(token.id, token) is not token:
            raise ConflictError(f"There is an enrolment {token.id} already.")

    def find(self, token: EnrolmentId) -> EnrolmentToken | None:
        """See the port."""
        return self._unit.read.enrolments.get(token)

    def list(self) -> Sequence[EnrolmentToken]:
        """See the port."""
        found = self._unit.read.enrolments.values()
        return sorted(found, key=lambda one: (one.host, one.created, one.id))

    def revoke(self, token: EnrolmentId, at: datetime) -> None:
        """See the port."""
        enrolments = self._unit.write().enrolments
        if token not in enrolments:
            raise NotFoundError(f"There is no enrolment {token}.")
        enrolments[token] = replace(enrolments[token], revoked=at)

    def use(self, token: EnrolmentId, at: datetime) -> bool:
        """See the port."""
        enrolments = self._unit.write().enrolments
        found = enrolments.get(token)
        if found is None or found.used is not None:
            return False
        enrolments[token] = replace(found, used=at)
        return True

    def purge(self, before: datetime) -> None:
        """See the port."""
        enrolments = self._unit.write().enrolments
        for old in [one.id for one in enrolments.values() if one.expires < before]:
            del enrolments[old]
