"""Log lines: JSON, with ids, without secrets."""

import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from pydantic import ValidationError

from bck_apps.wiring import logs
from bck_apps.wiring.settings import LoggingSettings
from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure("info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_level_name_and_time(stream: io.StringIO) -> None:
    logs.get_logger("bck.test").info("two\nlines", files=3)
    [line] = _lines(stream)
    assert line["message"] == "two\nlines"
    assert (line["level"], line["logger"], line["files"]) == ("info", "bck.test", 3)
    assert line["at"].endswith("Z")


def test_foreign_lines_take_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("port %d", 7, extra={"color_message": "x"})
    [line] = _lines(stream)
    assert (line["message"], line["level"], line["logger"]) == ("port 7", "warning", "uvicorn.error")
    assert "color_message" not in line


def test_bound_ids_are_on_every_line_and_gone_afterwards(stream: io.StringIO) -> None:
    with logs.bound(job="j1", host="pc1"):
        logs.get_logger().info("ours")
        logging.getLogger("other").info("foreign")
    logs.get_logger().info("after")
    ours, foreign, after = _lines(stream)
    assert (ours["job_id"], ours["host"]) == (foreign["job_id"], foreign["host"]) == ("j1", "pc1")
    assert "run_id" not in ours
    assert "job_id" not in after


@pytest.mark.parametrize(
    "fields",
    [
        {"value": Secret("hunter2")},
        {"password": "hunter2"},
        {"headers": {"Authorization": "Bearer hunter2"}},
        {"body": [{"private-key": "hunter2"}]},
        {"values": (Secret("hunter2"),)},
    ],
)
def test_secrets_never_show(stream: io.StringIO, fields: dict[str, Any]) -> None:
    logs.get_logger().info("sign in", **fields)
    logging.getLogger("other").info("sign in", extra=fields)
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("***") == 2


def test_secret_in_a_traceback_shows_as_stars(stream: io.StringIO) -> None:
    try:
        raise ValueError(f"bad {Secret('hunter2')}")
    except ValueError:
        logs.get_logger().exception("failed")
    [line] = _lines(stream)
    assert "bad ***" in line["exception"]


def test_level_is_obeyed_by_ours_and_foreign(stream: io.StringIO) -> None:
    logs.get_logger().debug("no")
    logging.getLogger("other").debug("no")
    assert stream.getvalue() == ""


def test_configuring_twice_does_not_double_lines(stream: io.StringIO) -> None:
    logs.configure("info", stream)
    logs.get_logger().info("once")
    assert len(_lines(stream)) == 1


@pytest.fixture
def own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("own_logging")
def test_a_log_file_gives_way_when_it_is_large_and_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "bck.log"
    logs.configure_from(LoggingSettings(file=str(path), file_bytes=65536, file_count=2))
    for number in range(2000):
        logs.get_logger("bck.test").info("a line of some length " * 4, number=number)
    names = sorted(one.name for one in tmp_path.iterdir())
    assert names == ["bck.log", "bck.log.1", "bck.log.2"]
    assert all(one.stat().st_size <= 65536 for one in tmp_path.iterdir())
    assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o640}
    assert json.loads(path.read_text().splitlines()[-1])["number"] == 1999


def log_file(path: Path) -> logging.Handler:
    """As one process has it; processes hold each other off by locks of open files, and so do these."""
    handler = logs._LogFile(str(path), maxBytes=65536, backupCount=50, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    return handler


def test_of_a_log_file_of_two_processes_none_goes_before_it_is_full(tmp_path: Path) -> None:
    path = tmp_path / "bck.log"
    with closing(log_file(path)) as busy, closing(log_file(path)) as quiet:
        for number in range(6000):
            who = quiet if number % 100 == 0 else busy
            who.handle(logging.makeLogRecord({"name": str(number), "msg": "x" * 100}))
    files = sorted(tmp_path.iterdir(), key=lambda one: int(one.suffix[1:]) if one.suffix != ".log" else 0)
    assert all(65536 - 200 < one.stat().st_size <= 65536 for one in files[1:])
    told = [line.split()[0] for one in reversed(files) for line in one.read_text().splitlines()]
    assert told == [str(number) for number in range(6000)]


def test_a_log_file_that_somebody_moves_away_or_deletes_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "bck.log"
    with closing(log_file(path)) as handler:
        for number in range(3):
            handler.handle(logging.makeLogRecord({"name": str(number), "msg": "x"}))
            path.rename(tmp_path / f"moved-{number}")
    assert [(tmp_path / f"moved-{number}").read_text() for number in range(3)] == ["0 x\n", "1 x\n", "2 x\n"]


def race(path: Path, start: Barrier, who: str) -> None:
    with closing(log_file(path)) as handler:
        start.wait()
        for number in range(2000):
            handler.handle(logging.makeLogRecord({"name": who, "msg": f"{number} {'x' * 100}"}))


def test_who_turn_a_log_file_over_at_once_lose_no_line(tmp_path: Path) -> None:
    start = Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(partial(race, tmp_path / "bck.log", start), "abc"))
    files = sorted(tmp_path.iterdir(), key=lambda one: one.stat().st_size)
    lines = [line.split()[:2] for one in files for line in one.read_text().splitlines()]
    assert sorted(lines) == sorted([who, str(number)] for who in "abc" for number in range(2000))
    assert all(one.stat().st_size > 65536 - 200 for one in files[1:])


@pytest.mark.usefixtures("own_logging")
def test_a_log_file_that_cannot_be_opened_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be opened") as told:
        logs.configure_from(LoggingSettings(file=str(tmp_path / "none" / "bck.log")))
    assert "logging.file" in told.value.advice


def test_a_log_file_has_a_full_path() -> None:
    with pytest.raises(ValidationError, match="full path"):
        LoggingSettings(file="bck.log")


def test_no_word_of_a_pc_steers_who_reads_the_log_or_forges_a_line(stream: io.StringIO) -> None:
    hostile = '\x1b]0;owned\x07\r\n{"message": "forged"}\u202e\x9b31m\u2028'
    logs.get_logger("bck.test").warning(hostile, path=hostile)
    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["path"] == hostile
