"""Walks through trees and records, for a check: what is there, wanted or not."""

import json
import os
import re
from collections.abc import Iterator
from hashlib import sha256

from bck_adapters.storage_fs.errors import ABSENT, reason_of, translated
from bck_adapters.storage_fs.files import read_whole
from bck_adapters.storage_fs.handles import Descent, entries
from bck_adapters.storage_fs.root import CURRENT, HISTORY, PARTIAL, RECEIPTS, WORK, Root, profile_names
from bck_adapters.storage_fs.verify import place_names, sighted
from bckcore.domain import act as acts
from bckcore.domain import receipt as receipts
from bckcore.domain.ids import RunId, SourceName, checked_run_id
from bckcore.domain.paths import RelPath
from bckcore.domain.run import ProfileRef
from bckcore.errors import InvalidInputError, StorageError
from bckcore.ports.verification import Part, RecordKind, Shape, Sighting, Standing, StoredRecord

_NAMES = (
    (RecordKind.RECEIPT, re.compile(r"(\d{6,})\.json")),
    (RecordKind.MANIFEST, re.compile(r"(\d{6,})\.tsv\.gz")),
    (RecordKind.ACT, re.compile(r"act-(\d{6,})\.json")),
)
_PIECE = 1 << 20


class _Walk(Descent):
    KEPT = 64  # while a run goes on beside us, a folder that was opened may move


def walk(root: Root, ref: ProfileRef, source: SourceName, run: RunId | None) -> Iterator[Standing]:
    """See ``StoreVerification.walk``."""
    names = place_names(ref, source, run)
    with translated("walking through stored files", root.place(*names)):
        top = root.find(*names)
        if top is None:
            return
        with _Walk(top) as place:
            yield from _walked(place, run)


def _walked(place: Descent, run: RunId | None) -> Iterator[Standing]:
    waiting = [list[bytes]()]
    yield from _here(place, run, waiting[0])
    while waiting:
        if not waiting[-1]:
            waiting.pop()
            if waiting:
                place.leave()
            continue
        name = waiting[-1].pop()
        try:
            place.enter(name)
        except OSError as exc:
            if exc.errno not in ABSENT:
                yield _closed([*place.names, name], exc, run)
            continue
        waiting.append([])
        yield from _here(place, run, waiting[-1])


def _here(place: Descent, run: RunId | None, folders: list[bytes]) -> Iterator[Standing]:
    """What the folder holds; the folders in it are noted to be entered."""
    try:
        held = sorted(entry.name for entry in entries(place.fd))
    except OSError as exc:
        yield _closed(place.names, exc, run)
        return
    for name in held:
        path = RelPath(b"/".join([*place.names, name]))
        sighting = sighted(place.fd, name, path, run)
        if sighting is None:
            continue
        if sighting.shape is Shape.FOLDER:
            folders.append(name)
        yield Standing(path=path, sighting=sighting)


def _closed(names: list[bytes], exc: OSError, run: RunId | None) -> Standing:
    path = RelPath(b"/".join(names) or b".")
    problem = Sighting(run=run, shape=Shape.UNREADABLE, problem=reason_of(exc), blocked_by=path)
    return Standing(path=path, sighting=problem)


# --- folders of the profile ---------------------------------------------------------------------------


def parts(root: Root, ref: ProfileRef) -> list[Part]:
    """See ``StoreVerification.parts``."""
    with translated("listing folders", root.path):
        found = [Part(run=None, name=name, is_folder=kind) for name, kind in _held(root, CURRENT, ref)]
        for run in _runs(root):
            held = _held(root, HISTORY, ref, run)
            found += [Part(run=run, name=name, is_folder=kind) for name, kind in held]
    return found


def _runs(root: Root) -> list[RunId]:
    runs = []
    for name, is_folder in _listed(root, HISTORY):
        try:
            run = checked_run_id(os.fsdecode(name))
        except InvalidInputError:
            continue
        if is_folder:
            runs.append(run)
    return sorted(runs)


