"""RestoreRequest: what a restore job carries."""

from dataclasses import dataclass, field, fields
from pathlib import Path

from bckcore.domain.job import Job
from bckcore.domain.paths import percent_decoded, percent_encoded
from bckcore.domain.push import Conflict
from bckcore.domain.restore import RestoreOptions
from bckcore.errors import InvalidInputError

_FLAGS = tuple(one.name for one in fields(RestoreOptions) if one.name != "conflict")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """Into a folder on the server, or back to the host."""

    point: str
    folder: Path | None = None
    """On the server; None: to the host."""
    host_dir: str | None = None
    """On the host, full path; None: in place."""
    paths: tuple[bytes, ...] = ()
    """None: everything."""
    options: RestoreOptions = field(default_factory=RestoreOptions)
    dry_run: bool = False
    """To the host only: nothing is written, the log lists what would be."""

    def __post_init__(self) -> None:
        if self.folder is not None and (self.host_dir is not None or self.dry_run):
            raise InvalidInputError("A restore goes into a folder on the server or to the host, not both.")

    def payload(self) -> dict[str, object]:
        """As JSON; paths percent-encoded, for they are bytes. What is not asked for is left out."""
        document: dict[str, object] = {
            "point": self.point,
            "paths": [percent_encoded(path) for path in self.paths],
            "options": [name for name in _FLAGS if getattr(self.options, name)],
        }
        if self.options.conflict is not None:
            document["conflict"] = self.options.conflict.value
        if self.folder is not None:
            return {**document, "folder": str(self.folder)}
        return {**document, "host_dir": self.host_dir, "dry_run": self.dry_run}

    @classmethod
    def of(cls, job: Job) -> "RestoreRequest":
        """Read a job's payload back. Raises InvalidInputError if it is none of ours."""
        point, folder, paths = (job.payload.get(key) for key in ("point", "folder", "paths"))
        to_host = folder is None and "host_dir" in job.payload
        if not (isinstance(point, str) and isinstance(paths, list) and (to_host or isinstance(folder, str))):
            raise InvalidInputError(f"Job {job.id} does not say what to restore.")
        host_dir = job.payload.get("host_dir")
        return cls(
            point=point,
            folder=None if to_host else Path(str(folder)),
            host_dir=None if host_dir is None else str(host_dir),
            paths=tuple(percent_decoded(str(path)) for path in paths),
            options=_options(job),
            dry_run=job.payload.get("dry_run") is True,
        )


def _options(job: Job) -> RestoreOptions:
    chosen, conflict = job.payload.get("options", []), job.payload.get("conflict")
    if not isinstance(chosen, list) or not set(chosen) <= set(_FLAGS):
        raise InvalidInputError(f"Job {job.id} asks for a restore in a way that is not known.")
    return RestoreOptions(
        conflict=None if conflict is None else conflict_of(str(conflict)),
        **{name: name in chosen for name in _FLAGS},
    )


def conflict_of(text: str) -> Conflict:
    """What a person asked for. Raises InvalidInputError."""
    try:
        return Conflict(text)
    except ValueError:
        known = ", ".join(one.value for one in Conflict)
        raise InvalidInputError(
            f"{text!r} is no choice for what is in the way.", advice=f"Choose one of {known}."
        ) from None
