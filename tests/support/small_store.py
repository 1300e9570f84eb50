"""A small store with three points and its own restore.sh, for tests of what may be wrong with it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.act import Act, ActKind
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.run import ProfileRef
from tests.support.house import DOCS, PC, House
from tests.support.restoring import RestoreScript, bare_path
from tests.support.worlds import World, differences, world_of_folder, world_of_memory

REF = ProfileRef(host=PC, profile=DOCS)
SOURCE = SourceName("docs")
T = 1_700_000_000_123_456_789


class Small:
    """A small store with three points, its script, and what each point must give."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "the store"
        host = MemoryHost()
        self.docs = host.source("/home/u/docs")
        self.house = House(self.root, MemoryTransport({PC: host}))
        self.script = RestoreScript(self.root, bare_path(folder / "bin"))
        self.expected: dict[int, World] = {}
        self.to = folder / "to"
        self.books = self.root / ".receipts" / PC / DOCS
        self.current = self.root / "current" / PC / DOCS / SOURCE

    def live(self) -> Small:
        """Three runs, each with a point."""
        self.docs.write(b"a", b"first", T)
        self.docs.write(b"d/x", b"deep", T)
        self.docs.write(b"d/caf\xe9\n", b"odd", T)
        self.docs.symlink(b"l", b"a", T)
        self.back_up()
        self.docs.write(b"a", b"second", T + 1)
        self.back_up()
        self.docs.delete(b"d/x")
        self.docs.write(b"new", b"n", T)
        self.back_up()
        return self

    def back_up(self) -> None:
        run = self.house.back_up()
        assert run.made_point
        self.expected[run.seq] = world_of_memory(self.docs)

    def assert_restores(self, *points: int) -> None:
        for seq in points:
            to = self.script.restore(seq, self.folder / f"back{seq}")
            assert differences(self.expected[seq], world_of_folder(to / SOURCE)) == []

    def refused(self, *arguments: str | bytes | Path, status: int = 1) -> str:
        """What it says; neither the storage nor the goal may have changed."""
        before, goal = world_of_folder(self.root), self.to.exists() and world_of_folder(self.to)
        ended = self.script.run(*arguments)
        assert ended.returncode == status, ended.stderr
        assert differences(before, world_of_folder(self.root)) == []
        assert (self.to.exists() and world_of_folder(self.to)) == goal
        return ended.stderr

    def act(self, kind: ActKind, *, points: tuple[int, ...] = (), path: bytes = b"") -> None:
        """Write an act as the program does."""
        acts = list(self.house.storage.acts(REF))
        self.house.storage.write_act(
            Act(
                profile=DOCS,
                host=PC,
                number=len(acts) + 1,
                kind=kind,
                at=datetime(2026, 1, 9, tzinfo=UTC),
                by="maria",
                reason='to test: "points": "1 2 3"',
                after_seq=max(self.expected),
                points=points,
                paths=((SOURCE, RelPath(path)),) if path else (),
                previous=acts[-1][1] if acts else "",
            )
        )

    def rewrite(self, seq: int, *lines: str) -> None:
        """Put another manifest in place, and its digest into the receipt."""
        place = self.books / f"{seq:06d}.tsv.gz"
        head = gzip.decompress(place.read_bytes()).splitlines(keepends=True)[0]
        place.write_bytes(gzip.compress(head + "".join(f"{line}\n" for line in lines).encode()))
        receipt = self.books / f"{seq:06d}.json"
        document = json.loads(receipt.read_text())
        document["manifest"]["sha256"] = sha256(place.read_bytes()).hexdigest()
        receipt.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
