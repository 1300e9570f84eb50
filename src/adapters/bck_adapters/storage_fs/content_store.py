"""The part of FsStorage that gives back what it holds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from bck_adapters.storage_fs.attempts import Attempts
from bck_adapters.storage_fs.content import Content
from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.extraction import Extraction
from bck_adapters.storage_fs.origins import Origins
from bck_adapters.storage_fs.preview import Preview
from bck_adapters.storage_fs.reading import Reader
from bck_adapters.storage_fs.root import Root
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.run import ProfileRef
from bckcore.ports.extraction import ContentReader, ExtractWatcher, Placed, Placement, Wanted


class FsContentStore:
    """ContentStore over a root; the port's docstrings hold."""

    _root: Root
    _attempts: Attempts

    def extract(
        self,
        ref: ProfileRef,
        source: SourceName,
        wanted: Iterable[Wanted],
        increments: Sequence[RunId],
        placement: Placement,
        watcher: ExtractWatcher,
    ) -> None:
        """Write what is wanted into a folder, durably at the end."""
        with self._origins(ref, source, increments, watcher.moved) as origins:
            Extraction(origins, placement, watcher).run(wanted)

    def examine(
        self,
        ref: ProfileRef,
        source: SourceName,
        wanted: Iterable[Wanted],
        increments: Sequence[RunId],
        placement: Placement,
    ) -> Iterator[Placed]:
        """What :meth:`extract` would do."""
        with self._origins(ref, source, increments) as origins:
            yield from Preview(origins, placement).run(wanted)

    @contextmanager
    def reading(
        self, ref: ProfileRef, source: SourceName, increments: Sequence[RunId]
    ) -> Iterator[ContentReader]:
        """Read files one after the other."""
        with self._origins(ref, source, increments) as origins:
            yield Reader(origins)

    @contextmanager
    def _origins(
        self,
        ref: ProfileRef,
        source: SourceName,
        increments: Sequence[RunId],
        tick: Callable[[int], None] = lambda _: None,
    ) -> Iterator[Origins]:
        unfolded = self._attempts.displaced(ref, source)
        content = Content(self._root, ref, source, increments, unfolded=unfolded)
        with translated("looking for increments", self._root.path):
            content.prepare()
        with content:
            yield Origins(content, tick)
