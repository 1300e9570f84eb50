"""What rsync writes on its standard output: the listing, the progress and the closing figures."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from bck_adapters.rsync.listing import unescaped
from bckcore.domain.paths import display
from bckcore.domain.transfer import Phase, TransferProgress, TransferStats

_PROGRESS = re.compile(
    rb"\s*(\d{1,19})\s+(\d{1,3})%\s+(\d{1,12}(?:\.\d{1,6})?)([kMGT]?)B/s\s+[\d:?]+"
    rb"(?:  |\s+\(xfr#(\d{1,12}), (ir|to)-chk=(\d{1,12})/(\d{1,12})\))"
)
"""Ends with two blanks and no newline while a file is under way. A PC can have rsync print any line: no
number here is longer than rsync itself writes it."""
_NUMBER = re.compile(rb"\d[\d,]{0,24}(?![\d,])")
_UNITS = {b"": 1, b"k": 1024, b"M": 1024**2, b"G": 1024**3, b"T": 1024**4}
_STATS = {
    b"Number of files": "files_seen",
    b"Number of regular files transferred": "files_sent",
    b"Total file size": "bytes_seen",
    b"Total bytes received": "bytes_sent",
}
_LONGEST = 1 << 16
OVER_MAX_SIZE = b" is over max-size"
"""How a line ends that rsync says of a file above ``--max-size``; the name, escaped, stands before it."""

NO_FILE = re.compile(rb'skipping non-regular file "(?P<path>.*)"$')
"""What rsync says of a link, a pipe or the like that it passes over."""


@dataclass(slots=True)
class OutputReader:
    """Takes standard output as it comes and knows how far the transfer is.

    ``first_run`` says that the destination was empty: only then is the whole size still to come known,
    so only then are a percentage by bytes and a remaining time honest.
    """

    source: str
    first_run: bool
    tag: bytes
    listing: BinaryIO
    """Where lines that carry the tag go, untouched."""
    too_large: BinaryIO | None = None
    """Where names of files above the limit of size go, NUL-separated; None where there is no limit."""
    on_other: Callable[[bytes], None] = lambda _: None
    """Takes lines that are none of those."""
    left_out: int = 0
    """How many of those there were."""
    items: int = 0
    listed: int | None = None
    """What rsync's closing figures call the number of files, of every kind."""
    _rest: bytes = b""
    _last: bytes = b""
    """The newest line of the listing."""
    _bytes: int = 0
    _byte_percent: int = 0
    _rate: int | None = None
    _files: int = 0
    _to_check: tuple[int, int] | None = None
    _stats: dict[str, int] = field(default_factory=dict)

    def feed(self, chunk: bytes) -> None:
        """Take note of the next bytes."""
        whole, newline, self._rest = (self._rest + chunk).rpartition(b"\n")
        if newline:
            self._lines(whole + newline)
        # The progress line is rewritten with carriage returns and ends only with the file.
        _, found, rest = self._rest.rpartition(b"\r")
        if found and (match := _PROGRESS.match(rest)):
            self._progress(match)
            self._rest = rest[match.end() :]
        self._rest = self._rest[-_LONGEST:]

    def progress(self) -> TransferProgress:
        """How far it is; None for what cannot be known yet."""
        return TransferProgress(
            phase=Phase.TRANSFERRING if self._files or self._bytes else Phase.LISTING,
            source=self.source,
            files_seen=self.items,
            files_total=self._to_check[1] if self._to_check else None,
            files_done=self._files,
            bytes_done=self._bytes,
            bytes_per_second=self._rate,
            percent=self._percent(),
            eta_seconds=self._eta(),
            current_file=display(unescaped(self._last.rpartition(self.tag)[2].rstrip(b"\n"))),
        )

    def stats(self) -> TransferStats:
        """The closing figures; zeros when the transfer did not get that far."""
        return TransferStats(**self._stats)

    def _percent(self) -> int | None:
        if self._to_check is None:
            return None
        left, total = self._to_check
        if self.first_run:
            return min(99 if left else 100, self._byte_percent)  # empty files may still be to come
        return 100 * max(0, total - left) // total if total else None

    def _eta(self) -> int | None:
        if not self.first_run or self._to_check is None or not self._rate or not self._byte_percent:
            return None
        if self._byte_percent == 100 and self._to_check[0]:
            return None
        whole = self._bytes * 100 // self._byte_percent
        return max(0, whole - self._bytes) // self._rate

    def _lines(self, whole: bytes) -> None:
        if b"\r" not in whole and whole.count(b"\n") * 2 == whole.count(self.tag):
            # Items only, as in a run that finds nothing new: no need to look at each.
            self.listing.write(whole)
            self.items += whole.count(b"\n")
            self._last = whole[whole.rfind(b"\n", 0, -1) + 1 :]
            return
        for line in whole.split(b"\n"):
            if line.count(self.tag) == 2:
                self.items += 1
                self.listing.write(line + b"\n")
                self._last = line
            else:
                self._line(line)

    def _line(self, line: bytes) -> None:
        _, found, last = line.rpartition(b"\r")
        if found and (match := _PROGRESS.match(last)):
            self._progress(match)
            # Another process of rsync may have gone on right there: it does not know that the line is open.
            last = last[match.end() :]
            if not last.strip():
                return
        if self.too_large is not None and last.endswith(OVER_MAX_SIZE):
            self.left_out += 1
            self.too_large.write(unescaped(last.removesuffix(OVER_MAX_SIZE)) + b"\0")
        else:
            self.on_other(last)
            if b": " in last[:60]:
                self._figure(*last.split(b": ", 1))

    def _progress(self, match: "re.Match[bytes]") -> None:
        self._bytes, self._byte_percent = int(match[1]), int(match[2])
        self._rate = int(float(match[3]) * _UNITS[match[4]]) or None
        if match[5] is not None:
            self._files = int(match[5])
            # `ir-chk`: the list of files is still growing, so nobody knows how much is left.
            self._to_check = (int(match[7]), int(match[8])) if match[6] == b"to" else None

    def _figure(self, name: bytes, value: bytes) -> None:
        digits = _NUMBER.match(value)
        if name not in _STATS or digits is None:
            return
        number = int(digits[0].replace(b",", b""))
        self._stats[_STATS[name]] = number
        if name == b"Number of files":
            self.listed = number
