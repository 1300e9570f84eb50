"""FsHistoryEdits: the part of FsStorage that undoes and forgets."""

from collections.abc import Callable, Iterable, Sequence

from bck_adapters.storage_fs import staging
from bck_adapters.storage_fs.attempts import DISPLACED, TEMPORARY, Attempts
from bck_adapters.storage_fs.content import Content
from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.handles import Descent
from bck_adapters.storage_fs.origins import Origins
from bck_adapters.storage_fs.putback import PutBack
from bck_adapters.storage_fs.removal import Removal
from bck_adapters.storage_fs.root import ATTEMPTS, CURRENT, WORK, Root, source_names
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.run import ProfileRef
from bckcore.domain.transfer import PathProblem
from bckcore.ports.put_back import PutBackReport, StepBack, StoredPlace
from bckcore.ports.storage import AttemptDirs


class FsHistoryEdits:
    """The port's docstrings hold."""

    _root: Root
    _attempts: Attempts

    def put_back(
        self,
        attempt: AttemptDirs,
        steps: Iterable[StepBack],
        increments: Sequence[RunId],
        *,
        trusted: bool,
        on_problem: Callable[[PathProblem], None],
    ) -> PutBackReport:
        """Bring the attempt's source in ``current`` back to an earlier state."""
        names = source_names(attempt.ref, attempt.source)
        area = (WORK, ATTEMPTS, str(attempt.number))
        unfolded = self._attempts.displaced(attempt.ref, attempt.source)  # its own is empty yet
        content = Content(self._root, attempt.ref, attempt.source, increments, unfolded=unfolded)
        with translated("going back to an earlier state", attempt.destination):
            content.prepare()
            with (
                content,
                Descent(self._root.make(CURRENT, *names), usable=True) as current,
                Descent(self._root.make(*area, DISPLACED)) as displaced,
                Descent(self._root.make(*area, TEMPORARY)) as temporary,
            ):
                work = PutBack(
                    Origins(content),
                    current,
                    displaced,
                    temporary.fd,
                    trusted=trusted,
                    on_problem=on_problem,
                )
                return work.run(steps)

    def places_of(self, ref: ProfileRef, source: SourceName, path: RelPath) -> Sequence[StoredPlace]:
        """Where anything at or below the path is held."""
        return Removal(self._root, ref, source, path).places()

    def remove_path(self, ref: ProfileRef, source: SourceName, path: RelPath) -> Sequence[StoredPlace]:
        """Remove the path, and all below it, from everywhere."""
        removed = Removal(self._root, ref, source, path).remove()
        self._attempts.free_space(ref, source)
        staging.clear(self._root, ref)
        return removed
