"""What people read before and after an undo, an acceptance and a forgetting."""

from pathlib import Path

import pytest

from bck_apps.cli import history
from bck_apps.cli.screen import show
from bckcore.domain.hold import Hold
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.errors import InvalidInputError
from bckcore.services.history import forget_data
from bckcore.services.history_requests import AcceptRequest, UndoRequest
from tests.support.desks import Desk, T
from tests.support.house import DOCS
from tests.support.rewriting import Rewriting
from tests.support.values import NOW


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Two points and a suspect run; odd names."""
    desk = Desk(tmp_path)
    desk.write("a", "gone\nnow", "end [1]", data=b"good")
    desk.many(150)
    desk.back_up()
    desk.write("a", "new", data=b"evil", mtime_ns=T + 1)
    desk.docs.delete(b"gone\nnow")
    desk.back_up()
    desk.docs.delete(b"many")
    desk.back_up()
    return desk


def test_an_undo_is_told_before_it_is_done(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Rewriting(desk.house).undos.plan(DOCS, UndoRequest(run="2"))
    show(False, {}, lambda: history._undo_view(plan))
    told = capsys.readouterr()
    assert "1 come back (+), 1 get other content (M), 0 become" in told.err
    assert "runs undone: 2." in told.err
    rows = [line.split(maxsplit=1) for line in told.out.splitlines()[1:]]
    assert any(row[0] == "+" and row[1].startswith("docs/gone\\nnow") for row in rows)
    assert any(row[0] == "-" and row[1].startswith("docs/new") for row in rows)


def test_an_acceptance_is_told_before_it_is_done(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Rewriting(desk.house).accepts.plan(DOCS, AcceptRequest(reason="x"))
    show(False, {}, lambda: history._accept_view(plan))
    told = capsys.readouterr()
    assert "A folder stands for all in it." in told.err
    assert told.out.splitlines()[1].split() == ["folder", "docs/many"]


def test_a_forgetting_tells_points_holds_what_stays_and_what_comes_back(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    with desk.house.database.units() as uow:
        uow.holds.put(Hold(profile=DOCS, seq=2, reason="audit", owner="anna", created=NOW))
        uow.commit()
    plan = Rewriting(desk.house).forgets.plan(DOCS, b"docs/end [1]")
    show(False, {}, lambda: history._forget_view(plan))
    told = capsys.readouterr()
    assert "Points that would no longer show docs/end [1]: 1, 2." in told.err
    assert "Point 2 is held by anna: audit. The hold keeps the point, not this path." in told.err
    assert "stay in earlier manifests" in told.err
    assert "add the rule /end \\[1] to the excludes" in told.err
    assert told.out.splitlines()[1].split()[:2] == ["current", "1"]


def test_nothing_is_removed_unasked(desk: Desk) -> None:
    plan = Rewriting(desk.house).forgets.plan(DOCS, b"docs/a")
    with pytest.raises(InvalidInputError, match="nobody can be asked"):
        history._confirm(plan, yes=False, as_json=True)
    history._confirm(plan, yes=True, as_json=True)


def test_what_was_removed_is_told_afterwards(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    data = forget_data(Rewriting(desk.house).forgets.plan(DOCS, b"docs/a"))
    job = Job(
        id="j",  # type: ignore[arg-type]  # a plain text
        kind=JobKind.FORGET,
        profile=DOCS,
        host=desk.newest_ref.host,
        requested_by="anna",
        created=NOW,
        status=JobStatus.SUCCEEDED,
        result=JobResult(data=data),
    )
    show(False, {}, lambda: history._forgotten_view(job))
    told = capsys.readouterr().out
    assert "docs/a" in told
    assert "the next backup stores it again" in told


def test_runs_are_listed_with_kind_and_end(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    Rewriting(desk.house).accept()
    with desk.house.database.units(read_only=True) as uow:
        runs = uow.runs.list(DOCS)
    show(False, {}, lambda: history._runs_table(runs))
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("1", "backup", "succeeded"),
        ("2", "backup", "succeeded"),
        ("3", "backup", "suspect"),
        ("4", "accept", "succeeded"),
    ]
    assert "files-missing" in rows[2]
