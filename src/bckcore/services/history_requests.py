"""What undo, accept and forget jobs carry; and whose reason is a reason."""

from dataclasses import dataclass

from bckcore.domain.job import Job
from bckcore.domain.paths import percent_decoded, percent_encoded
from bckcore.errors import InvalidInputError

LONGEST_REASON = 1000


def checked_reason(reason: str, *, of: str, needed: bool = True) -> str:
    """The reason without blanks around it. Raises InvalidInputError for none, or one that is no line."""
    text = reason.strip()
    if needed and not text:
        raise InvalidInputError(
            f"{of} needs a reason.",
            meaning="Nobody could tell later why it was done. Nothing was changed.",
            advice="Say in one line why: --reason TEXT.",
        )
    if len(text) > LONGEST_REASON or not text.isprintable():
        raise InvalidInputError(f"A reason is one line of at most {LONGEST_REASON} printable characters.")
    return text


def _texts(job: Job, *keys: str) -> list[str]:
    values = [job.payload.get(key) for key in keys]
    if not all(isinstance(value, str) for value in values):
        raise InvalidInputError(f"Job {job.id} does not say what to do.")
    return [str(value) for value in values]


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoRequest:
    """Exactly one of ``run`` and ``to`` is given."""

    run: str = ""
    """Undo this run (its id or number) and all after it."""
    to: str = ""
    """Go back to this point."""
    reason: str = ""

    def __post_init__(self) -> None:
        if bool(self.run) == bool(self.to):
            raise InvalidInputError("Say either which run to undo, or which point to go back to.")
        object.__setattr__(self, "reason", checked_reason(self.reason, of="An undo", needed=False))

    def payload(self) -> dict[str, object]:
        """As JSON."""
        return {"run": self.run, "to": self.to, "reason": self.reason}

    @classmethod
    def of(cls, job: Job) -> "UndoRequest":
        """Read a job's payload back. Raises InvalidInputError if it is none of ours."""
        run, to, reason = _texts(job, "run", "to", "reason")
        return cls(run=run, to=to, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptRequest:
    """Which suspect run a person takes as right."""

    run: str = ""
    """Its id or number; empty: the newest run, if it is suspect."""
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", checked_reason(self.reason, of="Accepting a suspect run"))

    def payload(self) -> dict[str, object]:
        """As JSON."""
        return {"run": self.run, "reason": self.reason}

    @classmethod
    def of(cls, job: Job) -> "AcceptRequest":
        """Read a job's payload back. Raises InvalidInputError if it is none of ours."""
        run, reason = _texts(job, "run", "reason")
        return cls(run=run, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetRequest:
    """Which path is removed for good, and why."""

    path: bytes
    """``SOURCE/path`` or the full path on the PC."""
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", checked_reason(self.reason, of="Forgetting a path"))

    def payload(self) -> dict[str, object]:
        """As JSON; the path percent-encoded, for it is bytes."""
        return {"path": percent_encoded(self.path), "reason": self.reason}

    @classmethod
    def of(cls, job: Job) -> "ForgetRequest":
        """Read a job's payload back. Raises InvalidInputError if it is none of ours."""
        path, reason = _texts(job, "path", "reason")
        return cls(path=percent_decoded(path), reason=reason)
