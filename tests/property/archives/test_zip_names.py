"""No two names of a PC become one name in a zip, and text that needs no other name keeps its own."""

import io
import zipfile

from hypothesis import example, given
from hypothesis import strategies as st

from bck_adapters.archives import StreamedArchives
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import RelPath
from bckcore.ports.archives import ArchiveFormat, Member

# Small pieces of what escapes are made of, so that names often come close to one another.
pieces = st.sampled_from([b"%", b"25", b"2", b"5", b"FF", b"ff", b"8", b"F", b"a", b"\xff", b"\xc3", b"\xa9"])
near = st.lists(pieces, min_size=1, max_size=6).map(b"".join)
anything = st.binary(min_size=1, max_size=8).map(lambda raw: raw.translate(None, b"\0/"))
parts = (near | anything).filter(lambda part: part not in (b"", b".", b".."))
paths = st.lists(parts, min_size=1, max_size=3).map(b"/".join)


def zipped(names: list[bytes]) -> zipfile.ZipFile:
    """A zip of files that hold their names; each below a folder, as in a restore point."""
    members = []
    for name in names:
        entry = FileEntry(RelPath(b"docs/" + name), EntryKind.LINK, 0o777, 0, 0, 0, len(name), name)
        members.append(Member(entry.path, entry))
    return zipfile.ZipFile(io.BytesIO(b"".join(StreamedArchives().stream(ArchiveFormat.ZIP, members))))


@given(st.lists(paths, unique=True, min_size=2, max_size=6))
@example([b"\xff", b"%FF", b"%25FF", b"%2525FF", b"%25\xff", b"\xff%FF"])
@example([b"d/\xff", b"d/%FF", b"%FF/d", b"\xff/d"])
@example([b"caf\xe9", b"caf%E9", b"caf%25E9"])
def test_distinct_names_stay_distinct(names: list[bytes]) -> None:
    with zipped(names) as archive:
        held = archive.infolist()[: len(names)]
        assert [archive.read(one) for one in held] == names
        assert len({one.filename for one in held}) == len(names)


@given(st.lists(st.text("%2541aé", min_size=1, max_size=6), unique=True, min_size=1, max_size=4))
def test_text_without_such_an_escape_keeps_its_name(texts: list[str]) -> None:
    with zipped([text.encode() for text in texts]) as archive:
        plain = [text for text in texts if "%a" not in text.replace("25", "")]
        told = archive.namelist()
        assert [f"docs/{text}" for text in plain if f"docs/{text}" not in told] == []
