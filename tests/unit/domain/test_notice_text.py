"""Messages say what happened, what it means and what to do, in two languages and on their own lines."""

import re
from datetime import timedelta
from string import Formatter

import pytest

from bckcore.domain.notice import Digest, Notice, NoticeKind, TellingPlan, Waiting
from bckcore.domain.notice_text import digest_of
from bckcore.domain.notice_words import LANGUAGES
from tests.support.values import NOW

DAY = timedelta(days=1)


def waiting(kind: NoticeKind, number: int = 1, *, count: int = 1, **changes: object) -> Waiting:
    notice = Notice(
        id=f"{kind}/{number}",
        kind=kind,
        at=NOW + number * timedelta(seconds=1),
        host=f"pc{number}",
        profile="docs",
        seq=number,
        fresh_within=3 * DAY,
        **changes,  # type: ignore[arg-type]  # fields of a notice
    )
    return Waiting(notice=notice, first_at=NOW, count=count)


def told(*items: Waiting, language: str = "en") -> Digest:
    plan = TellingPlan(kinds=frozenset(NoticeKind), language=language, server="backup.lan")
    return digest_of(items, plan, NOW)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_every_kind_has_its_three_parts_in_every_language(language: str, kind: NoticeKind) -> None:
    words, digest = LANGUAGES[language], told(waiting(kind), language=language)
    assert digest.subject.startswith("[bck backup.lan] ")
    for part in (words.means, words.do, words.when):
        assert len(re.findall(rf"^  {re.escape(part)}: \S", digest.text, re.MULTILINE)) == 1
    assert "{" not in digest.text + digest.subject


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_the_languages_fill_in_the_same_things(kind: NoticeKind) -> None:
    def filled(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    english, italian = (LANGUAGES[name].phrases[kind] for name in ("en", "it"))
    assert filled(english.headline + english.do) == filled(italian.headline + italian.do)
    assert english.means != italian.means
    assert set(LANGUAGES["en"].advice) == set(LANGUAGES["it"].advice)


def test_one_notice_is_the_subject_and_several_are_counted_the_worst_first() -> None:
    assert told(waiting(NoticeKind.FAILED)).subject == "[bck backup.lan] docs on pc1: the backup failed"
    many = [waiting(NoticeKind.FAILED, number) for number in range(500)]
    digest = told(*many, waiting(NoticeKind.STALE, 501), waiting(NoticeKind.RECOVERED, 502))
    assert digest.subject == (
        "[bck backup.lan] docs on pc501: no good backup within 3d; 500 failed backups; "
        "docs on pc502: good again"
    )
    assert digest.text.index("pc501") < digest.text.index("pc0:") < digest.text.index("pc502")
    assert len(digest.text.splitlines()) < 500
    assert "and 280 more" in digest.text


def test_a_stale_profile_tells_how_old_its_backup_is_and_why() -> None:
    text = told(
        waiting(NoticeKind.STALE, good_at=NOW - 9 * DAY, offline_since=NOW - 2 * DAY, told_at=NOW - 7 * DAY),
        language="it",
    ).text
    assert "docs su pc1: nessun backup buono entro 3d" in text
    assert "Ultimo backup buono: " in text
    assert "Il PC non risponde dal: " in text
    assert "Promemoria; già detto il: " in text
    assert "non c'è mai stato" in told(waiting(NoticeKind.STALE), language="it").text


def test_what_was_folded_is_counted() -> None:
    assert "(3 times since " in told(waiting(NoticeKind.FAILED, count=3)).text


def test_an_error_that_is_known_brings_its_own_advice() -> None:
    text = told(waiting(NoticeKind.FAILED, code="rsync-missing", error="There is no rsync.")).text
    assert "The program says: There is no rsync." in text
    assert "Install rsync on the PC" in text


def test_the_id_is_that_of_the_notices_and_not_of_the_moment() -> None:
    one, two = waiting(NoticeKind.FAILED, 1), waiting(NoticeKind.FAILED, 2)
    plan = TellingPlan(kinds=frozenset(NoticeKind))
    again = digest_of([two, one], plan, NOW + DAY)
    assert digest_of([one, two], plan, NOW).id == again.id
    assert digest_of([one], plan, NOW).id != again.id
    assert digest_of([waiting(NoticeKind.FAILED, 1, count=2), two], plan, NOW).id != again.id


def test_a_name_of_the_server_that_would_end_the_line_does_not() -> None:
    plan = TellingPlan(kinds=frozenset(NoticeKind), server="x\r\nBcc: y")
    digest = digest_of([waiting(NoticeKind.FAILED)], plan, NOW)
    assert digest.subject.startswith("[bck x\\x0d\\x0aBcc: y] ")
    assert "\nBcc" not in digest.text
