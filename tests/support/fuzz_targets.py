"""Every parser of what rsync and ssh say, each as a function of bytes that fails where a law is broken.

``TARGETS`` holds those of ``fuzz_texts`` too, which read what others say. Used by the property
tests, and by ``scripts/fuzz.py``, which feeds them for as long as one likes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from bck_adapters.rsync.control import _shown
from bck_adapters.rsync.exit import Ending, error_of
from bck_adapters.rsync.gate_answer import parsed_gate_answer
from bck_adapters.rsync.listing import ItemListing, PathRecords, checked_path, unescaped
from bck_adapters.rsync.messages import KEPT_PROBLEMS, MessageReader, as_theirs, naming
from bck_adapters.rsync.output import OutputReader
from bck_adapters.rsync.probing import first_link, seen_paths
from bck_adapters.rsync.push_messages import PushMessages
from bck_adapters.rsync.version import is_patched, parsed_version
from bckcore.domain.audit import decoded, encoded
from bckcore.domain.audit_proof import proved
from bckcore.domain.paths import rel_path
from bckcore.domain.wording import printable
from bckcore.errors import StorageError
from tests.support.foreign_text import TAG, chunks
from tests.support.fuzz_texts import TEXT_TARGETS

FOLDERS = ("/home", "/home/u", "/home/u/docs")


def messages() -> MessageReader:
    """One for /home/u/docs, stored in /s/c/docs."""
    return MessageReader(source_root=b"/home/u/docs", places=(b"/s/c/docs", b"/s/.work/a/1/d"))


def inside(path: bytes) -> bool:
    """True for a path that lies inside the source."""
    return rel_path(path) == path


def classed(stream: bytes, code: int = 23) -> None:
    """Standard error of a pull, and how the pull ended."""
    reader = messages()
    for line in stream.split(b"\n"):
        present = reader.read(line)
        assert present is None or inside(present)
    assert all(map(inside, (*reader.unlisted, *reader.vanished)))
    assert len(reader.problems) <= KEPT_PROBLEMS
    error = error_of(Ending(code=code, host="pc1", messages=reader))
    assert error is None or str(error).isprintable()
    reader.count_unknown()
    assert all(problem.message.isprintable() for problem in reader.problems)


def taken(
    stream: bytes, sizes: list[int] | None = None, *, first_run: bool = True, limited: bool = True
) -> None:
    """Standard output of a pull, through reader and listing."""
    listing, too_large = io.BytesIO(), io.BytesIO()
    reader = OutputReader(
        source="docs",
        first_run=first_run,
        tag=TAG,
        listing=listing,
        too_large=too_large if limited else None,
    )
    for chunk in chunks(stream, sizes or []):
        reader.feed(chunk)
        progress = reader.progress()
        assert progress.current_file.isprintable()
        assert progress.percent is None or 0 <= progress.percent <= 100
    reader.feed(b"\n")
    assert reader.stats().files_seen >= 0
    listed(listing.getvalue(), too_large.getvalue())


def listed(items: bytes, records: bytes) -> None:
    """What was kept of it, read again."""
    with TemporaryDirectory() as folder:
        file, other = Path(folder) / "items", Path(folder) / "other"
        file.write_bytes(items)
        other.write_bytes(records)
        assert all(map(inside, PathRecords(file=other)))
        other.write_bytes(b"")
        kept = ItemListing(items=file, tag=TAG, also_present=other)
        assert all(map(inside, kept.paths()))
        assert all(inside(seen.path) for seen in kept.changes())
        assert all(inside(one.path) for one in kept.foreseen())
        assert kept.count() >= 0


def probed(stream: bytes) -> None:
    """What rsync lists when a PC is looked at."""
    seen = seen_paths(stream)
    for complete in (True, False):
        assert first_link(FOLDERS, seen, complete=complete) in (None, *FOLDERS)


def pushed(stream: bytes) -> None:
    """Standard error of a push."""
    reader = PushMessages(target=b"/home/u/docs", staged=frozenset())
    for line in stream.split(b"\n"):
        reader.read(line)


def shown(line: bytes) -> None:
    """One line for people; and its other readers."""
    for text in (naming(line, "pc1"), as_theirs(line, "pc1"), _shown(line), printable(str(line))):
        assert text.replace("\n", "").isprintable()
    checked_path(unescaped(line))
    parsed_version(line)
    is_patched(line.decode("utf-8", "replace"))


def audited(stream: bytes) -> None:
    """Lines of an audit log."""
    lines = stream.split(b"\n")
    assert proved(lines).entries == len(lines)
    for line in lines:
        try:
            entry = decoded(line)
        except StorageError:
            continue
        assert encoded(entry) == line


def gated(stream: bytes) -> None:
    """What a gate on a PC says of itself."""
    answer = parsed_gate_answer(stream.decode("utf-8", "replace"))
    assert answer is None or all(part.isdecimal() for part in answer.rsync.split("."))


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "messages": classed,
    "output": taken,
    "probe": probed,
    "push": pushed,
    "words": shown,
    "audit": audited,
    "gate": gated,
    **TEXT_TARGETS,
}
