"""Verification: the part of FsStorage that checks ask. It only looks."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bck_adapters.storage_fs import scratch, verify, verify_reading, verify_strays, verify_walk
from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.root import CURRENT, Root, source_names
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.run import ProfileRef
from bckcore.ports.verification import OpenedFile, Part, Sighting, Standing, StoredRecord


class FsVerification:
    """See the port for every promise."""

    _root: Root

    def sightings(
        self, ref: ProfileRef, source: SourceName, increments: Sequence[RunId], paths: Iterable[RelPath]
    ) -> Iterator[tuple[RelPath, Sequence[Sighting]]]:
        """What stands at each path, in increments and in ``current``."""
        return verify.Looks(self._root, ref, source, increments).run(paths)

    def open_file(
        self, ref: ProfileRef, source: SourceName, run: RunId | None, path: RelPath
    ) -> OpenedFile | None:
        """Open a plain file to read it."""
        return verify_reading.open_file(self._root, ref, source, run, path)

    def walk(self, ref: ProfileRef, source: SourceName, run: RunId | None) -> Iterator[Standing]:
        """Everything below a source in ``current`` or an increment."""
        return verify_walk.walk(self._root, ref, source, run)

    def parts(self, ref: ProfileRef) -> Sequence[Part]:
        """What stands in the profile's folders."""
        return verify_walk.parts(self._root, ref)

    def partials(self, ref: ProfileRef) -> Sequence[bytes]:
        """Names of sources that keep partial files."""
        return verify_walk.partials(self._root, ref)

    def records(self, ref: ProfileRef) -> Iterator[StoredRecord]:
        """Every file of the profile below ``.receipts``."""
        return verify_walk.records(self._root, ref)

    def strays(self, known: Collection[ProfileRef]) -> Sequence[bytes]:
        """What stands outside the folders of these profiles."""
        return verify_strays.strays(self._root, known)

    def runs_aside(self) -> int:
        """How many runs set harmed files aside."""
        return verify_strays.runs_aside(self._root)

    def scratch(self, ref: ProfileRef) -> AbstractContextManager[Path]:
        """A fresh folder below ``.work`` for this use, gone afterwards."""
        return scratch.scratch(self._root, ref)

    def current_folder(self, ref: ProfileRef, source: SourceName) -> Path | None:
        """The source's folder in ``current``, if it is there."""
        names = (CURRENT, *source_names(ref, source))
        with translated("looking for a folder", self._root.place(*names)):
            fd = self._root.find(*names)
            if fd is None:
                return None
            os.close(fd)
        return self._root.place(*names)

    def scratch_file(self, folder: Path, path: RelPath) -> tuple[FileEntry, OpenedFile | None] | None:
        """What stands below a scratch folder."""
        return verify_reading.scratch_file(folder, path)
