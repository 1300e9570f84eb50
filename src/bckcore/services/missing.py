"""Missing: when so much of a source has vanished that a person must be asked; and in which words."""

from collections.abc import Sequence
from dataclasses import dataclass

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.job import Job
from bckcore.domain.paths import ROOT, RelPath, is_below
from bckcore.domain.run import Run, RunOutcome
from bckcore.errors import BckError, ConflictError, ContentForgedError, FilesMissingError, MuchUnreadError

SUSPECT_FROM = 100
"""A source of more paths than this, more than half of which vanished, is suspect."""
_ACCEPT = "accept_missing"


def accepting(accept_missing: bool) -> dict[str, object]:
    """The part of a job's payload that says so."""
    return {_ACCEPT: True} if accept_missing else {}


def accepts_missing(job: Job) -> bool:
    """True if the job takes paths that are missing as gone, however many they are."""
    return job.payload.get(_ACCEPT) is True


def require_accepting(job: Job | None) -> None:
    """Raise ConflictError if this job answers and was not asked to accept what is missing."""
    if job is None or accepts_missing(job):
        return
    if job.status.final:
        raise ConflictError(
            f"The idempotency key belongs to job {job.id}, which did not accept missing files.",
            advice="Ask with another key, or with none.",
        )
    raise ConflictError(
        f"A backup of {job.profile} is {job.status.value} already, and it does not accept missing files.",
        meaning="Your request was not entered.",
        advice=f"Wait for it (bck log {job.id} --follow) or stop it (bck cancel {job.id}), then ask again.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What of a source was not there any more, though it could have been seen."""

    source: SourceName
    paths: int
    hidden: int = 0
    """Those among them that are hidden by files on the PC, or grew above the limit of size."""
    of: int
    """How many paths the source held before, its root included."""
    emptied: bool
    """Nothing but the root is left: so looks a mount point whose disk is not plugged in."""

    @property
    def suspect(self) -> bool:
        """True if it looks like an accident rather than like work."""
        if not self.paths:
            return False
        return self.emptied or (self.of > SUSPECT_FROM and self.paths * 2 > self.of)

    def __str__(self) -> str:
        empty = " (the folder is empty)" if self.emptied else ""
        hidden = f" ({self.hidden} of them hidden by rules or sizes on the PC)" if self.hidden else ""
        return f"{self.source}: {self.paths} of {self.of} paths are missing{empty}{hidden}"


class Topmost:
    """Picks, from missing paths in their order, those that lie in no missing folder met before."""

    def __init__(self) -> None:
        self._folders: list[RelPath] = []
        """Missing folders that may still get something: ``a-b`` sorts between ``a`` and ``a/x``."""

    def takes(self, entry: FileEntry) -> bool:
        """True if no folder above it was taken. A source's root never is: it is no file of anybody's."""
        path = entry.path
        while self._folders and path >= self._folders[-1] + b"0":  # "0" follows "/"
            self._folders.pop()
        if path == ROOT or any(is_below(path, folder) for folder in self._folders):
            return False
        if entry.kind is EntryKind.FOLDER:
            self._folders.append(path)
        return True


def suspicion(profile: ProfileId, missing: Sequence[Missing]) -> FilesMissingError:
    """What a suspect run has to say."""
    return _suspicion(profile, f"{'; '.join(map(str, missing))}.")


def suspicion_of(run: Run) -> FilesMissingError:
    """What a suspect run had to say, from its own record."""
    others = str(_suspicion(run.profile, ""))
    return _suspicion(run.profile, run.error.removesuffix(others).rstrip())


def _suspicion(profile: ProfileId, what: str) -> FilesMissingError:
    return FilesMissingError(
        what,
        meaning="Nothing was marked as deleted; everything kept stays.",
        advice="Look for an unplugged disk or a moved folder. If the files are really gone, "
        f"say so: `bck run accept {profile} --reason TEXT`, or run `bck backup {profile} --accept-missing`.",
    )


def much_unread(profile: ProfileId) -> MuchUnreadError:
    """What a run has to say that could read too little to count as a good backup."""
    return MuchUnreadError(
        "More than a tenth of what was there before could not be read.",
        meaning="What could not be read keeps its last version. This backup does not count as a good one: "
        "the profile gets no fresher by it.",
        advice=f"See what could not be read, and why: `bck run problems {profile}`.",
    )


def error_of(run: Run) -> BckError | None:
    """What a backup that came to its end had to say, from its own record; None if it had nothing to say."""
    if run.error_code == ContentForgedError.code:
        return ContentForgedError(run.error)
    if run.outcome is RunOutcome.SUSPECT:
        return suspicion_of(run)
    return much_unread(run.profile) if run.error_code == MuchUnreadError.code else None


def acceptance(missing: Missing, *, by: str) -> str:
    """The line in the log of a run that takes them as deleted."""
    return f"{missing}. They count as deleted from now on, as {by} asked; earlier points keep them."
