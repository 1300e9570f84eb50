"""Receipts and manifests on disk, ``.receipts/<host>/<profile>/<seq>.json`` and ``.tsv.gz``."""

import gzip
import io
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import islice

from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.files import open_new, put_in_place, read_whole, write_new
from bck_adapters.storage_fs.guides import keep_guides_current
from bck_adapters.storage_fs.root import RECEIPTS, Root, profile_names
from bck_adapters.storage_fs.syncing import Syncs
from bckcore.domain import act as acts
from bckcore.domain import receipt as receipts
from bckcore.domain.act import Act
from bckcore.domain.manifest import Change, ManifestInfo, decoded_line, encoded_line
from bckcore.domain.receipt import Receipt
from bckcore.domain.run import ProfileRef
from bckcore.errors import ConflictError, NotFoundError, StorageError
from bckcore.ports.records import RecordNumbers

_HEADER = "# bck-manifest 1 {seq} {base}\n"
_LINES_AT_ONCE = 1000
_RECEIPT = re.compile(r"(\d{6,})\.json")
_MANIFEST = re.compile(r"(\d{6,})\.tsv\.gz")
_ACT = re.compile(r"act-(\d{6,})\.json")
_PLAN = "plan.json"
_CHUNK = 1 << 20


class Records:
    """The receipts and manifests of all profiles."""

    def __init__(self, root: Root, syncs: Syncs) -> None:
        self._root = root
        self._syncs = syncs

    # --- manifests ---------------------------------------------------------------------------------

    def write_manifest(
        self, ref: ProfileRef, *, seq: int, base: int | None, changes: Iterable[Change]
    ) -> ManifestInfo:
        """Write a manifest durably, streaming."""
        name = f"{seq:06d}.tsv.gz"
        with translated("writing a manifest", self._root.place(RECEIPTS, *profile_names(ref), name)):
            folder = self._root.make(RECEIPTS, *profile_names(ref), durable=True)
            try:
                temporary = f".{name}.new"
                with os.fdopen(open_new(folder, temporary), "wb") as file:
                    sink = _Hashing(file)
                    lines = _write_lines(sink, _HEADER.format(seq=seq, base=base or "-"), changes)
                    file.flush()
                    os.fsync(file.fileno())
                put_in_place(folder, temporary, name)
            finally:
                os.close(folder)
        return ManifestInfo(seq=seq, base=base, sha256=sink.digest.hexdigest(), lines=lines)

    def read_manifest(self, ref: ProfileRef, seq: int) -> Iterator[Change]:
        """The changes of a manifest, streaming."""
        place = self._root.place(RECEIPTS, *profile_names(ref), f"{seq:06d}.tsv.gz")
        with translated("reading a manifest", place), os.fdopen(self._opened(ref, place.name), "rb") as file:
            try:
                with gzip.GzipFile(fileobj=file, mode="rb") as packed:
                    lines = io.TextIOWrapper(packed, encoding="ascii", newline="\n")
                    if not next(lines, "").startswith(f"# bck-manifest 1 {seq} "):
                        raise StorageError(f"The manifest {place} does not begin as a manifest does.")
                    for line in lines:
                        yield decoded_line(line)
            except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as exc:
                raise StorageError(
                    f"The manifest {place} is damaged: {exc}.",
                    meaning="The catalog cannot be rebuilt from it; what the catalog knows is unharmed.",
                    advice="Bring the file back from a copy of the backup storage.",
                ) from exc

    def manifest_digest(self, ref: ProfileRef, seq: int) -> str:
        """SHA-256 of the compressed file."""
        found = sha256()
        place = self._root.place(RECEIPTS, *profile_names(ref), f"{seq:06d}.tsv.gz")
        with translated("reading a manifest", place), os.fdopen(self._opened(ref, place.name), "rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
        return found.hexdigest()

    def _opened(self, ref: ProfileRef, name: str) -> int:
        folder = self._root.find(RECEIPTS, *profile_names(ref))
        try:
            if folder is None:
                raise FileNotFoundError
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except FileNotFoundError:
            raise NotFoundError(f"Profile {ref.profile} has no record {name}.") from None
        finally:
            if folder is not None:
                os.close(folder)

    def _whole(self, ref: ProfileRef, name: str) -> bytes:
        place = self._root.place(RECEIPTS, *profile_names(ref), name)
        with translated(f"reading {name}", place), os.fdopen(self._opened(ref, name), "rb") as file:
            return file.read()

    # --- what is there -----------------------------------------------------------------------------

    def numbers(self, ref: ProfileRef) -> RecordNumbers:
        """Numbers of the records that stand there by name, readable or not."""
        with translated("listing receipts", self._root.place(RECEIPTS, *profile_names(ref))):
            folder = self._root.find(RECEIPTS, *profile_names(ref))
            if folder is None:
                return RecordNumbers()
            try:
                names = os.listdir(folder)
            finally:
                os.close(folder)
        found = (
            tuple(sorted(int(match[1]) for name in names if (match := form.fullmatch(name))))
            for form in (_RECEIPT, _MANIFEST, _ACT)
        )
        return RecordNumbers(*found)

    def set_aside(self, ref: ProfileRef, *, receipt: int | None = None, act: int | None = None) -> None:
        """Rename an unreadable receipt or act, so that its number can be used again."""
        name = f"{receipt:06d}.json" if receipt is not None else f"act-{act:06d}.json"
        with translated(f"setting {name} aside", self._root.place(RECEIPTS, *profile_names(ref), name)):
            folder = self._root.find(RECEIPTS, *profile_names(ref))
            if folder is None:
                return
            try:
                aside = f"{name}.damaged"
                while aside in os.listdir(folder):
                    aside += "+"
                with suppress(FileNotFoundError):
                    put_in_place(folder, name, aside)
            finally:
                os.close(folder)

    # --- the plan ----------------------------------------------------------------------------------

    def write_plan(self, ref: ProfileRef, raw: bytes) -> None:
        """Replace the profile's plan durably."""
        with translated(f"writing {_PLAN}", self._root.place(RECEIPTS, *profile_names(ref), _PLAN)):
            folder = self._root.make(RECEIPTS, *profile_names(ref), durable=True)
            try:
                write_new(folder, _PLAN, f".{_PLAN}.new", raw)
            finally:
                os.close(folder)

    def read_plan(self, ref: ProfileRef) -> bytes | None:
        """The profile's plan as it was written; None if there is none."""
        try:
            return self._whole(ref, _PLAN)
        except NotFoundError:
            return None

    # --- receipts ----------------------------------------------------------------------------------

    def settle(self, ref: ProfileRef) -> None:
        """Sync the whole storage."""
        with translated("writing everything to disk", self._root.path):
            self._syncs.sync(ref)

    def write_receipt(self, receipt: Receipt, *, settled: bool = False) -> str:
        """Sync the whole storage, then write the receipt durably; return its digest."""
        raw = receipts.encoded(receipt)
        self._write_once(receipt.run.ref, f"{receipt.run.seq:06d}.json", raw, sync=not settled)
        keep_guides_current(self._root)
        return receipts.digest(raw)

    def _write_once(self, ref: ProfileRef, name: str, raw: bytes, *, sync: bool = True) -> None:
        """Sync the whole storage, then write the document durably, unless it stands there already."""
        with translated(f"writing {name}", self._root.place(RECEIPTS, *profile_names(ref), name)):
            if sync:
                self._syncs.sync(ref)
            folder = self._root.make(RECEIPTS, *profile_names(ref), durable=True)
            try:
                if not _stands(folder, name, raw):
                    write_new(folder, name, f".{name}.new", raw)
            finally:
                os.close(folder)

    def receipts(self, ref: ProfileRef, *, after_seq: int = 0) -> Iterator[tuple[Receipt, str]]:
        """Receipts with their digests, by number."""
        for seq, raw in self._documents(ref, _RECEIPT, after_seq):
            yield _checked(ref, seq, raw), receipts.digest(raw)

    def read_receipt(self, ref: ProfileRef, seq: int) -> tuple[Receipt, str]:
        """One receipt with its digest."""
        raw = self._whole(ref, f"{seq:06d}.json")
        return _checked(ref, seq, raw), receipts.digest(raw)

    def _documents(self, ref: ProfileRef, form: re.Pattern[str], after: int) -> Iterator[tuple[int, bytes]]:
        """Numbers above ``after`` and contents of the documents whose names are of that form, in order."""
        with translated("reading receipts", self._root.place(RECEIPTS, *profile_names(ref))):
            folder = self._root.find(RECEIPTS, *profile_names(ref))
            if folder is None:
                return
            try:
                found = {
                    int(match[1]): match[0] for name in os.listdir(folder) if (match := form.fullmatch(name))
                }
                for number in sorted(number for number in found if number > after):
                    yield number, read_whole(folder, found[number])
            finally:
                os.close(folder)

    # --- acts --------------------------------------------------------------------------------------

    def write_act(self, act: Act) -> str:
        """Write the act durably; return its digest."""
        raw = acts.encoded(act)
        # Without syncing the whole: an act speaks of nothing that was just written, and the caller's
        # transaction, which keeps every other writer waiting, is open.
        self._write_once(act.ref, f"act-{act.number:06d}.json", raw, sync=False)
        return acts.digest(raw)

    def acts(self, ref: ProfileRef, *, after: int = 0) -> Iterator[tuple[Act, str]]:
        """Acts with their digests, by number."""
        for number, raw in self._documents(ref, _ACT, after):
            yield _checked_act(ref, number, raw), acts.digest(raw)

    def read_act(self, ref: ProfileRef, number: int) -> tuple[Act, str]:
        """One act with its digest."""
        raw = self._whole(ref, f"act-{number:06d}.json")
        return _checked_act(ref, number, raw), acts.digest(raw)


class _Hashing:
    """A sink that digests what goes through it."""

    def __init__(self, file: io.BufferedWriter) -> None:
        self._file = file
        self.digest = sha256()

    def write(self, data: bytes) -> int:
        """Take the bytes."""
        self.digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Pass on what is buffered."""
        self._file.flush()


def _write_lines(sink: _Hashing, header: str, changes: Iterable[Change]) -> int:
    """Write the compressed lines; same changes, same bytes. Returns how many there were."""
    count, rest = 0, iter(changes)
    with gzip.GzipFile(filename="", fileobj=sink, mode="wb", mtime=0, compresslevel=6) as packed:
        packed.write(header.encode("ascii"))
        while batch := [encoded_line(change) for change in islice(rest, _LINES_AT_ONCE)]:
            packed.write("".join(batch).encode("ascii"))
            count += len(batch)
    return count


def _stands(folder: int, name: str, raw: bytes) -> bool:
    """True if the same receipt is there already. Raises ConflictError if another one is."""
    try:
        there = read_whole(folder, name)
    except FileNotFoundError:
        return False
    if there != raw:
        raise ConflictError(
            f"Another receipt {name} exists already.",
            meaning="A run or act of this number was completed before; receipts are never replaced.",
            advice="Bring back the newest copy of the database: this one has fallen behind the storage.",
        )
    return True


def _checked(ref: ProfileRef, seq: int, raw: bytes) -> Receipt:
    receipt = receipts.decoded(raw)
    if receipt.run.ref != ref or receipt.run.seq != seq:
        raise _moved(f"Receipt {seq:06d} of profile {ref.profile} on host {ref.host} names another run.")
    return receipt


def _checked_act(ref: ProfileRef, number: int, raw: bytes) -> Act:
    act = acts.decoded(raw)
    if (act.ref, act.number) != (ref, number):
        raise _moved(f"Act {number} of profile {ref.profile} on host {ref.host} names another one.")
    return act


def _moved(what: str) -> StorageError:
    return StorageError(
        what,
        meaning="Somebody moved or changed files below .receipts.",
        advice="Bring the file back from a copy of the backup storage.",
    )
