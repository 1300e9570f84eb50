"""FileHeadKeeper: a small file in the home folder, and a line in the log for every entry."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bckcore.domain.audit import Entry, Head, advanced
from bckcore.errors import StorageError

log = logging.getLogger("bck.audit")

LONGEST = 4096


class FileHeadKeeper:
    """HeadKeeper. The file is replaced whole, so it is the old one or the new one after a crash."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def remember(self, entries: Sequence[Entry], chain: Sequence[Head]) -> None:
        """See the port."""
        if not entries:
            return
        for entry in entries:
            _tell(entry)
        try:
            self._note(entries[-1].head, chain)
        except (OSError, StorageError) as exc:
            log.error(
                "the end of the audit log could not be noted in %s: %s", self._file, exc
            )  # no trace wanted

    def _note(self, newest: Head, chain: Sequence[Head]) -> None:
        with self._alone():
            known, strayed = self._read()
            if chain and (head := advanced(known, chain)) is not None:
                self._write(head, strayed)
            elif not chain and known is not None and strayed is None:
                self._write(known, newest)

    def _write(self, head: Head, strayed: Head | None) -> None:
        document: dict[str, object] = _document(head)
        if strayed is not None:
            document["strayed"] = _document(strayed)
        temp = self._file.with_name(f"{self._file.name}.new")
        handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(document).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temp.replace(self._file)

    def remembered(self) -> Head | None:
        """See the port."""
        return self._read()[0]

    def strayed(self) -> Head | None:
        """See the port."""
        return self._read()[1]

    def _read(self) -> tuple[Head | None, Head | None]:
        """What is remembered, and what strayed from it."""
        try:
            with self._file.open("rb") as file:
                document = json.loads(file.read(LONGEST))
            strayed = document.get("strayed")
            return _head(document), None if strayed is None else _head(strayed)
        except FileNotFoundError:
            return None, None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise StorageError(
                f"{self._file} cannot be read ({type(exc).__name__}).",
                meaning="It holds the newest entry of the audit log; without it a cut-off end does not show.",
                advice="Find out who changed it. 'bck audit verify --head' takes a number and digest "
                "from the server's log instead.",
            ) from exc

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process and thread at a time."""
        lock = self._file.with_name(f"{self._file.name}.lock")
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _document(head: Head) -> dict[str, object]:
    return {"number": head.number, "digest": head.digest}


def _head(document: dict[str, Any]) -> Head:
    head = Head(number=document["number"], digest=document["digest"])
    if type(head.number) is not int or not isinstance(head.digest, str):
        raise TypeError("no head")
    return head


def _tell(entry: Entry) -> None:
    deed, head = entry.deed, entry.head
    fields = {
        "number": head.number,
        "digest": head.digest,
        "action": deed.action.value,
        "outcome": deed.outcome.value,
        "who": deed.actor.name,
        "origin": deed.actor.origin.value,
        "address": deed.actor.address,
    }
    log.info("audit", extra=fields)
