"""Laws L4 and L5: however points are dropped, every kept one is restored byte for byte.

A pure model of a store that never deletes (a path that leaves the PC stays in ``current``) is played
beside the real one. The same check run with the merge in the wrong direction must find damage, else
the model would prove nothing.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bck_adapters.storage_fs import FsStorage
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import RelPath
from tests.support.patience import examples
from tests.support.storage_fs import (
    REF,
    SOURCE,
    Content,
    conflicts,
    cut_at,
    extract,
    found,
    increment,
    new_store,
    plant,
    poured,
    run_id,
)

Files = dict[bytes, Content]
Merge = Callable[[Files, Files], Files]
MTIME_NS = 1
_PATHS = [b"a", b"b", b"a/x", b"a/y", b"a/x/p", b"a/x/q", b"b/x", b"c"]


@dataclass
class Model:
    """A store as dictionaries."""

    merge: Merge
    current: Files = field(default_factory=dict)
    live: Files = field(default_factory=dict)
    increments: dict[int, Files] = field(default_factory=dict)
    points: dict[int, Files] = field(default_factory=dict)
    seq: int = 0

    def run(self, chance: random.Random) -> Files:
        """The PC changes and is backed up; returns what that displaced."""
        self.seq += 1
        for path in chance.sample(_PATHS, chance.randint(1, 4)):
            if chance.random() < 0.3:
                self.live.pop(path, None)
                continue
            self.live = {other: c for other, c in self.live.items() if not conflicts(other, path)}
            self.live[path] = b"%b@%d" % (path, self.seq)
        displaced = {
            path: content
            for path, content in self.current.items()
            if any(conflicts(path, new) and self.current.get(new) != self.live[new] for new in self.live)
        }
        self.current = {p: c for p, c in self.current.items() if p not in displaced} | self.live
        self.increments[self.seq] = displaced
        self.points[self.seq] = dict(self.live)
        return displaced

    def drop(self, seq: int) -> tuple[int, int] | None:
        """Forget a point; returns which increments are merged, or None when the older is freed."""
        del self.points[seq]
        older = self.increments.pop(seq)
        if not any(kept < seq for kept in self.points):
            return None
        newer = min(other for other in self.increments if other > seq)
        self.increments[newer] = self.merge(older, self.increments[newer])
        return seq, newer

    def restored(self, seq: int) -> Files:
        """The point's bytes, found as law L4 says."""
        places = [self.increments[k] for k in sorted(self.increments) if k > seq] + [self.current]
        return {path: next((p[path] for p in places if path in p), b"lost") for path in self.points[seq]}

    def damaged(self) -> int:
        """How many kept points would be restored wrong."""
        return sum(self.restored(seq) != files for seq, files in self.points.items())


def newer_wins(older: Files, newer: Files) -> Files:
    """The wrong direction."""
    return poured(newer, older)


def damage(merge: Merge, seed: int) -> int:
    """Points restored wrong after random runs and drops, summed over every step."""
    chance, model, wrong = random.Random(seed), Model(merge), 0
    for _ in range(12):
        model.run(chance)
        wrong += model.damaged()
    while len(model.points) > 1:
        model.drop(chance.choice([seq for seq in model.points if seq < model.seq]))
        wrong += model.damaged()
    return wrong


@pytest.mark.parametrize("seed", range(50))
def test_older_wins_restores_every_kept_point(seed):
    assert damage(poured, seed) == 0


def test_the_model_notices_the_wrong_direction():
    assert sum(damage(newer_wins, seed) > 0 for seed in range(50)) > 10


@settings(max_examples=examples(3))
@given(seed=st.integers(0, 2**32), runs=st.integers(2, 6), cut=st.integers(1, 60))
def test_the_storage_restores_every_kept_point_after_any_order_of_drops(seed, runs, cut):
    folder = Path(tempfile.mkdtemp(prefix="bck"))
    try:
        play(folder, random.Random(seed), runs, cut)
    finally:
        shutil.rmtree(folder)


def play(folder: Path, chance: random.Random, runs: int, cut: int) -> None:
    storage, model = new_store(folder), Model(poured)
    for _ in range(runs):
        displaced = model.run(chance)
        attempt = storage.begin_attempt(REF, run_id(model.seq), SOURCE)
        plant(attempt.displaced_dir, displaced, mtime_ns=MTIME_NS)
        shutil.rmtree(attempt.destination)
        plant(attempt.destination, model.current, mtime_ns=MTIME_NS)
        storage.fold(attempt)
    while len(model.points) > 1:
        dropped = chance.choice([seq for seq in model.points if seq < model.seq])
        merged = model.drop(dropped)
        with cut_at(cut):
            carry_out(storage, dropped, merged)
        carry_out(FsStorage(folder / "store"), dropped, merged)
        for seq in model.increments:
            assert found(increment(folder / "store", run_id(seq))) == model.increments[seq]
        for seq, files in model.points.items():
            assert restored(storage, folder, model, seq) == files


def carry_out(storage: FsStorage, dropped: int, merged: tuple[int, int] | None) -> None:
    if merged is None:
        storage.free(REF, run_id(dropped))
    else:
        storage.merge(REF, *map(run_id, merged))


def restored(storage: FsStorage, folder: Path, model: Model, seq: int) -> Files:
    into = folder / "into"
    into.mkdir()
    done = extract(
        storage,
        [entry(path, content) for path, content in sorted(model.points[seq].items())],
        [run_id(other) for other in sorted(model.increments) if other > seq],
        into,
    )
    assert (done.problems, len(done.found)) == ({}, len(model.points[seq]))
    files = found(into)
    shutil.rmtree(into)
    return files


def entry(path: bytes, content: Content) -> FileEntry:
    assert isinstance(content, bytes)
    return FileEntry(RelPath(path), EntryKind.FILE, 0o644, os.getuid(), os.getgid(), MTIME_NS, len(content))
