"""Rebuild a profile of a given size on a new database; prints seconds and peak memory.

Started as ``python -m tests.integration.sql.rebuild_scale FOLDER DATABASE_URL FILES``.
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bck_adapters.clock import SystemClock
from bck_adapters.sql import sql_database
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import HostId, JobId, ProfileId, SourceName, new_run_id
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath
from bckcore.domain.receipt import Receipt
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import ProfileRef, Run, RunOutcome
from bckcore.services.ledger import Ledger
from bckcore.services.rebuild import Rebuild
from bckcore.services.recovery import Recovery
from tests.support.peak import peak_mb

REF = ProfileRef(host=HostId("pc1"), profile=ProfileId("docs"))
S = SourceName("docs")


def entry(number, seq):
    path = RelPath(b"folder%04d/sub%02d/file-%07d.txt" % (number // 1000, number // 100 % 10, number))
    times = 1_700_000_000_000_000_000 + number + seq
    return FileEntry(path, EntryKind.FILE, 0o644, 1000, 1000, times, number, b"", b"0123456789abcdef")


def write_run(storage, seq, changes, base, previous):
    manifest = storage.write_manifest(REF, seq=seq, base=base, changes=changes)
    at = datetime(2026, 1, seq, tzinfo=UTC)
    run = Run(
        id=new_run_id(at, b"abcd"),
        profile=REF.profile,
        host=REF.host,
        job=JobId("job"),
        seq=seq,
        started=at,
        finished=at,
        outcome=RunOutcome.SUCCEEDED,
        made_point=True,
    )
    receipt = Receipt(
        run=run,
        counted=Counted.COUNTED,
        manifest=manifest,
        head=seq,
        depth=seq - 1,
        filters=(),
        previous=previous,
    )
    return storage.write_receipt(receipt)


def history(storage, count):
    """A first run of everything, then runs that change a tenth of it."""
    added = (Change(S, ChangeOp.ADDED, entry(number, 1)) for number in range(count))
    previous = write_run(storage, 1, added, None, "")
    for seq in (2, 3):
        changed = (Change(S, ChangeOp.CONTENT, entry(number, seq)) for number in range(seq, count, 10))
        previous = write_run(storage, seq, changed, seq - 1, previous)


def main(folder, url, count):
    storage = FsStorage(Path(folder) / "store")
    storage.prepare()
    history(storage, count)
    clock = SystemClock()
    database = sql_database(url, clock)
    database.migrate()
    ledger = Ledger(units=database.units, storage=storage)
    recovery = Recovery(storage=storage, clock=clock, ledger=ledger)
    rebuild = Rebuild(units=database.units, storage=storage, recovery=recovery, clock=clock)
    begun = time.monotonic()
    report = rebuild.rebuild(REF)
    found = {"seconds": time.monotonic() - begun, "points": report.points}
    with database.units(read_only=True) as uow:
        state = uow.catalog.source_states(REF.profile)[S]
        found["paths"] = state.paths
        found["newest"] = sum(1 for _ in uow.catalog.entries(REF.profile, 3, S))
    database.close()
    found["peak_mb"] = peak_mb()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
