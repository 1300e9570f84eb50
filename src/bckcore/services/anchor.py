"""Anchor: from a full manifest to the changes that make the live state just what it says.

Needed where what was known before is not certain, because an earlier manifest is lost. Streaming: the
manifest is read once for what it holds and once per source for what it does not.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

from bckcore.domain.ids import SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath
from bckcore.domain.run import Run
from bckcore.ports.catalog import Catalog
from bckcore.ports.storage import Storage

BATCH = 2000


def anchoring(catalog: Catalog, storage: Storage, run: Run) -> Iterator[Change]:
    """The changes, to be entered for ``run``, whose manifest is full."""
    rest = storage.read_manifest(run.ref, run.seq)
    sources: set[SourceName] = set(catalog.source_states(run.profile))
    while batch := list(islice(rest, BATCH)):
        for source, lines in groupby(batch, key=lambda change: change.source):
            yield from _differing(catalog, run, source, list(lines))
    for source in sorted(sources):
        for entry in catalog.unseen(run.profile, source, _living(storage, run, source)):
            yield Change(source, ChangeOp.GONE, entry)


def _differing(catalog: Catalog, run: Run, source: SourceName, lines: Sequence[Change]) -> Iterator[Change]:
    live = catalog.live(run.profile, source, [line.entry.path for line in lines])
    for line in lines:
        before = live.get(line.entry.path)
        if line.op.ends:
            if before is not None:
                yield line
        elif before != line.entry:
            yield Change(source, ChangeOp.ADDED if before is None else ChangeOp.CONTENT, line.entry)


def _living(storage: Storage, run: Run, source: SourceName) -> Iterator[RelPath]:
    for line in storage.read_manifest(run.ref, run.seq):
        if line.source == source and not line.op.ends:
            yield line.entry.path
