"""Check: what was compared, what was found to be harmed, and by which cause."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bckcore.domain.ids import ProfileId, SourceName, is_run_id
from bckcore.domain.paths import display, percent_encoded
from bckcore.errors import BckError, InvalidInputError

MOST_FINDINGS = 1000
"""So many are named; all are counted."""
HOST_FILES = 50
"""Files that are read again from the PC unless a share is asked for."""
MOST_HOST_FILES = 10_000

CURRENT, RECEIPTS, DATABASE, WORK, STORAGE = "current", "receipts", "database", "work", "storage"
"""Places beside increments, which go by the id of their run."""


class Cause(StrEnum):
    """Why something is not as it must be."""

    MISSING = "missing"
    """The bytes of a version do not stand where they must."""
    EXTRA = "extra"
    """Something stands in the storage that no run brought there."""
    SIZE_CHANGED = "size-changed"
    """The size is another one."""
    BIT_ROT = "bit-rot"
    """Size and time are right, the bytes are not: the disk, or something that hid its change."""
    CHANGED = "changed"
    """The time of change differs too: somebody wrote into the storage."""
    ATTRIBUTES_CHANGED = "attributes-changed"
    """Type, mode, owner, time or link target in ``current`` are not those of the newest state."""
    UNREADABLE = "unreadable"
    """The system refuses to read it: rights, or a disk that fails."""
    STRANGE_TYPE = "strange-type"
    """A link, device or the like, which the storage never holds; or a folder where a file must be."""
    RECEIPT_MISSING = "receipt-missing"
    RECEIPT_DAMAGED = "receipt-damaged"
    MANIFEST_MISSING = "manifest-missing"
    MANIFEST_DAMAGED = "manifest-damaged"
    ACT_MISSING = "act-missing"
    ACT_DAMAGED = "act-damaged"
    CATALOG_DIFFERS = "catalog-differs"
    """The database says something else than receipts and manifests."""
    HOST_DIFFERS = "host-differs"
    """The PC's file has other bytes, though size and time are those of the backup."""

    @property
    def advice(self) -> str:
        """What a person can do, wherever it is; see :attr:`Finding.advice`."""
        return _ADVICE[self]


