"""Act: what was done to a profile's history on purpose and is no run - pruning, holds, forgetting.

Written durably below ``.receipts`` before the database hears of it, numbered and chained by digest, so
that a lost database can be rebuilt with everything people decided.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from bckcore.domain.ids import HostId, ProfileId, SourceName, checked_name
from bckcore.domain.paths import RelPath, percent_decoded, percent_encoded, rel_path
from bckcore.domain.run import ProfileRef
from bckcore.domain.seal import sealed, unsealed
from bckcore.errors import InvalidInputError, StorageError

FORMAT = 1


class ActKind(StrEnum):
    """What was done."""

    PRUNE = "prune"
    """``points`` were forgotten as the retention policy says."""
    HOLD = "hold"
    """``points`` stay whatever the policy says, until ``expires``."""
    RELEASE = "release"
    """The holds on ``points`` ended."""
    FORGET = "forget"
    """``paths``, and everything below them, were removed from current and history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Written once and never changed afterwards."""

    profile: ProfileId
    host: HostId
    number: int
    """Counts from 1 within the profile, without gaps."""
    kind: ActKind
    at: datetime
    by: str
    """Who asked for it; ``retention`` where nobody did."""
    reason: str
    after_seq: int
    """Number of the newest run then: the act comes after it and before the next."""
    points: tuple[int, ...] = ()
    """Numbers of the points it is about, ascending."""
    paths: tuple[tuple[SourceName, RelPath], ...] = ()
    expires: datetime | None = None
    """When a hold ends; None: never."""
    previous: str = ""
    """SHA-256 of the act before; empty for the first."""

    @property
    def ref(self) -> ProfileRef:
        """Where the act's profile lies in storage."""
        return ProfileRef(host=self.host, profile=self.profile)


def encoded(act: Act) -> bytes:
    """The act as JSON with sorted keys, one a line, and a final newline; ASCII."""
    document = {
        "format": FORMAT,
        "profile": act.profile,
        "host": act.host,
        "number": act.number,
        "kind": act.kind.value,
        "at": act.at.isoformat(),
        "by": act.by,
        "reason": act.reason,
        "after_seq": act.after_seq,
        "points": " ".join(map(str, act.points)),
        "paths": [f"{source} {percent_encoded(path)}" for source, path in act.paths],
        "expires": act.expires.isoformat() if act.expires else None,
        "previous": act.previous,
    }
    return sealed(document)


def decoded(raw: bytes) -> Act:
    """Read an act. Raises StorageError when it is damaged or of a newer format."""
    try:
        document = unsealed(raw, form=FORMAT, required_with="kind")
        if document["format"] != FORMAT:
            raise StorageError(
                f"An act has format {document['format']}; this program reads {FORMAT}.",
                advice="Install the version of this program that wrote it, or a newer one.",
            )
        expires = document["expires"]
        return Act(
            profile=ProfileId(checked_name(document["profile"], "profile")),
            host=HostId(checked_name(document["host"], "host")),
            number=_number(document["number"]),
            kind=ActKind(document["kind"]),
            at=datetime.fromisoformat(document["at"]),
            by=_text(document["by"]),
            reason=_text(document["reason"]),
            after_seq=_number(document["after_seq"]),
            points=tuple(int(word) for word in _text(document["points"]).split()),
            paths=tuple(_path(text) for text in document["paths"]),
            expires=None if expires is None else datetime.fromisoformat(expires),
            previous=_text(document["previous"]),
        )
    except (ValueError, KeyError, TypeError, InvalidInputError) as exc:
        raise StorageError(f"An act cannot be read: {exc}.") from exc


def digest(raw: bytes) -> str:
    """What the next act names as ``previous``."""
    return sha256(raw).hexdigest()


def _path(text: object) -> tuple[SourceName, RelPath]:
    source, _, path = _text(text).partition(" ")
    return SourceName(checked_name(source, "source")), rel_path(percent_decoded(path))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r} is no number")
    return value
