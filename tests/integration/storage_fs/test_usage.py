"""What a host takes on the disk: everything of it, nothing of others, never through a link."""

import os
import subprocess

import pytest

from bck_adapters.storage_fs import FsStorage
from bckcore.domain.ids import HostId, ProfileId, RunId, SourceName
from bckcore.domain.run import ProfileRef

RUN = RunId("20260105T120000Z-0000000a")
REF = ProfileRef(host=HostId("pc1"), profile=ProfileId("docs"))


@pytest.fixture
def storage(tmp_path):
    made = FsStorage(tmp_path / "root")
    made.prepare()
    return made


def _du(*places):
    """What ``du`` says: blocks of everything below, the places themselves left out."""
    total = inodes = 0
    for place in places:
        listed = subprocess.run(
            ["find", str(place), "-mindepth", "1", "-printf", "%b %i\n"], capture_output=True, check=True
        ).stdout.split(b"\n")
        found = {line.split()[1]: int(line.split()[0]) for line in listed if line}
        total += sum(found.values()) * 512
        inodes += len(found)
    return total, inodes


@pytest.fixture
def filled(storage, tmp_path):
    for host in ("pc1", "pc2"):
        ref = ProfileRef(host=HostId(host), profile=ProfileId("docs"))
        dirs = storage.begin_attempt(ref, RUN, SourceName("docs"))
        (dirs.destination / "a").write_bytes(b"x" * 50_000)
        (dirs.destination / "deep").mkdir()
        (dirs.destination / "deep" / "b").write_bytes(b"y" * 5_000)
        (dirs.displaced_dir / "a").write_bytes(b"old" * 10_000)
        (dirs.partial_dir / "half").write_bytes(b"z" * 9_000)
        aside = tmp_path / "root" / ".work" / "aside" / RUN / host / "docs" / "docs"
        aside.mkdir(parents=True)
        (aside / "harmed").write_bytes(b"h" * 20_000)
        if host == "pc1":
            storage.fold(dirs)
    return tmp_path / "root"


def test_everything_of_the_host_counts_and_nothing_of_another(storage, filled):
    before = storage.usage(HostId("pc1"))
    assert before.bytes >= 50_000 + 5_000 + 30_000 + 9_000 + 20_000
    assert before.inodes >= 10
    other = storage.usage(HostId("pc2"))
    assert other.bytes > before.bytes - 4096  # its attempt is not folded, and counts as it stands
    assert storage.usage(HostId("none")).inodes == 0


def test_holes_take_nothing_and_second_names_count_once(storage):
    dirs = storage.begin_attempt(REF, RUN, SourceName("docs"))
    before = storage.usage(HostId("pc1"))
    with (dirs.destination / "huge").open("wb") as file:
        file.truncate(4 << 30)
    (dirs.destination / "one").write_bytes(b"x" * 100_000)
    os.link(dirs.destination / "one", dirs.destination / "two")
    after = storage.usage(HostId("pc1"))
    assert after.inodes - before.inodes == 2
    assert 100_000 <= after.bytes - before.bytes < 200_000


def test_a_link_that_somebody_put_there_is_not_followed(storage, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "big").write_bytes(b"x" * 500_000)
    dirs = storage.begin_attempt(REF, RUN, SourceName("docs"))
    before = storage.usage(HostId("pc1"))
    (dirs.destination / "link").symlink_to(outside)
    after = storage.usage(HostId("pc1"))
    assert after.bytes - before.bytes < 100_000
    assert after.inodes - before.inodes == 1


def test_it_is_what_find_says(storage, filled):
    areas = ("current", ".history/*", ".work/partial", ".work/aside/*")
    places = [place for area in areas for place in filled.glob(f"{area}/pc1")]
    assert len(places) == 4
    used = storage.usage(HostId("pc1"))
    assert (used.bytes, used.inodes) == _du(*places)
