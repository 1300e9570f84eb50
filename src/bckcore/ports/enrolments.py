"""EnrolmentRepository: tokens by which PCs are enrolled. Part of a UnitOfWork; not thread-safe."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bckcore.domain.enrolment import EnrolmentToken
from bckcore.domain.ids import EnrolmentId


class EnrolmentRepository(Protocol):
    """Enrolment tokens by id."""

    def add(self, token: EnrolmentToken) -> None:
        """Save a new token. Raises ConflictError for an id that is there already."""

    def find(self, token: EnrolmentId) -> EnrolmentToken | None:
        """The token of that id."""

    def list(self) -> Sequence[EnrolmentToken]:
        """All of them by host and time, those that count no more included."""

    def revoke(self, token: EnrolmentId, at: datetime) -> None:
        """From then on it counts no more. Raises NotFoundError."""

    def use(self, token: EnrolmentId, at: datetime) -> bool:
        """Note that it was used. True for one caller only, however many try; False if it is unknown."""

    def purge(self, before: datetime) -> None:
        """Forget those that expired before."""
