"""RecordStore: the single records of a profile, also where some are damaged. Part of Storage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bckcore.domain.act import Act
from bckcore.domain.ids import RunId
from bckcore.domain.receipt import Receipt
from bckcore.domain.run import ProfileRef


@dataclass(frozen=True, slots=True)
class RecordNumbers:
    """Numbers of the records that stand in storage, ascending, readable or not."""

    receipts: tuple[int, ...] = ()
    manifests: tuple[int, ...] = ()
    acts: tuple[int, ...] = ()


class RecordStore(Protocol):
    """Records one by one: damage of one is told by itself and keeps nobody from reading the next."""

    def record_numbers(self, ref: ProfileRef) -> RecordNumbers:
        """What stands there by name. Empty if nothing does."""

    def read_receipt(self, ref: ProfileRef, seq: int) -> tuple[Receipt, str]:
        """One receipt with its digest. Raises NotFoundError, StorageError if it is damaged."""

    def read_act(self, ref: ProfileRef, number: int) -> tuple[Act, str]:
        """One act with its digest. Raises NotFoundError, StorageError if it is damaged."""

    def manifest_digest(self, ref: ProfileRef, seq: int) -> str:
        """SHA-256 of a manifest as it stands. Raises NotFoundError."""

    def set_aside(self, ref: ProfileRef, *, receipt: int | None = None, act: int | None = None) -> None:
        """Give a record that cannot be read another name, durably; its number is then free.

        Nothing is deleted. Safe to repeat.
        """

    def increments(self, ref: ProfileRef) -> Sequence[RunId]:
        """Runs whose increment stands and holds something of the profile, by run id."""

    def write_plan(self, ref: ProfileRef, raw: bytes) -> None:
        """Replace the profile's plan (see ``domain/plan.py``) durably: temp file, fsync, rename."""

    def read_plan(self, ref: ProfileRef) -> bytes | None:
        """The plan as it was written; None if there is none."""
