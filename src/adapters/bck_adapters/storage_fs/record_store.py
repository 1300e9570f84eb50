"""The RecordStore half of FsStorage."""

from collections.abc import Sequence

from bck_adapters.storage_fs.history import History
from bck_adapters.storage_fs.records import Records
from bckcore.domain.act import Act
from bckcore.domain.ids import RunId
from bckcore.domain.receipt import Receipt
from bckcore.domain.run import ProfileRef
from bckcore.ports.records import RecordNumbers


class FsRecordStore:
    """Single records; the port's docstrings hold."""

    _history: History
    _records: Records

    def record_numbers(self, ref: ProfileRef) -> RecordNumbers:
        """What stands there by name."""
        return self._records.numbers(ref)

    def read_receipt(self, ref: ProfileRef, seq: int) -> tuple[Receipt, str]:
        """One receipt with its digest."""
        return self._records.read_receipt(ref, seq)

    def read_act(self, ref: ProfileRef, number: int) -> tuple[Act, str]:
        """One act with its digest."""
        return self._records.read_act(ref, number)

    def manifest_digest(self, ref: ProfileRef, seq: int) -> str:
        """SHA-256 of a manifest as it stands."""
        return self._records.manifest_digest(ref, seq)

    def set_aside(self, ref: ProfileRef, *, receipt: int | None = None, act: int | None = None) -> None:
        """Give a record that cannot be read another name."""
        self._records.set_aside(ref, receipt=receipt, act=act)

    def increments(self, ref: ProfileRef) -> Sequence[RunId]:
        """Runs whose increment stands and holds something of the profile."""
        return self._history.increments(ref)

    def write_plan(self, ref: ProfileRef, raw: bytes) -> None:
        """Replace the profile's plan durably."""
        self._records.write_plan(ref, raw)

    def read_plan(self, ref: ProfileRef) -> bytes | None:
        """The plan as it was written."""
        return self._records.read_plan(ref)
