"""Attempts: fresh folders for each start of a transport, and the fold of what it displaced."""

import json
import os
from contextlib import suppress

from bck_adapters.storage_fs.errors import ABSENT, NO_ROOM, storage_error, translated
from bck_adapters.storage_fs.files import read_whole, write_new
from bck_adapters.storage_fs.handles import (
    Descent,
    clear_folder,
    is_folder,
    make_folder,
    open_folder,
    remove_if_hollow,
    remove_tree,
)
from bck_adapters.storage_fs.pour import Counts, Pour
from bck_adapters.storage_fs.root import (
    ATTEMPTS,
    CURRENT,
    HISTORY,
    PARTIAL,
    WORK,
    Root,
    increment_names,
    source_names,
)
from bckcore.domain.ids import HostId, ProfileId, RunId, SourceName, checked_run_id
from bckcore.domain.json_text import parsed_json
from bckcore.domain.run import ProfileRef
from bckcore.errors import InvalidInputError, StorageError
from bckcore.ports.storage import AttemptDirs, FoldReport

DISPLACED = "d"
TEMPORARY = "t"
WORKING = "w"
ORDER = "order.json"
_ORDER_NEW = "order.json.new"


class Attempts:
    """The attempt folders below ``.work/a``. Their names are short: displaced paths get longer by them."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def begin(self, ref: ProfileRef, run: RunId, source: SourceName) -> AttemptDirs:
        """Make the folders of a new attempt; its record is on disk before this returns."""
        names = source_names(ref, source)
        order = {"host": ref.host, "profile": ref.profile, "run": checked_run_id(run), "source": source}
        with translated("beginning an attempt", self._root.place(WORK, ATTEMPTS)):
            for area in ((CURRENT,), (WORK, PARTIAL)):
                os.close(self._root.make(*area, *names))
            area_fd = self._root.make(WORK, ATTEMPTS)
            try:
                number = max(_numbers(area_fd), default=0) + 1
                while not _begun(area_fd, number, json.dumps(order).encode("ascii")):
                    number += 1
            finally:
                os.close(area_fd)
        return self._dirs(number, ref, run, source)

    def _dirs(self, number: int, ref: ProfileRef, run: RunId, source: SourceName) -> AttemptDirs:
        names = source_names(ref, source)
        folder = self._root.place(WORK, ATTEMPTS, str(number))
        return AttemptDirs(
            number=number,
            ref=ref,
            run=run,
            source=source,
            destination=self._root.place(CURRENT, *names),
            displaced_dir=folder / DISPLACED,
            partial_dir=self._root.place(WORK, PARTIAL, *names),
            temp_dir=folder / TEMPORARY,
            work_dir=folder / WORKING,
        )

    def unfolded(self, ref: ProfileRef) -> list[AttemptDirs]:
        """Attempts of the profile that were begun and not folded, oldest first."""
        found = []
        with translated("looking for attempts", self._root.place(WORK, ATTEMPTS)):
            area_fd = self._root.make(WORK, ATTEMPTS)
            try:
                for number in sorted(_numbers(area_fd)):
                    order = self._order(area_fd, number)
                    if order is not None and order[0] == ref:
                        found.append(self._dirs(number, *order))
            finally:
                os.close(area_fd)
        return found

    def of_host(self, host: HostId) -> list[int]:
        """Numbers of all attempts, of any profile of the host, that are not removed."""
        with translated("looking for attempts", self._root.place(WORK, ATTEMPTS)):
            area_fd = self._root.make(WORK, ATTEMPTS)
            try:
                orders = {number: self._order(area_fd, number) for number in _numbers(area_fd)}
            finally:
                os.close(area_fd)
        return [number for number, order in orders.items() if order is not None and order[0].host == host]

    def _order(self, area_fd: int, number: int) -> tuple[ProfileRef, RunId, SourceName] | None:
        """What the attempt was for; None if it never began or is over."""
        try:
            fd = open_folder(str(number).encode(), area_fd)
        except FileNotFoundError:
            return None
        try:
            raw = read_whole(fd, ORDER)
        except FileNotFoundError:
            return None
        finally:
            os.close(fd)
        place = self._root.place(WORK, ATTEMPTS, str(number), ORDER)
        try:
            order = parsed_json(raw)
            ref = ProfileRef(host=HostId(order["host"]), profile=ProfileId(order["profile"]))
            source_names(ref, order["source"])
            return ref, checked_run_id(order["run"]), SourceName(order["source"])
        except (ValueError, KeyError, TypeError, InvalidInputError) as exc:
            raise StorageError(
                f"The record of an attempt is damaged: {place}.",
                meaning=f"What the attempt displaced lies in {place.parent / DISPLACED}.",
                advice="Write the record again (host, profile, run, source as JSON), or move it away.",
            ) from exc

    def keep_displaced(self, attempt: AttemptDirs, *, gives_back: bool = False) -> FoldReport:
        """Pour what the attempt displaced into the run's increment; its folder stays, empty."""
        number = str(attempt.number)
        with translated("folding an attempt", attempt.displaced_dir):
            fd = self._root.find(WORK, ATTEMPTS, number, DISPLACED, usable=True)
            if fd is None:
                return FoldReport()
            with Descent(fd, usable=True) as origin:
                try:
                    counts = self._pour(attempt, origin, gives_back=gives_back)
                except OSError as exc:
                    if exc.errno in NO_ROOM:
                        self._drop_hollow(attempt)
                    here = b"/".join([os.fsencode(attempt.displaced_dir), *origin.names])
                    raise storage_error(exc, "folding an attempt", here) from exc
        return FoldReport(moved=counts.moved, freed=counts.freed, given_back=counts.given_back)

    def _drop_hollow(self, attempt: AttemptDirs) -> None:
        """Give back the room of folders that were made for nothing: it may be all that a prune needs."""
        *above, name = increment_names(attempt.ref, attempt.run)
        parent = self._root.find(*above, usable=True)
        if parent is not None:
            try:
                if is_folder(name.encode(), parent):
                    remove_if_hollow(parent, name.encode())
            finally:
                os.close(parent)
        self._root.drop_empty(*above)

    def _pour(self, attempt: AttemptDirs, origin: Descent, *, gives_back: bool) -> Counts:
        names = source_names(attempt.ref, attempt.source)
        prefix = [*increment_names(attempt.ref, attempt.run)[1:], names[-1]]
        current = self._root.make(CURRENT, *names)
        with Descent(current) as twin, Descent(self._root.make(HISTORY), usable=True) as goal:
            return Pour(
                origin,
                goal,
                prefix=[name.encode() for name in prefix],
                origin_wins=False,
                twin=twin,
                gives_back=gives_back,
            ).run()

    def clear(self, attempt: AttemptDirs) -> None:
        """Remove the attempt's temporary and working files, which nobody needs any more."""
        with translated("removing an attempt's files", attempt.work_dir.parent):
            fd = self._root.find(WORK, ATTEMPTS, str(attempt.number), usable=True)
            if fd is None:
                return
            try:
                for folder in (TEMPORARY, WORKING):
                    remove_tree(fd, folder.encode())
            finally:
                os.close(fd)

    def displaced(self, ref: ProfileRef, source: SourceName) -> list[tuple[str, ...]]:
        """Where attempts that are not folded hold what they displaced of the source, oldest first."""
        left = (one.number for one in self.unfolded(ref) if one.source == source)
        return [(WORK, ATTEMPTS, str(number), DISPLACED) for number in left]

    def remove(self, attempt: AttemptDirs) -> None:
        """Remove the attempt's folders, its record last. What it displaced must be kept already."""
        number = str(attempt.number).encode()
        with translated("removing an attempt", attempt.work_dir.parent):
            area_fd = self._root.make(WORK, ATTEMPTS)
            try:
                _removed(area_fd, number)
            finally:
                os.close(area_fd)

    def sweep(self) -> None:
        """Remove what is left of attempts that never began or were all but removed."""
        with translated("tidying up attempts", self._root.place(WORK, ATTEMPTS)):
            area_fd = self._root.make(WORK, ATTEMPTS)
            try:
                for number in _numbers(area_fd):
                    # Harmless to an attempt that begins right now: it then takes the next number.
                    with suppress(OSError):
                        _swept(area_fd, str(number).encode())
            finally:
                os.close(area_fd)

    def free_space(self, ref: ProfileRef, source: SourceName) -> None:
        """Remove the source's partial files; their folder stays."""
        names = source_names(ref, source)
        with translated("removing partial files", self._root.place(WORK, PARTIAL, *names)):
            fd = self._root.find(WORK, PARTIAL, *names, usable=True)
            if fd is not None:
                clear_folder(fd)