_WHOLE = (
    "Restore another version of it, or the file from the PC. Keep the storage as it is until you know why."
)
_ASIDE = (
    "If it is the copy in current: move it out of the storage before the next backup, which then brings a "
    "good one. "
)
_MAYBE_HISTORY = (
    "It may be history that points need. First make the database anew: bck catalog rebuild. Then check "
    "again. What is told even then: find out who put it there, and move it out of the storage, to where you "
    "can bring it back from."
)
_RECORD = "Bring the file back from a copy of the storage. Points restore as before; a rebuild would miss it."
_ADVICE: Mapping[Cause, str] = {
    Cause.MISSING: _WHOLE,
    Cause.EXTRA: "Find out who put it there, then remove it. Nothing of the backup depends on it.",
    Cause.SIZE_CHANGED: _ASIDE + _WHOLE,
    Cause.BIT_ROT: (
        "Look at the disk's health. The next backup does not notice, for size and time agree. If it is the "
        "copy in current: move that file out of the storage before the next backup, which then brings a good "
        "one."
    ),
    Cause.CHANGED: "Find out who wrote into the storage. " + _ASIDE + _WHOLE,
    Cause.ATTRIBUTES_CHANGED: "Restores are right: they go by the catalog. The next backup mends the copy.",
    Cause.UNREADABLE: "Look at the rights of the file and at the system log for errors of the disk.",
    Cause.STRANGE_TYPE: "Find out who put it there. " + _ASIDE + _WHOLE,
    Cause.RECEIPT_MISSING: _RECORD,
    Cause.RECEIPT_DAMAGED: _RECORD,
    Cause.MANIFEST_MISSING: _RECORD,
    Cause.MANIFEST_DAMAGED: _RECORD,
    Cause.ACT_MISSING: _RECORD,
    Cause.ACT_DAMAGED: _RECORD,
    Cause.CATALOG_DIFFERS: "The files are there; the database is wrong. Make it anew: bck catalog rebuild.",
    Cause.HOST_DIFFERS: "Look at the file on the PC: its disk may be failing, or a program hid its change.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it must be."""

    cause: Cause
    profile: ProfileId
    source: SourceName | None
    """None for what belongs to no source: receipts, manifests, points."""
    path: bytes
    """Below the source; else the name of the record or point."""
    place: str
    """Where: ``current``, the run id of an increment, ``receipts``, ``database`` or ``work``;
    ``storage``: the path is below its root."""
    points: int = 0
    """How many kept points need it."""
    newest: int | None = None
    """Number of the newest of them."""
    detail: str = ""
    """What exactly, in words."""

    @property
    def key(self) -> tuple[Cause, SourceName | None, bytes, str]:
        """What makes it one finding and not two."""
        return self.cause, self.source, self.path, self.place

    @property
    def advice(self) -> str:
        """What a person can do. Nothing in history is ever to be removed on the word of a check alone."""
        in_history = is_run_id(self.place) or (self.place == STORAGE and _below_history(self.path))
        return _MAYBE_HISTORY if self.cause is Cause.EXTRA and in_history else self.cause.advice

    @property
    def whole_path(self) -> bytes:
        """With the source in front, as a restore asks for it."""
        return self.path if self.source is None else self.source.encode() + b"/" + self.path

    @property
    def text(self) -> str:
        """For people, in one line."""
        where = display(self.whole_path)
        needed = f"; {self.points} points need it, the newest is {self.newest}" if self.points else ""
        if self.points == 1:
            needed = f"; 1 point needs it: {self.newest}"
        return f"{self.cause.value}: {where} ({self.place}): {self.detail}{needed}."

    def data(self) -> dict[str, object]:
        """As JSON."""
        return {
            "cause": self.cause.value,
            "profile": self.profile,
            "source": self.source,
            "path": display(self.path),
            "path_bytes": percent_encoded(self.path),
            "full_path": display(self.whole_path),
            "full_path_bytes": percent_encoded(self.whole_path),
            "place": self.place,
            "points": self.points,
            "newest_point": self.newest,
            "detail": self.detail,
            "advice": self.advice,
        }


def _below_history(path: bytes) -> bool:
    return path.split(b"/", 1)[0] == b".history"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """How thorough a check is. Names, sizes, times and attributes are always compared, all of them."""

    sample: float | None = None
    """Percent of the files whose bytes are read."""
    read_data: bool = False
    """Read every file, and compare every point with the manifests instead of one."""
    against_host: bool = False
    """Read a sample again from the PC."""

    def __post_init__(self) -> None:
        if self.sample is not None and not 0 < self.sample <= 100:
            raise InvalidInputError("A sample is more than 0 and at most 100 percent.")
        if self.sample is not None and self.read_data:
            raise InvalidInputError("A sample is part of the files; reading the data means all of them.")

    @property
    def share(self) -> float:
        """Of the files whose bytes are read, 0 to 1."""
        return 1.0 if self.read_data else (self.sample or 0.0) / 100

    def payload(self) -> dict[str, object]:
        """As JSON."""
        return {"sample": self.sample, "read_data": self.read_data, "against_host": self.against_host}

    @classmethod
    def of(cls, payload: Mapping[str, object]) -> "CheckRequest":
        """Read a job's payload back. Raises InvalidInputError if it is none of ours."""
        sample = payload.get("sample")
        if not (sample is None or (isinstance(sample, (int, float)) and not isinstance(sample, bool))):
            raise InvalidInputError("The job does not say what to check.")
        return cls(
            sample=sample,
            read_data=payload.get("read_data") is True,
            against_host=payload.get("against_host") is True,
        )


@dataclass(kw_only=True)
class CheckCounts:
    """What a check looked at. Filled while it goes on."""

    files: int = 0
    """Versions compared with the storage."""
    bytes: int = 0
    files_read: int = 0
    bytes_read: int = 0
    files_proven: int = 0
    """Read, and equal to a digest known before."""
    digests_learned: int = 0
    """Read for the first time: the digest was unknown and is in the catalog now."""
    leftovers: int = 0
    """What interrupted runs left in the storage; of no point, and harmless."""
    points_replayed: int = 0
    """Points whose every path was compared with the manifests."""
    records: int = 0
    """Receipts, manifests and acts looked at."""
    host_files: int = 0
    """Asked of the PC."""
    host_proven: int = 0
    """The same bytes on the PC."""
    host_changed: int = 0
    """Changed or deleted on the PC since the last run: told, not counted as damage."""

    def data(self) -> dict[str, int]:
        """As JSON."""
        return dict(vars(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found."""

    profile: ProfileId
    request: CheckRequest
    seed: int
    """Of the random choice; the same seed chooses the same files."""
    started: datetime
    finished: datetime
    counts: CheckCounts
    causes: Mapping[Cause, int] = field(default_factory=dict)
    """How many findings of each cause there are."""
    findings: tuple[Finding, ...] = ()
    """The first 1,000."""
    host_error: BckError | None = None
    """Why the PC could not be asked, where it was to be; all the rest was checked."""

    @property
    def total(self) -> int:
        """All findings."""
        return sum(self.causes.values())

    def data(self) -> dict[str, object]:
        """As JSON."""
        return {
            "seed": self.seed,
            "started": self.started.isoformat(),
            "finished": self.finished.isoformat(),
            **self.request.payload(),
            **self.counts.data(),
            "total": self.total,
            "causes": {cause.value: count for cause, count in self.causes.items()},
            "host_error": self.host_error.what if self.host_error else "",
            "findings": [finding.data() for finding in self.findings],
        }
