"""Standard output of rsync 3.5.0, as recorded, read back."""

from __future__ import annotations

import io

import pytest

from bck_adapters.rsync.output import OutputReader
from bckcore.domain.transfer import TransferStats

TAG = b"0123456789abcdef"


def item(item_text: bytes, name: bytes) -> bytes:
    """A line as rsync writes it."""
    return b"%s%s %20d 2026/11/22-23:25:35 %32s %s%s\n" % (TAG, item_text.ljust(11), 5, b"", TAG, name)


RECORDED = (
    item(b".d..t......", b"./")
    + item(b">f+++++++++", b"a")
    + b"\r              0   0%    0.00kB/s    0:00:00  "
    + b"\r      1,048,576  22%    1.95MB/s    0:00:03 (xfr#1, to-chk=14/16)\n".replace(b",048,", b"048")
    + item(b"cL+++++++++", b"link")
    + b"\r        3145728 100%    3.91MB/s    0:00:00 (xfr#3, to-chk=0/16) \n"
    + b"\nNumber of files: 16 (reg: 9, dir: 4, link: 1, dev: 1, special: 1)\n"
    + b"Number of created files: 5 (reg: 3, dir: 1, link: 1)\n"
    + b"Number of deleted files: 3 (reg: 2, dir: 1)\n"
    + b"Number of regular files transferred: 3\n"
    + b"Total file size: 1,048,585 bytes\n"
    + b"Total transferred file size: 4 bytes\n"
    + b"Total bytes sent: 138\nTotal bytes received: 517\n"
    + b"\nsent 138 bytes  received 517 bytes  1310.00 bytes/sec\ntotal size is 9  speedup is 0.01\n"
)


def read(data: bytes, *, step: int | None = None, first_run: bool = True) -> tuple[OutputReader, bytes]:
    """Feed ``data`` in pieces of ``step`` bytes; the reader and what it kept."""
    kept = io.BytesIO()
    reader = OutputReader(source="docs", first_run=first_run, tag=TAG, listing=kept)
    for start in range(0, len(data), step or len(data)):
        reader.feed(data[start : start + (step or len(data))])
    return reader, kept.getvalue()


@pytest.mark.parametrize("step", [None, 1, 7, 64])
def test_items_are_kept_whatever_the_pieces(step: int | None) -> None:
    reader, kept = read(RECORDED, step=step)
    expected = item(b".d..t......", b"./") + item(b">f+++++++++", b"a") + item(b"cL+++++++++", b"link")
    assert kept == expected
    assert reader.items == 3


@pytest.mark.parametrize("step", [None, 1, 64])
def test_closing_figures_become_stats(step: int | None) -> None:
    reader, _ = read(RECORDED, step=step)
    assert reader.listed == 16
    assert reader.stats() == TransferStats(files_seen=16, files_sent=3, bytes_seen=1048585, bytes_sent=517)


def test_nothing_but_items_is_counted_without_looking_at_lines() -> None:
    many = b"".join(item(b".f", b"name %d: x" % number) for number in range(1000))
    reader, kept = read(many, step=4096)
    assert (reader.items, kept) == (1000, many)


def test_a_first_run_is_not_done_while_files_without_bytes_are_to_come() -> None:
    reader, _ = read(b"\r          1000 100%    9.00kB/s    0:00:00 (xfr#59426, to-chk=574/60061)")
    progress = reader.progress()
    assert (progress.percent, progress.eta_seconds) == (99, None)
    reader.feed(b"\r          1000 100%    9.00kB/s    0:00:00 (xfr#60000, to-chk=0/60061)")
    assert (reader.progress().percent, reader.progress().eta_seconds) == (100, 0)


def test_progress_of_a_first_run_has_percent_and_time_left() -> None:
    reader, _ = read(b"\r        1048576  25%    1.00MB/s    0:00:03 (xfr#1, to-chk=14/16)\n")
    progress = reader.progress()
    assert (progress.bytes_done, progress.percent, progress.files_done) == (1048576, 25, 1)
    assert (progress.bytes_per_second, progress.eta_seconds) == (1 << 20, 3)


def test_a_later_run_counts_files_and_promises_no_time() -> None:
    reader, _ = read(b"\r        1048576   1%    1.00MB/s    0:00:03 (xfr#1, to-chk=4/16)\n", first_run=False)
    assert (reader.progress().percent, reader.progress().eta_seconds) == (75, None)


def test_while_the_list_still_grows_nothing_is_promised() -> None:
    reader, _ = read(b"\r        1048576  99%    1.00MB/s    0:00:00 (xfr#9, ir-chk=1004/2000)\n")
    assert (reader.progress().percent, reader.progress().eta_seconds) == (None, None)
    assert reader.progress().files_done == 9


def test_a_line_that_never_ends_is_not_kept() -> None:
    reader, _ = read(b"x" * 300_000, step=65536)
    assert len(reader._rest) <= 1 << 16


def test_until_something_is_sent_the_run_is_listing() -> None:
    reader, _ = read(item(b".f", b"a"))
    assert reader.progress().phase == "listing"
    reader, _ = read(b"\r        1048576  25%    1.00MB/s    0:00:03 (xfr#1, to-chk=14/16)\n")
    assert (reader.progress().phase, reader.progress().files_total) == ("transferring", 16)


@pytest.mark.parametrize("step", [None, 1, 64])
def test_the_last_path_that_was_named_is_the_current_file(step: int | None) -> None:
    reader, _ = read(item(b".f", b"a") + item(b".f", rb"sub/\#303\#274"), step=step)
    assert reader.progress().current_file == "sub/ü"


IN_FLIGHT = b"\r           1007  28%    0.00kB/s    0:00:00  "


@pytest.mark.parametrize("step", [None, 1, 7, 40, 50, 64])
@pytest.mark.parametrize("name", [b"d/never", b"  two blanks first", b"1 2% 3.0B/s 4:05"])
def test_what_stands_right_behind_a_figure_is_not_lost(step: int | None, name: bytes) -> None:
    """Two processes of rsync write: one does not know that the other's line has no end yet."""
    large = io.BytesIO()
    others: list[bytes] = []
    kept = io.BytesIO()
    reader = OutputReader(
        source="docs", first_run=True, tag=TAG, listing=kept, too_large=large, on_other=others.append
    )
    data = IN_FLIGHT + name + b" is over max-size\n" + IN_FLIGHT + item(b">f+++++++++", b"a")
    data += IN_FLIGHT + IN_FLIGHT + b"a word of rsync\n" + name + b" is over max-size\n"
    for start in range(0, len(data), step or len(data)):
        reader.feed(data[start : start + (step or len(data))])
    assert large.getvalue().split(b"\0") == [name, name, b""]
    assert (reader.left_out, reader.items) == (2, 1)
    assert kept.getvalue().endswith(item(b">f+++++++++", b"a"))
    assert [other for other in others if other] == [b"a word of rsync"]
    assert reader.progress().bytes_done == 1007
