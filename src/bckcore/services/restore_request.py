"""RestoreRequest: what a restore job carries."""

from dataclasses import dataclass
from pathlib import Path

from bckcore.domain.job import Job
from bckcore.domain.paths import percent_decoded, percent_encoded
from bckcore.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """What a restore job carries."""

    point: str
    folder: Path
    paths: tuple[bytes, ...] = ()

    def payload(self) -> dict[str, object]:
        """As JSON; paths percent-encoded, for they are bytes."""
        return {
            "point": self.point,
            "folder": str(self.folder),
            "paths": [percent_encoded(path) for path in self.paths],
        }

    @classmethod
    def of(cls, job: Job) -> "RestoreRequest":
        """Read a job's payload back. Raises InvalidInputError if it is none of ours."""
        point, folder, paths = (job.payload.get(key) for key in ("point", "folder", "paths"))
        if not (isinstance(point, str) and isinstance(folder, str) and isinstance(paths, list)):
            raise InvalidInputError(f"Job {job.id} does not say what to restore.")
        return cls(
            point=point, folder=Path(folder), paths=tuple(percent_decoded(str(path)) for path in paths)
        )
