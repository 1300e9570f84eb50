"""What of an event is told, and that nothing from outside can steer who reads it."""

import unicodedata
from dataclasses import replace
from datetime import timedelta

import pytest

from bckcore.domain.events import (
    Event,
    HostKeyRefused,
    HostUnreachable,
    PointsPruned,
    ProfileRecovered,
    ProfileStale,
    RunFinished,
)
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.notice import (
    Notice,
    NoticeKind,
    TellingPlan,
    Told,
    Waiting,
    harmless,
    keeps_quiet,
    noticed,
)
from bckcore.domain.notice_text import digest_of
from bckcore.domain.run import Run, RunKind, RunOutcome
from bckcore.errors import (
    BckError,
    ContentForgedError,
    HostKeyChangedError,
    HostUnreachableError,
    SentTwiceError,
    StoreFullError,
    TransferFailedError,
)
from tests.support.values import NOW, run_id

HOUR = timedelta(hours=1)
PC, DOCS = HostId("pc1"), ProfileId("docs")
RUN = Run(id=run_id(1), profile=DOCS, host=PC, job=JobId("j"), seq=7, started=NOW)
STALE = ProfileStale(profile=DOCS, host=PC, at=NOW, fresh_within=HOUR, good_at=None, offline_since=None)
PLAN = TellingPlan(kinds=frozenset(NoticeKind))


@pytest.mark.parametrize(
    ("outcome", "error", "problems", "kind"),
    [
        (RunOutcome.SUCCEEDED, None, 0, NoticeKind.SUCCEEDED),
        (RunOutcome.PARTIAL, None, 3, NoticeKind.PARTIAL),
        (RunOutcome.PARTIAL, None, 0, None),
        (RunOutcome.SUSPECT, None, 0, NoticeKind.SUSPECT),
        (RunOutcome.FAILED, TransferFailedError("rsync ended"), 0, NoticeKind.FAILED),
        (RunOutcome.FAILED, StoreFullError("no room"), 0, NoticeKind.STORAGE_FULL),
        (RunOutcome.FAILED, HostKeyChangedError("another"), 0, NoticeKind.HOST_KEY),
        (RunOutcome.PARTIAL, ContentForgedError("forged"), 1, NoticeKind.HOSTILE),
        (RunOutcome.FAILED, SentTwiceError("twice"), 0, NoticeKind.HOSTILE),
        (RunOutcome.FAILED, HostUnreachableError("off"), 0, None),
        (RunOutcome.CANCELLED, None, 0, None),
    ],
)
def test_what_is_told_of_a_run(
    outcome: RunOutcome, error: BckError | None, problems: int, kind: NoticeKind | None
) -> None:
    run = replace(RUN, problem_count=problems).ended(outcome, NOW + HOUR, error)
    notice = noticed(RunFinished(run=run))
    assert (notice and notice.kind) == kind
    if notice:
        assert (notice.id, notice.at, notice.seq) == (f"run/{RUN.id}", NOW + HOUR, 7)
        assert (notice.code, notice.problems) == (error.code if error else "", problems)


def test_what_a_person_did_and_saw_is_not_told() -> None:
    for kind in (RunKind.UNDO, RunKind.ACCEPT):
        run = replace(RUN, kind=kind).ended(RunOutcome.SUCCEEDED, NOW)
        assert noticed(RunFinished(run=run)) is None


def test_what_is_told_of_other_events() -> None:
    events: list[tuple[Event, NoticeKind | None]] = [
        (HostUnreachable(host=PC, at=NOW, why="off"), NoticeKind.UNREACHABLE),
        (PointsPruned(profile=DOCS, decisions=()), None),
        (STALE, NoticeKind.STALE),
        (ProfileRecovered(profile=DOCS, host=PC, at=NOW, told_at=NOW), NoticeKind.RECOVERED),
    ]
    for event, kind in events:
        notice = noticed(event)
        assert (notice and notice.kind) == kind