def _held(root: Root, area: str, ref: ProfileRef, *above: str) -> list[tuple[bytes, bool]]:
    return _listed(root, area, *above, *profile_names(ref))


def _listed(root: Root, *names: str) -> list[tuple[bytes, bool]]:
    """Names in a folder, and whether each is a folder."""
    fd = root.find(*names)
    if fd is None:
        return []
    try:
        return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries(fd))
    finally:
        os.close(fd)


def partials(root: Root, ref: ProfileRef) -> list[bytes]:
    """See ``StoreVerification.partials``."""
    with translated("listing partial files", root.place(WORK, PARTIAL)):
        names = [name for name, is_folder in _listed(root, WORK, PARTIAL, *profile_names(ref)) if is_folder]
        return [
            name for name in names if _listed(root, WORK, PARTIAL, *profile_names(ref), os.fsdecode(name))
        ]


# --- records ------------------------------------------------------------------------------------------


def records(root: Root, ref: ProfileRef) -> Iterator[StoredRecord]:
    """See ``StoreVerification.records``."""
    with translated("reading receipts", root.place(RECEIPTS, *profile_names(ref))):
        fd = root.find(RECEIPTS, *profile_names(ref))
        if fd is None:
            return
        try:
            for name in sorted(entry.name for entry in entries(fd)):
                if not name.startswith(b"."):
                    yield _record(fd, ref, name)
        finally:
            os.close(fd)


def _record(folder: int, ref: ProfileRef, name: bytes) -> StoredRecord:
    kind, number = _named(name)
    try:
        ctime = os.stat(name, dir_fd=folder, follow_symlinks=False).st_ctime_ns
        if kind is RecordKind.OTHER:
            return StoredRecord(name=name, kind=kind, ctime_ns=ctime)
        if kind is RecordKind.MANIFEST:
            digest = _sha256(folder, name)
            return StoredRecord(name=name, kind=kind, number=number, sha256=digest, ctime_ns=ctime)
        raw = read_whole(folder, name)
    except OSError as exc:
        return StoredRecord(name=name, kind=kind, number=number, problem=reason_of(exc))
    digest = sha256(raw).hexdigest()
    try:
        receipt = _receipt(ref, number, raw) if kind is RecordKind.RECEIPT else None
        act = _act(ref, number, raw) if kind is RecordKind.ACT else None
    except StorageError as exc:
        return StoredRecord(
            name=name, kind=kind, number=number, sha256=digest, ctime_ns=ctime, problem=exc.what
        )
    return StoredRecord(
        name=name, kind=kind, number=number, sha256=digest, ctime_ns=ctime, receipt=receipt, act=act
    )


def _named(name: bytes) -> tuple[RecordKind, int]:
    for kind, form in _NAMES:
        match = form.fullmatch(os.fsdecode(name))
        if match:
            return kind, int(match[1])
    return RecordKind.OTHER, 0


def _receipt(ref: ProfileRef, number: int, raw: bytes) -> receipts.Receipt:
    receipt = receipts.decoded(raw)
    if (receipt.run.ref, receipt.run.seq) != (ref, number):
        raise StorageError("It names another run")
    document, written = json.loads(raw), json.loads(receipts.encoded(receipt))
    # A field that a release before this one did not write yet may be missing; nothing else may differ.
    form = json.dumps(document, indent=1, sort_keys=True).encode("ascii") + b"\n"
    if raw != form or any(written.get(key, raw) != value for key, value in document.items()):
        raise StorageError("It is not as it was written")
    return receipt


def _act(ref: ProfileRef, number: int, raw: bytes) -> acts.Act:
    act = acts.decoded(raw)
    if (act.ref, act.number) != (ref, number):
        raise StorageError("It names another act")
    if raw != acts.encoded(act):
        raise StorageError("It is not as it was written")
    return act


def _sha256(folder: int, name: bytes) -> str:
    digest = sha256()
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        while piece := os.read(fd, _PIECE):
            digest.update(piece)
    finally:
        os.close(fd)
    return digest.hexdigest()
