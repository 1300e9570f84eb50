"""An oracle for the books in storage: read with nothing but json, gzip and this file's own few lines."""

import gzip
import json
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote_to_bytes

from bckcore.domain.paths import percent_encoded
from tests.support.house import DOCS, House

Row = tuple[str, ...]
"""kind, mode, uid, gid, mtime, size, digest, target: columns of a manifest line."""
State = dict[tuple[str, bytes], Row]


class Books:
    """Receipts and manifests of one profile."""

    def __init__(self, root: Path, host: str = "pc1", profile: str = "docs") -> None:
        self.folder = root / ".receipts" / host / profile
        names = sorted(self.folder.glob("[0-9]*.json"))
        self.raw = {int(name.stem): name.read_bytes() for name in names}
        self.receipts = {seq: json.loads(raw) for seq, raw in self.raw.items()}

    def assert_chained(self) -> None:
        """Numbers without gaps, each receipt naming the digest of the one before, manifests as named."""
        assert list(self.raw) == list(range(1, len(self.raw) + 1))
        previous = ""
        for seq, receipt in self.receipts.items():
            assert receipt["seq"] == seq
            assert receipt["previous"] == previous, f"the chain is broken at receipt {seq}"
            previous = sha256(self.raw[seq]).hexdigest()
            if receipt["manifest"] is not None:
                packed = (self.folder / f"{seq:06d}.tsv.gz").read_bytes()
                assert receipt["manifest"]["sha256"] == sha256(packed).hexdigest(), f"manifest {seq}"
                assert receipt["manifest"]["lines"] == len(self.lines(seq)), f"manifest {seq}"

    def lines(self, seq: int) -> list[list[str]]:
        """The lines of a manifest, in columns."""
        text = gzip.decompress((self.folder / f"{seq:06d}.tsv.gz").read_bytes()).decode("ascii")
        first, *lines = text.splitlines()
        assert first.startswith(f"# bck-manifest 1 {seq} ")
        return [line.split("\t") for line in lines]

    def points(self) -> list[int]:
        """Runs that made a point."""
        return [seq for seq, receipt in self.receipts.items() if receipt["point"]]

    def chain(self, seq: int) -> list[int]:
        """The manifests that tell the state after run ``seq``, the full one first."""
        chain: list[int] = []
        manifest = self.receipts[seq]["head"]
        while manifest is not None:
            chain.append(manifest)
            manifest = self.receipts[manifest]["manifest"]["base"]
        return chain[::-1]

    def state(self, seq: int) -> State:
        """What the files looked like after run ``seq``, replayed."""
        state: State = {}
        for manifest in self.chain(seq):
            for op, source, path, *rest in self.lines(manifest):
                key = (source, unquote_to_bytes(path))
                if op in ("-", "X"):
                    state.pop(key, None)
                else:
                    state[key] = tuple(rest)
        return state


def state_in_catalog(house: House, seq: int) -> State:
    """What the catalog says of a point, in the form of :meth:`Books.state`."""
    with house.database.units(read_only=True) as uow:
        return {
            (source, bytes(entry.path)): (
                entry.kind.value,
                f"{entry.mode:o}",
                str(entry.uid),
                str(entry.gid),
                str(entry.mtime_ns),
                str(entry.size),
                entry.digest.hex(),
                percent_encoded(entry.target),
            )
            for source in uow.catalog.sources_at(DOCS, seq)
            for entry in uow.catalog.entries(DOCS, seq, source)
        }