def _numbers(area_fd: int) -> list[int]:
    return [int(name) for name in os.listdir(area_fd) if name.isdecimal() and name.isascii()]


def _begun(area_fd: int, number: int, order: bytes) -> bool:
    """Make the folders of attempt ``number``; False if the number is taken."""
    name = str(number).encode()
    try:
        os.mkdir(name, 0o700, dir_fd=area_fd)
    except FileExistsError:
        return False
    try:
        fd = open_folder(name, area_fd, usable=True)
        try:
            write_new(fd, ORDER, _ORDER_NEW, order)
            for folder in (DISPLACED, TEMPORARY, WORKING):
                os.close(make_folder(folder.encode(), fd))
            os.fsync(fd)
        finally:
            os.close(fd)
    except FileNotFoundError:
        return False  # another process tidied the folder away before the record stood in it
    os.fsync(area_fd)
    return True


def _removed(area_fd: int, number: bytes) -> None:
    try:
        fd = open_folder(number, area_fd, usable=True)
    except FileNotFoundError:
        return
    try:
        with suppress(FileNotFoundError):
            os.rmdir(DISPLACED, dir_fd=fd)
        for folder in (TEMPORARY, WORKING):
            remove_tree(fd, folder.encode())
        with suppress(FileNotFoundError):
            os.unlink(ORDER, dir_fd=fd)
    finally:
        os.close(fd)
    os.rmdir(number, dir_fd=area_fd)


def _swept(area_fd: int, number: bytes) -> None:
    fd = open_folder(number, area_fd)
    try:
        if ORDER in os.listdir(fd):
            return
        with suppress(FileNotFoundError):
            os.unlink(_ORDER_NEW, dir_fd=fd)
    except OSError as exc:
        if exc.errno not in ABSENT:
            raise
    finally:
        os.close(fd)
    os.rmdir(number, dir_fd=area_fd)