def test_another_host_key_is_told_with_both_and_what_to_do_about_it() -> None:
    event = HostKeyRefused(
        host=PC, at=NOW, address="192.0.2.7", pinned=("SHA256:old",), shown=("SHA256:new",)
    )
    notice = noticed(event)
    assert notice is not None
    assert notice.error == "Pinned: SHA256:old; shown: SHA256:new. It came from 192.0.2.7."
    for language in ("en", "it"):
        text = digest_of([Waiting(notice=notice, first_at=NOW)], replace(PLAN, language=language), NOW).text
        assert "bck host enrol pc1 --replace-host-key" in text
        assert "SHA256:old" in text


def test_told_twice_by_two_processes_it_has_the_same_id_and_a_reminder_has_another() -> None:
    first, again = noticed(STALE), noticed(replace(STALE, at=NOW + HOUR))
    reminder = noticed(replace(STALE, told_at=NOW))
    assert first is not None
    assert again is not None
    assert reminder is not None
    assert first.id == again.id != reminder.id
    assert first.key == reminder.key


def test_stale_and_good_again_end_one_another() -> None:
    stale = noticed(STALE)
    good = noticed(ProfileRecovered(profile=DOCS, host=PC, at=NOW, told_at=NOW))
    assert stale is not None
    assert good is not None
    assert (stale.ends, good.ends) == (good.key, stale.key)
    failed = Notice(id="1", kind=NoticeKind.FAILED, at=NOW)
    assert failed.ends == ""


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\r\nBcc: all@x", "a\\x0d\\x0aBcc: all@x"),
        ("a\x1b[2J\x07\x00b", "a\\x1b[2J\\x07\\x00b"),
        ("ricevuta\u202etxt.exe", "ricevuta\\u202etxt.exe"),
        ("a\u2028b\u2029c\x85d\u200b", "a\\u2028b\\u2029c\\x85d\\u200b"),
        ("\udcff\U000e0041", "\\udcff\\U000e0041"),
        ("già, 文件 {x} %s", "già, 文件 {x} %s"),
        ("é" * 700, "é" * 596 + " […]"),
        ("\n" * 200, ("\\x0a" * 200)[:596] + " […]"),
        ("é" * 600, "é" * 600),
    ],
)
def test_what_steers_or_ends_a_line_is_escaped(hostile: str, shown: str) -> None:
    assert harmless(hostile) == harmless(shown) == shown
    assert all(unicodedata.category(char)[0] != "C" for char in harmless(hostile))


def test_texts_of_a_notice_are_harmless() -> None:
    run = replace(RUN, host=HostId("p\nc"), profile=ProfileId("d\roc")).ended(
        RunOutcome.FAILED, NOW, TransferFailedError("x\n\nSubject: y" + "z" * 9000)
    )
    notice = noticed(RunFinished(run=run))
    assert notice
    assert (notice.host, notice.profile) == ("p\\x0ac", "d\\x0doc")
    assert notice.error.startswith("x\\x0a\\x0aSubject: y")
    assert len(notice.error) == 600


def test_what_was_told_is_kept_quiet_for_a_while_but_for_turns_of_things() -> None:
    failed = Waiting(notice=Notice(id="1", kind=NoticeKind.FAILED, at=NOW), first_at=NOW)
    stale = Waiting(notice=Notice(id="2", kind=NoticeKind.STALE, at=NOW), first_at=NOW)
    told = Told(id="0", at=NOW)
    assert keeps_quiet(failed, None, PLAN, NOW) == timedelta()
    assert keeps_quiet(failed, told, PLAN, NOW + HOUR / 4) == HOUR * 3 / 4
    assert keeps_quiet(failed, told, PLAN, NOW + HOUR) == timedelta()
    assert keeps_quiet(failed, told, PLAN, NOW - HOUR) == timedelta()  # a clock that was wrong
    assert keeps_quiet(stale, told, PLAN, NOW) == timedelta()
