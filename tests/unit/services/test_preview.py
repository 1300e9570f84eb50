"""What a preview tells: the same as the run that comes next, and it changes nothing."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from bck_apps.cli.preview import _rules, _view
from bck_apps.cli.screen import show
from bckcore.domain.credential import Credential
from bckcore.domain.filters import FilterOptions
from bckcore.domain.ids import JobId
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.domain.manifest import ChangeOp
from bckcore.domain.paths import ROOT
from bckcore.domain.preview import PreviewOrder, PreviewReport
from bckcore.domain.run import RunOutcome
from bckcore.domain.transfer import Phase, PullOrder, TransferProgress
from bckcore.errors import InvalidInputError, TransferFailedError
from bckcore.ports.transport import PullReport, Transport, Watcher
from bckcore.services.host_rules import SIGNATURE
from bckcore.services.preview import PreviewTally
from bckcore.services.preview_sample import MOST_NAMED, Sample
from bckcore.services.worker import Ending
from tests.support.desks import DOCS_PATH, Desk, Spoiled, T
from tests.support.house import DOCS, PC

PICS = "/home/u/pictures"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir)
    desk.write("a", "b.tmp", "d/c.tmp", "d/e", "cache/1", "cache/2")
    return desk


def preview(desk: Desk) -> dict[str, Any]:
    return desk.house.previews.preview(DOCS, desk.house.watcher).data()


def named(data: dict[str, Any], part: str) -> list[str]:
    return [one["path"] for one in data[part]["first"]]


def test_before_the_first_run_everything_is_new_and_nothing_stands_in_storage(desk: Desk) -> None:
    found = preview(desk)
    assert (found["new"], found["changed"], found["gone"]["count"]) == (9, 0, 0)
    assert (found["bytes"], found["returning"]) == (6 * len(b"data"), 0)
    assert not desk.house.current().exists()


def test_a_preview_tells_what_the_next_run_then_does(desk: Desk) -> None:
    desk.back_up()
    desk.write("a", data=b"other", mtime_ns=T + 1)
    desk.write("new")
    desk.docs.delete(b"cache")
    desk.docs.chmod(b"d/e", 0o600)
    found = preview(desk)
    assert [(one["change"], one["path"]) for one in found["paths"]["first"]] == [
        ("changed", "docs/a"),
        ("attributes", "docs/d/e"),
        ("new", "docs/new"),
    ]
    assert named(found, "gone") == ["docs/cache", "docs/cache/1", "docs/cache/2"]
    desk.back_up()
    assert Counter(desk.changes(2).values()) == {"M": 1, "A": 1, "+": 1, "-": 2}
    assert preview(desk)["paths"]["count"] == 0


def test_what_comes_back_is_new_as_in_the_run_though_nothing_of_it_is_sent(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.back_up()
    desk.house.change_profile(excludes=("*.tmp",))
    desk.docs.delete(b"a")
    desk.back_up()
    desk.house.change_profile(excludes=())
    desk.write("a")
    desk.docs.chmod(b"d/c.tmp", 0o600)
    _, result = as_job(desk)
    found = result.data
    assert (found["new"], found["returning"], found["changed"], found["attributes"]) == (3, 3, 0, 0)
    assert (found["bytes"], {one["path"] for one in found["paths"]["first"]}) == (  # type: ignore[index]  # JSON
        0,
        {"docs/a", "docs/b.tmp", "docs/d/c.tmp"},
    )
    assert "3 of the new are stored already" in desk.log
    assert "3, 3 of them stored already: nothing of those is sent" in shown(desk, result, capsys)
    assert desk.back_up().counts.added == 3
    assert preview(desk)["paths"]["count"] == 0


def test_what_a_run_that_failed_has_brought_is_new_and_not_sent_again(quick_dir: Path) -> None:
    def spoilt(order: PullOrder, report: PullReport) -> PullReport:
        raise TransferFailedError("The connection is gone.")

    broken = Desk(quick_dir, wrapped=lambda inner: cast("Transport", Spoiled(inner, spoilt)))
    broken.write("a", "d/b")
    assert broken.back_up().outcome is RunOutcome.FAILED
    found = preview(broken)
    assert (found["new"], found["returning"], found["bytes"]) == (4, 4, 0)


def test_what_filters_hide_is_told_by_rule_and_what_is_stored_of_it(desk: Desk) -> None:
    desk.back_up()
    desk.docs.write(b"d/.bckignore", b"/e\n", T)
    options = FilterOptions(presets=("temporary@1",), bckignore=True)
    desk.house.change_profile(excludes=("cache/",), filters=options)
    excluded = preview(desk)["excluded"]
    assert (excluded["count"], excluded["stored"]) == (4, 6)
    rules = {(one["rule"], one["file"]): one["count"] for one in excluded["rules"]}
    assert rules == {("*.tmp", ""): 2, ("cache/", ""): 1, ("/d/e", "docs/d/.bckignore"): 1}
    assert named({"x": excluded}, "x") == ["docs/b.tmp", "docs/cache/", "docs/d/c.tmp", "docs/d/e"]


def test_a_rule_of_the_pc_is_shown_with_its_file_and_what_the_profile_says_too_is_the_profiles(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.docs.write(b"f/.bckignore", b"/g/\n*.o\n", T)
    desk.write("f/g/x", "f/a.o", "tagged/x")
    desk.docs.write(b"tagged/CACHEDIR.TAG", SIGNATURE, T)
    options = FilterOptions(bckignore=True, skip_caches=True)
    desk.house.change_profile(excludes=("/f/**/*.o",), filters=options)
    data = preview(desk)
    told = [
        ("/f/**/*.o", "", "docs/f/a.o"),
        ("/f/g/", "docs/f/.bckignore", "docs/f/g/"),
        ("/tagged/*", "docs/tagged/CACHEDIR.TAG", "docs/tagged/x"),
    ]
    assert sorted((one["rule"], one["file"], one["path"]) for one in data["excluded"]["first"]) == told
    assert sorted((one["rule"], one["file"]) for one in data["excluded"]["rules"]) == [
        one[:2] for one in told
    ]
    (shown,) = _rules(data)
    show(False, {}, lambda: shown)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["1", "/f/g/", "docs/f/.bckignore", "docs/f/g/"] in lines
    assert ["1", "/f/**/*.o", "the", "profile", "docs/f/a.o"] in lines


def test_files_above_the_limit_are_named(desk: Desk) -> None:
    desk.write("big", data=b"x" * 100)
    desk.back_up()
    desk.house.change_profile(filters=FilterOptions(max_size=50))
    found = preview(desk)
    assert named(found, "too_large") == ["docs/big"]
    assert (found["gone"]["count"], found["excluded"]["stored"], found["suspect"]) == (0, 1, [])


def test_a_source_that_the_profile_dropped_is_told_as_the_run_then_ends_it(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.use(DOCS_PATH, PICS)
    desk.tree(PICS).write(b"d/p", b"1", T)
    desk.back_up()
    desk.use(DOCS_PATH)
    job, result = as_job(desk)
    assert job is JobStatus.SUCCEEDED
    assert result.data["dropped"] == [{"source": "pictures", "paths": 3}]
    counts = [result.data[name] for name in ("new", "changed", "attributes", "bytes")]
    assert (counts, result.data["gone"]) == ([0, 0, 0, 0], {"count": 0, "first": []})
    assert "3 paths of pictures, which the profile no longer has, are left out" in desk.log
    text = shown(desk, result, capsys)
    assert "A backup would only leave out what is named below." in text
    assert "pictures: 3 paths left out from now on" in text
    run = desk.back_up()
    assert (run.made_point, run.counts.added, run.counts.changed, run.counts.gone) == (True, 0, 0, 0)
    ended = [one for one in desk.house.storage.read_manifest(desk.newest_ref, 2) if one.source == "pictures"]
    assert [one.op for one in ended] == [ChangeOp.EXCLUDED] * 3
    _, again = as_job(desk)
    assert again.data["dropped"] == []
    assert "A backup would change nothing." in shown(desk, again, capsys)
    assert not desk.back_up().made_point


def test_where_no_source_can_be_read_it_ends_as_the_run_would(desk: Desk) -> None:
    desk.use(DOCS_PATH, PICS)
    desk.tree(PICS).write(b"p", b"1", T)
    desk.back_up()
    desk.tree(PICS).delete(bytes(ROOT))
    assert as_job(desk)[0] is JobStatus.PARTIAL
    desk.docs.delete(bytes(ROOT))
    status, ahead = as_job(desk)
    run = desk.back_up()
    assert status is JobStatus.FAILED
    assert run.outcome is RunOutcome.FAILED
    assert ahead.error_code == run.error_code == "source-missing"
    assert f"{ahead.error} {ahead.meaning} {ahead.advice}" == run.error


def as_job(desk: Desk) -> Ending:
    desk.house.watcher.lines.clear()
    claim = desk.house._claimed(JobKind.PREVIEW, {})
    status, result = desk.house.worker.carry_out(claim, desk.house.watcher)
    desk.house.database.queue.finish(claim, status, result)
    return status, result


def shown(desk: Desk, result: JobResult, capsys: pytest.CaptureFixture[str]) -> str:
    job = Job(
        id=JobId("j"),
        kind=JobKind.PREVIEW,
        profile=DOCS,
        host=PC,
        requested_by="ann",
        created=desk.house.clock.now(),
        payload={},
        status=JobStatus.SUCCEEDED,
        result=result,
    )
    show(False, {}, lambda: _view(job))
    return capsys.readouterr().out


def test_it_tells_that_a_run_would_be_suspect(desk: Desk) -> None:
    desk.many(150)
    desk.back_up()
    desk.docs.delete(b"many")
    (told,) = preview(desk)["suspect"]
    assert told.startswith("docs: 151 of ")


def test_what_cannot_be_looked_at_is_a_problem_and_nothing_beneath_counts_as_gone(desk: Desk) -> None:
    desk.back_up()
    desk.docs.chmod(b"d", 0o000)
    found = preview(desk)
    assert (found["problems"]["count"], found["gone"]["count"]) == (1, 0)


def test_storage_and_database_are_as_before(desk: Desk) -> None:
    desk.back_up()
    desk.write("a", data=b"other", mtime_ns=T + 1)
    before = _tree(desk.house.root)
    preview(desk)
    assert _tree(desk.house.root) == before
    with desk.house.database.units(read_only=True) as uow:
        assert [run.seq for run in uow.runs.list(DOCS)] == [1]


def _tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Everything that stands below the root; folders of ``.work``, which come and go, are left out."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
        if path.is_file() or ".work" not in path.parts
    }


def test_as_a_job_it_stands_aside_and_ends_with_its_answer(desk: Desk) -> None:
    assert JobKind.PREVIEW.stands_aside
    status, result = as_job(desk)
    assert status is JobStatus.SUCCEEDED
    assert json.loads(json.dumps(result.data))["new"] == 9
    assert "A backup would send 9 new and 0 changed paths" in desk.log


class _Telling(Spoiled):
    """Reports of a look what it reports of a pull, as rsync does."""

    def preview(self, order: PreviewOrder, credential: Credential | None, watcher: Watcher) -> PreviewReport:
        """See the port."""
        told = TransferProgress(
            phase=Phase.TRANSFERRING, files_seen=9, files_done=3, bytes_done=5, percent=40
        )
        watcher.progress(told)
        return self._inner.preview(order, credential, watcher)


def test_nobody_is_told_that_a_look_transfers_something(quick_dir: Path) -> None:
    telling = Desk(
        quick_dir, wrapped=lambda inner: cast("Transport", _Telling(inner, lambda _, report: report))
    )
    telling.write("a")
    as_job(telling)
    assert {one.phase for one in telling.house.watcher.shown} == {Phase.PREVIEWING}
    (moved,) = (one for one in telling.house.watcher.shown if one.files_seen)
    assert (moved.files_seen, moved.files_done, moved.bytes_done, moved.percent) == (9, 0, 0, 40)


def test_a_bad_filter_is_refused_before_anybody_looks(desk: Desk) -> None:
    desk.house.change_profile(excludes=("[z-a]",))
    with pytest.raises(InvalidInputError):
        preview(desk)


def test_rules_that_are_told_are_bounded_whatever_the_pc_calls_its_folders() -> None:
    tally = PreviewTally()
    for number in range(200):
        tally.rules["x" * 1000 + str(number), "\\u202e" * 680 + str(number)] += 1
    tally.rules["*.tmp", ""] += 5
    data = tally.data()
    assert len(json.dumps(data)) < 160_000
    assert data["excluded"]["rules"][0] == {"rule": "*.tmp", "file": "", "count": 5}  # type: ignore[index]


def test_a_sample_is_bounded_whatever_the_names_are() -> None:
    sample = Sample()
    for number in range(1000):
        sample.add(f"{number}" * 4000, rule="x" * 1000)
    data = sample.data()
    assert data["count"] == 1000
    assert len(json.dumps(data)) < 80_000
    small = Sample()
    for number in range(1000):
        small.add(str(number))
    assert len(small.data()["first"]) == MOST_NAMED  # type: ignore[arg-type]  # a list
