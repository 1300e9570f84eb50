"""Names of things. A host, a profile and a source are known by the name a person gave them."""

import re
from datetime import UTC, datetime
from typing import NewType

from bckcore.errors import InvalidInputError

HostId = NewType("HostId", str)
ProfileId = NewType("ProfileId", str)
SourceName = NewType("SourceName", str)
JobId = NewType("JobId", str)
RunId = NewType("RunId", str)
SessionId = NewType("SessionId", str)
TokenId = NewType("TokenId", str)
EnrolmentId = NewType("EnrolmentId", str)
SecretRef = NewType("SecretRef", str)
"""Opaque name of one secret in the vault; safe to log."""

NAME_RULE = "1 to 64 of a-z 0-9 . _ - and first a letter or digit"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")


def checked_name(value: str, what: str) -> str:
    """Return ``value`` if it may name a host, profile or source; else raise InvalidInputError."""
    if not _NAME.fullmatch(value):
        raise InvalidInputError(
            f"{value!r} cannot be the name of a {what}.",
            meaning="The name becomes a folder in the backup storage.",
            advice=f"Use {NAME_RULE}.",
        )
    return value


def new_run_id(at: datetime, randomness: bytes) -> RunId:
    """A run id that sorts by start time (UTC, seconds) and is made unique by four random bytes."""
    return RunId(f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{randomness[:4].hex()}")


def is_run_id(value: str) -> bool:
    """True if that may name a run."""
    if not _RUN_ID.fullmatch(value):
        return False
    try:
        run_id_time(RunId(value))
    except ValueError:
        return False
    return True


def run_id_time(run: RunId) -> datetime:
    """When the run of that id started, to the second."""
    return datetime.strptime(run[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def checked_run_id(value: str) -> RunId:
    """Return ``value`` as a run id, or raise InvalidInputError: it becomes a folder name."""
    if not is_run_id(value):
        raise InvalidInputError(f"{value!r} is not a run id.")
    return RunId(value)
