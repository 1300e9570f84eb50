"""FileHeadKeeper: the newest entry outlives the process, whoever writes, and never goes back."""

import json
import logging
from multiprocessing import get_context
from pathlib import Path

import pytest

from bck_adapters.audit_head import FileHeadKeeper
from bck_adapters.testkit.contracts_audit import sample_deed
from bckcore.domain.audit import Head, chained
from bckcore.errors import StorageError


def _entry(number):
    return chained(sample_deed(n=number), Head(number=number - 1, digest="before"))


HEADS = [_entry(number).head for number in range(60)]


def _remember(file, first):
    keeper = FileHeadKeeper(Path(file))
    for number in range(first, 60, 3):
        keeper.remember([_entry(number)], HEADS[: number + 1])


def test_it_remembers_the_end_of_what_follows_the_known_one_whatever_the_order(tmp_path):
    keeper = FileHeadKeeper(tmp_path / "audit.head")
    assert keeper.remembered() is None
    keeper.remember([_entry(4), _entry(5)], HEADS[3:6])
    keeper.remember([_entry(3)], HEADS[2:4])
    keeper.remember([], [])
    assert FileHeadKeeper(tmp_path / "audit.head").remembered() == HEADS[5]
    assert (tmp_path / "audit.head").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "chain", [[], HEADS[6:8], HEADS[2:5], [Head(number=5, digest="of another"), *HEADS[6:8]]]
)
def test_what_does_not_follow_the_known_one_never_takes_its_place(tmp_path, chain):
    keeper = FileHeadKeeper(tmp_path / "audit.head")
    keeper.remember([_entry(5)], [HEADS[5]])
    keeper.remember([_entry(7)], chain)
    assert keeper.remembered() == HEADS[5]


def test_the_first_entry_that_strayed_from_the_known_one_is_kept_for_good(tmp_path):
    keeper = FileHeadKeeper(tmp_path / "audit.head")
    keeper.remember([_entry(1)], [])
    assert (keeper.remembered(), keeper.strayed()) == (None, None)
    keeper.remember([_entry(5)], [HEADS[5]])
    assert keeper.strayed() is None
    for number in (3, 4):
        keeper.remember([_entry(number)], [])
        assert (keeper.remembered(), keeper.strayed()) == (HEADS[5], HEADS[3])
    keeper.remember([_entry(6)], HEADS[5:7])
    assert (keeper.remembered(), keeper.strayed()) == (HEADS[6], HEADS[3])


def test_several_processes_never_take_it_back(tmp_path):
    file = tmp_path / "audit.head"
    context = get_context("spawn")
    writers = [context.Process(target=_remember, args=(str(file), first)) for first in (1, 2, 3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert FileHeadKeeper(file).remembered() == HEADS[59]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"number": "1", "digest": 2}',
        b"[]",
        b'{"number": 1, "digest": "", "strayed": 5}',
    ],
)
def test_a_damaged_file_is_told_and_never_stands_in_the_way(tmp_path, caplog, content):
    file = tmp_path / "audit.head"
    file.write_bytes(content)
    keeper = FileHeadKeeper(file)
    with pytest.raises(StorageError, match=r"audit\.head"):
        keeper.remembered()
    with caplog.at_level(logging.ERROR):
        keeper.remember([_entry(1)], [HEADS[1]])
    assert "is not noted" in caplog.text or "not be noted" in caplog.text


def test_each_entry_goes_to_the_log_with_its_digest(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="bck.audit"):
        FileHeadKeeper(tmp_path / "audit.head").remember([_entry(7)], [HEADS[7]])
    (record,) = caplog.records
    assert (record.number, record.digest, record.who) == (7, _entry(7).head.digest, "anna")
    assert json.loads((tmp_path / "audit.head").read_text())["number"] == 7
