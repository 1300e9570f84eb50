"""Work on a catalog of a given size, in a process of its own; prints seconds per step and peak memory.

Started as ``python -m tests.integration.sql.scale DATABASE_URL FILES``.
"""

import json
import sys
import time
from collections.abc import Iterator

from bck_adapters.clock import SystemClock
from bck_adapters.sql import sql_database
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath
from tests.support.peak import peak_mb

P, S = ProfileId("docs"), SourceName("docs")


def path(number: int) -> RelPath:
    return RelPath(b"folder%04d/sub%02d/file-%07d.txt" % (number // 1000, number // 100 % 10, number))


def changes(count: int) -> Iterator[Change]:
    for number in range(count):
        times = 1_700_000_000_000_000_000 + number
        entry = FileEntry(
            path(number), EntryKind.FILE, 0o644, 1000, 1000, times, number, b"", b"0123456789abcdef"
        )
        yield Change(S, ChangeOp.ADDED, entry)


def timed(found, name, step):
    begun = time.monotonic()
    result = step()
    found[name] = time.monotonic() - begun
    return result


def main(url, count):
    database = sql_database(url, SystemClock())
    database.migrate()
    found: dict[str, object] = {}
    with database.units() as uow:
        timed(found, "apply", lambda: uow.catalog.apply(P, 1, changes(count)))
        timed(found, "commit", uow.commit)
    with database.units(read_only=True) as uow:
        seen = (path(number) for number in range(1, count))
        gone = timed(found, "unseen", lambda: sum(1 for _ in uow.catalog.unseen(P, S, seen)))
        asked = (path(number) for number in range(count + 1))
        new = timed(found, "unknown", lambda: sum(1 for _ in uow.catalog.unknown(P, S, asked)))
        whole = timed(found, "entries", lambda: sum(1 for _ in uow.catalog.entries(P, 1, S)))
        below = [RelPath(b"folder0003/sub01")]
        part = timed(found, "folder", lambda: sum(1 for _ in uow.catalog.entries(P, 1, S, below)))
    database.close()
    found["counts"] = [gone, new, whole, part]
    found["peak_mb"] = peak_mb()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
