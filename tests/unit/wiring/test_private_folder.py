"""Where a process keeps what must not stand on the disk, and what becomes of it after a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bck_apps.wiring.private_folder import PrivateFolder, in_memory

DIES = """
import os, pathlib, signal, sys
from bck_apps.wiring.private_folder import PrivateFolder
home = pathlib.Path(sys.argv[1])
made = PrivateFolder(home, {"RUNTIME_DIRECTORY": sys.argv[2]}, shared=home)
(made.path / "key").write_text("a key")
print(made.path, flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def memory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="t", dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def places(memory: Path) -> dict[str, Path]:
    """The three in memory."""
    found = {name: memory / name for name in ("service", "person", "shared")}
    for path in found.values():
        path.mkdir(mode=0o700)
    found["shared"].chmod(0o1777)
    return found


def environment(places: dict[str, Path]) -> dict[str, str]:
    return {"RUNTIME_DIRECTORY": f"{places['service']}:/elsewhere", "XDG_RUNTIME_DIR": str(places["person"])}


def test_the_first_place_in_memory_is_taken_and_the_disk_comes_last(
    tmp_path: Path, places: dict[str, Path]
) -> None:
    given = environment(places)
    for expected, gone in (("service", "RUNTIME_DIRECTORY"), ("person", "XDG_RUNTIME_DIR"), ("shared", "")):
        made = PrivateFolder(tmp_path, given, shared=places["shared"])
        assert made.path.parent == places[expected]
        assert made.path.stat().st_mode & 0o7777 == 0o700
        assert in_memory(made.path)
        made.close()
        assert not made.path.exists()
        given.pop(gone, None)
    last = PrivateFolder(tmp_path, given, shared=tmp_path / "none")
    assert last.path.parent == tmp_path / "run"
    assert not in_memory(tmp_path)
    assert not in_memory(last.path)
    last.close()


def test_the_systems_own_shared_memory_serves(tmp_path: Path) -> None:
    made = PrivateFolder(tmp_path, {})
    assert made.path.parent == Path("/dev/shm")
    assert len(os.fsencode(made.path)) < 30, "sockets in it have short names"
    made.close()


@pytest.mark.parametrize("wrong", ["link", "open to others", "on the disk", "relative", "missing", "a file"])
def test_a_place_that_another_could_swap_is_passed_over(
    tmp_path: Path, places: dict[str, Path], wrong: str
) -> None:
    place = places["service"]
    if wrong == "link":
        place.rmdir()
        place.symlink_to(places["person"])
    elif wrong == "open to others":
        place.chmod(0o777)
    elif wrong == "on the disk":
        place = tmp_path / "disk"
        place.mkdir(mode=0o700)
    elif wrong == "relative":
        place = Path(os.path.relpath(place))
    else:
        place.rmdir()
        if wrong == "a file":
            place.touch()
    made = PrivateFolder(tmp_path, {"RUNTIME_DIRECTORY": str(place)}, shared=places["shared"])
    assert made.path.parent == places["shared"]
    made.close()


def test_a_folder_of_another_account_is_passed_over(tmp_path: Path, places: dict[str, Path]) -> None:
    assert Path("/").stat().st_uid != os.geteuid(), "tests run as an ordinary user"
    for theirs in ("/proc", "/dev/shm", "/sys"):
        made = PrivateFolder(tmp_path, {"XDG_RUNTIME_DIR": theirs}, shared=places["shared"])
        assert made.path.parent == places["shared"]
        made.close()


def test_what_a_killed_process_left_goes_at_the_next_start_and_that_of_a_living_one_stays(
    tmp_path: Path, places: dict[str, Path]
) -> None:
    words = (sys.executable, "-c", DIES, str(tmp_path), str(places["service"]))
    given = environment(places)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        assert left.parent == places["service"]
        mine = PrivateFolder(tmp_path, given, shared=places["shared"])
        again = PrivateFolder(tmp_path, given, shared=places["shared"])
        assert mine.path.exists()
        assert (left / "key").exists(), "its process lives"
        other.communicate("die\n")
    assert (left / "key").exists(), "a process that is killed cleans up nothing"
    PrivateFolder(tmp_path, given, shared=places["shared"]).close()
    assert not left.exists()
    assert mine.path.exists()
    assert again.path.exists()
    mine.close()
    again.close()


def test_a_leftover_goes_also_if_its_process_number_is_alive_again(
    tmp_path: Path, places: dict[str, Path]
) -> None:
    """Nothing in a name or a number says that a process lives: only what it holds does."""
    left = [places["service"] / "bck-run-0123abcd", tmp_path / "run" / "bck-run-0123abcd"]
    left += [tmp_path / "run" / name for name in ("p1-0", "p4194304-0")]  # of older versions
    for folder in left:
        folder.mkdir(mode=0o700, parents=True)
        (folder / "key").write_text("a key")
    living = tmp_path / "run" / f"p{os.getpid()}-0"
    living.mkdir()
    PrivateFolder(tmp_path, environment(places), shared=places["shared"]).close()
    assert [path for path in left if path.exists()] == []
    assert living.exists()


def test_nothing_else_is_taken_for_a_leftover(tmp_path: Path, places: dict[str, Path]) -> None:
    target = places["person"] / "precious"
    target.mkdir()
    (target / "file").touch()
    (places["service"] / "bck-run-0123abcd").symlink_to(target)
    (places["service"] / "bck-0123abcd").mkdir()
    (places["service"] / "bck-run-4567cdef").touch()
    others = [place / "p4194304-0" for place in places.values()]  # older versions made these on the disk only
    for folder in others:
        folder.mkdir()
        (folder / "file").touch()
    made = PrivateFolder(tmp_path, environment(places), shared=places["shared"])
    made.close()
    made.close()
    assert (target / "file").exists()
    assert [folder for folder in others if not (folder / "file").exists()] == []
    assert {path.name for path in places["service"].iterdir()} == {
        "bck-run-0123abcd",
        "bck-0123abcd",
        "bck-run-4567cdef",
        "p4194304-0",
    }
