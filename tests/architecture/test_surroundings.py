"""The surroundings that scripts/as-user makes are those that the other tests rely on."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile

import pytest


def test_tests_run_as_an_ordinary_user() -> None:
    assert os.getuid() != 0, "run the tests by scripts/as-user: as root, permissions prove nothing"


def test_short_dir_leaves_room_for_a_socket_name(short_dir) -> None:
    assert len(os.fsencode(short_dir)) < 60


def test_temporary_folder_is_writable() -> None:
    with tempfile.TemporaryFile() as file:
        assert file.write(b"x") == 1


def test_small_fs_runs_out_of_bytes(small_fs) -> None:
    with pytest.raises(OSError, match="No space left") as full, (small_fs / "big").open("wb") as file:
        for _ in range(80):
            file.write(bytes(1 << 20))
    assert full.value.errno == errno.ENOSPC


def test_few_inodes_fs_runs_out_of_inodes_only(few_inodes_fs) -> None:
    with pytest.raises(OSError, match="No space left"):
        for number in range(500):
            (few_inodes_fs / str(number)).touch()
    free = os.statvfs(few_inodes_fs)
    assert free.f_bavail * free.f_frsize > 100 << 20


@pytest.mark.parametrize("fixture", ["small_fs", "few_inodes_fs"])
def test_a_small_file_system_is_lent_to_one_test_at_a_time(request, fixture) -> None:
    other = os.open(request.getfixturevalue(fixture).parent, os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(other)


def test_require_tool_finds_programs_of_the_administrator(require_tool) -> None:
    assert os.access(require_tool("sshd"), os.X_OK)
