"""Whatever stands in a name or an error: a message keeps its lines, a subject is one, a file reads back."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from bck_adapters.notify.form import parsed_waiting, waiting_json
from bckcore.domain.notice import Notice, NoticeKind, TellingPlan, Waiting
from bckcore.domain.notice_text import digest_of
from tests.support.values import NOW

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=900)
HOSTILE = st.one_of(ANY_TEXT, st.text("\r\n.:\x00\x1b\u202e\u2028 a", max_size=40))


@given(
    host=HOSTILE,
    profile=HOSTILE,
    code=HOSTILE,
    error=HOSTILE.filter(bool),
    server=HOSTILE,
    kind=st.sampled_from(NoticeKind),
    language=st.sampled_from(["en", "it"]),
)
def test_nothing_from_outside_adds_a_line_or_steers_who_reads(
    host: str, profile: str, code: str, error: str, server: str, kind: NoticeKind, language: str
) -> None:
    plan = TellingPlan(kinds=frozenset(NoticeKind), language=language, server=server)
    plain = Notice(id="1", kind=kind, at=NOW, host="h", profile="p", code="c", error="e")
    hostile = Notice(id="1", kind=kind, at=NOW, host=host, profile=profile, code=code, error=error)
    expected, made = (
        digest_of([Waiting(notice=notice, first_at=NOW)], plan, NOW) for notice in (plain, hostile)
    )
    assert len(made.text.splitlines()) == len(expected.text.splitlines())
    assert len(made.subject) <= 180
    for line in (made.subject, made.server, *made.text.split("\n")):
        assert not [char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@given(
    host=HOSTILE,
    error=HOSTILE,
    kind=st.sampled_from(NoticeKind),
    count=st.integers(1, 10**9),
    told=st.booleans(),
)
def test_what_waits_reads_back_as_it_was_written(
    host: str, error: str, kind: NoticeKind, count: int, told: bool
) -> None:
    notice = Notice(id=host, kind=kind, at=NOW, host=host, error=error, told_at=NOW if told else None)
    waiting = Waiting(notice=notice, first_at=NOW, count=count)
    assert parsed_waiting(waiting_json(waiting)) == waiting
