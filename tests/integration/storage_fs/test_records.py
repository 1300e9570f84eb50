"""Receipts and manifests: durable, exact, and never silently replaced."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from bck_adapters.testkit.samples import sample_act
from bckcore.domain.act import digest as act_digest
from bckcore.domain.act import encoded as encoded_act
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath
from bckcore.domain.receipt import Receipt
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import ProfileRef, Run, RunOutcome
from bckcore.errors import ConflictError, NotFoundError, StorageError
from tests.support.storage_fs import REF, SOURCE, cut_at, cut_everywhere, new_store, plant, run_id

WHEN = datetime(2025, 1, 1, tzinfo=UTC)
FOLDER = Path("store", ".receipts", REF.host, REF.profile)


def receipt(seq: int, previous: str = "") -> Receipt:
    run = Run(
        id=run_id(seq), profile=REF.profile, host=REF.host, job=JobId(f"job{seq}"), seq=seq, started=WHEN,
        finished=WHEN, outcome=RunOutcome.SUCCEEDED, made_point=True,
    )  # fmt: skip
    return Receipt(
        run=run,
        counted=Counted.COUNTED,
        manifest=None,
        head=None,
        depth=0,
        filters=("*.tmp",),
        previous=previous,
    )


def change(path: bytes, op: ChangeOp = ChangeOp.ADDED) -> Change:
    return Change(SOURCE, op, FileEntry(RelPath(path), EntryKind.FILE, 0o644, 1, 2, 3, 4, b"", b"\x01\xff"))


CHANGES = [change(path) for path in (b"a", b"new\nline", b"tab\there", b"\xff%", b"-", b"x" * 5000)]
CHANGES.append(change(b"gone", ChangeOp.GONE))


def test_a_manifest_comes_back_as_written(tmp_path):
    storage = new_store(tmp_path)
    info = storage.write_manifest(REF, seq=7, base=3, changes=iter(CHANGES))
    assert list(storage.read_manifest(REF, 7)) == CHANGES
    file = tmp_path / FOLDER / "000007.tsv.gz"
    assert (info.seq, info.base, info.lines) == (7, 3, len(CHANGES))
    assert info.sha256 == sha256(file.read_bytes()).hexdigest()
    assert os.listdir(file.parent) == [file.name]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_shell_can_read_a_manifest(tmp_path, require_tool):
    new_store(tmp_path).write_manifest(REF, seq=1, base=None, changes=CHANGES)
    program = [require_tool("gzip"), "-dc", str(tmp_path / FOLDER / "000001.tsv.gz")]
    lines = subprocess.run(program, check=True, capture_output=True).stdout.decode("ascii").splitlines()
    assert lines[0] == "# bck-manifest 1 1 -"
    assert len(lines) == 1 + len(CHANGES)
    assert {line.count("\t") for line in lines[1:]} == {10}


def test_the_same_changes_give_the_same_bytes_and_an_earlier_manifest_is_replaced(tmp_path):
    storage = new_store(tmp_path)
    first = storage.write_manifest(REF, seq=1, base=None, changes=CHANGES)
    storage.write_manifest(REF, seq=1, base=None, changes=CHANGES[:1])
    assert list(storage.read_manifest(REF, 1)) == CHANGES[:1]
    assert storage.write_manifest(REF, seq=1, base=None, changes=CHANGES) == first


def test_a_manifest_is_written_and_read_by_streaming(tmp_path):
    storage = new_store(tmp_path)
    many = (change(b"%d" % number) for number in range(20_000))
    assert storage.write_manifest(REF, seq=1, base=None, changes=many).lines == 20_000
    lines = storage.read_manifest(REF, 1)
    assert next(lines) == change(b"0")
    del lines  # closes the file


def test_a_missing_manifest_is_not_found(tmp_path):
    storage = new_store(tmp_path)
    with pytest.raises(NotFoundError):
        list(storage.read_manifest(REF, 1))
    storage.write_manifest(REF, seq=1, base=None, changes=[])
    with pytest.raises(NotFoundError):
        list(storage.read_manifest(REF, 2))


def test_a_damaged_manifest_is_an_error_not_a_short_list(tmp_path):
    storage = new_store(tmp_path)
    storage.write_manifest(REF, seq=1, base=None, changes=CHANGES * 50)
    file = tmp_path / FOLDER / "000001.tsv.gz"
    whole = file.read_bytes()
    flipped = whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]
    foreign = gzip.compress(b"# bck-manifest 1 2 -\n")
    for damaged in (
        whole[:-9],
        whole[:30],
        b"",
        b"no gzip",
        flipped,
        foreign,
        gzip.compress(b"# bck-manifest 1 1 -\nx\n"),
    ):
        file.write_bytes(damaged)
        with pytest.raises(StorageError):
            list(storage.read_manifest(REF, 1))


def test_receipts_come_back_by_number_with_their_digests(tmp_path):
    storage = new_store(tmp_path)
    digests = [storage.write_receipt(receipt(seq)) for seq in (2, 10, 1)]
    assert [(r.run.seq, digest) for r, digest in storage.receipts(REF)] == [
        (1, digests[2]),
        (2, digests[0]),
        (10, digests[1]),
    ]
    assert [r for r, _ in storage.receipts(REF, after_seq=1)] == [receipt(2), receipt(10)]
    raw = (tmp_path / FOLDER / "000002.json").read_bytes()
    assert sha256(raw).hexdigest() == digests[0]
    assert json.loads(raw)["seq"] == 2


def test_a_receipt_is_never_replaced(tmp_path):
    storage = new_store(tmp_path)
    digest = storage.write_receipt(receipt(1))
    assert storage.write_receipt(receipt(1)) == digest
    with pytest.raises(ConflictError):
        storage.write_receipt(receipt(1, previous="other"))
    assert [found for _, found in storage.receipts(REF)] == [digest]


def test_a_receipt_cut_at_any_change_is_there_whole_or_not_at_all(tmp_path):
    storage = new_store(tmp_path)
    seq = 0

    def scene():
        nonlocal seq
        seq += 1
        return lambda: storage.write_receipt(receipt(seq)) and None

    def check() -> None:
        assert [r.run.seq for r, _ in storage.receipts(REF)] == list(range(1, seq + 1))
        assert len(os.listdir(tmp_path / FOLDER)) == seq

    assert cut_everywhere(scene, check) >= 2


def test_a_manifest_cut_midway_leaves_the_earlier_one(tmp_path):
    storage = new_store(tmp_path)
    storage.write_manifest(REF, seq=1, base=None, changes=CHANGES)
    for number in (1, 2, 3):
        with cut_at(number) as seen:
            storage.write_manifest(REF, seq=1, base=None, changes=CHANGES[:1])
        if len(seen) >= number:
            assert list(storage.read_manifest(REF, 1)) == CHANGES


def test_a_receipt_of_another_run_is_damage(tmp_path):
    storage = new_store(tmp_path)
    storage.write_receipt(receipt(1))
    (tmp_path / FOLDER / "000001.json").rename(tmp_path / FOLDER / "000002.json")
    with pytest.raises(StorageError):
        list(storage.receipts(REF))


def test_profiles_are_those_with_receipts_or_files(tmp_path):
    storage = new_store(tmp_path)

    def ref(host: str, profile: str) -> ProfileRef:
        return ProfileRef(host=HostId(host), profile=ProfileId(profile))

    assert storage.profiles() == []
    base = receipt(1)
    storage.write_receipt(replace(base, run=replace(base.run, host=HostId("b"), profile=ProfileId("z"))))
    attempt = storage.begin_attempt(ref("b", "a"), run_id(1), SOURCE)
    storage.begin_attempt(ref("c", "empty"), run_id(2), SOURCE)
    plant(attempt.destination, {b"f": b"1"})
    plant(tmp_path / "store" / "current" / "lost+found" / "x", {b"f": b"1"})
    assert storage.profiles() == [ref("b", "a"), ref("b", "z")]


def test_acts_come_back_as_written_by_number_and_are_never_replaced(tmp_path):
    storage = new_store(tmp_path)
    first, second = (replace(sample_act(n), host=REF.host, profile=REF.profile) for n in (1, 2))
    for act in (second, first, first):
        assert storage.write_act(act) == act_digest(encoded_act(act))
    assert [act for act, _ in storage.acts(REF)] == [first, second]
    assert [act for act, _ in storage.acts(REF, after=1)] == [second]
    assert list(storage.receipts(REF)) == []
    with pytest.raises(ConflictError):
        storage.write_act(replace(first, reason="another"))


def test_an_act_under_another_number_is_refused(tmp_path):
    storage = new_store(tmp_path)
    storage.write_act(replace(sample_act(1), host=REF.host, profile=REF.profile))
    (tmp_path / FOLDER / "act-000001.json").rename(tmp_path / FOLDER / "act-000002.json")
    with pytest.raises(StorageError, match="names another"):
        list(storage.acts(REF))


def test_one_damaged_record_keeps_nobody_from_reading_the_others(tmp_path):
    storage = new_store(tmp_path)
    digests = {seq: storage.write_receipt(receipt(seq)) for seq in (1, 2, 3)}
    acts = {number: storage.write_act(_own_act(number)) for number in (1, 2)}
    info = storage.write_manifest(REF, seq=2, base=None, changes=iter(CHANGES))
    (tmp_path / FOLDER / "000002.json").write_bytes(b"{")
    (tmp_path / FOLDER / "act-000001.json").write_bytes(b"")
    (tmp_path / FOLDER / "12.json").write_bytes(b"no name of ours")
    numbers = storage.record_numbers(REF)
    assert (numbers.receipts, numbers.manifests, numbers.acts) == ((1, 2, 3), (2,), (1, 2))
    assert storage.read_receipt(REF, 3) == (receipt(3), digests[3])
    assert storage.read_act(REF, 2) == (_own_act(2), acts[2])
    assert storage.manifest_digest(REF, 2) == info.sha256
    with pytest.raises(StorageError):
        storage.read_receipt(REF, 2)
    with pytest.raises(StorageError):
        storage.read_act(REF, 1)
    for missing in (lambda: storage.read_receipt(REF, 9), lambda: storage.manifest_digest(REF, 1)):
        with pytest.raises(NotFoundError):
            missing()


def test_a_record_set_aside_frees_its_number_and_is_not_deleted(tmp_path):
    storage = new_store(tmp_path)
    storage.write_receipt(receipt(1))
    for content in (b"first", b"second"):
        (tmp_path / FOLDER / "000001.json").write_bytes(content)
        storage.set_aside(REF, receipt=1)
        storage.set_aside(REF, receipt=1)
    storage.write_act(_own_act(1))
    storage.set_aside(REF, act=1)
    assert storage.record_numbers(REF).receipts == storage.record_numbers(REF).acts == ()
    aside = sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    assert aside == ["000001.json.damaged", "000001.json.damaged+", "act-000001.json.damaged"]


def test_a_plan_is_replaced_whole_and_read_as_written(tmp_path):
    storage = new_store(tmp_path)
    assert storage.read_plan(REF) is None
    for raw in (b"first\n", b"second"):
        storage.write_plan(REF, raw)
        assert storage.read_plan(REF) == raw
    assert storage.profiles() == [REF]


def test_a_link_in_the_place_of_a_record_is_not_followed(tmp_path):
    storage = new_store(tmp_path)
    storage.write_receipt(receipt(1))
    place = tmp_path / FOLDER / "000001.json"
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        storage.read_receipt(REF, 1)


def test_increments_that_hold_something_of_the_profile_are_listed_by_run(tmp_path):
    storage = new_store(tmp_path)
    history = tmp_path / "store" / ".history"
    for seq, host in ((2, REF.host), (1, REF.host), (3, "other")):
        (history / run_id(seq) / host / REF.profile / "docs").mkdir(parents=True)
    (history / run_id(4) / REF.host / REF.profile).mkdir(parents=True)
    (history / "no-run" / REF.host / REF.profile / "docs").mkdir(parents=True)
    assert list(storage.increments(REF)) == [run_id(1), run_id(2)]


def _own_act(number: int):
    return replace(sample_act(number), profile=REF.profile, host=REF.host)
