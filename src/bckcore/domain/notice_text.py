"""From notices to one message: a subject of one line and a plain text that says what to do. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256

from bckcore.domain.duration import duration_text
from bckcore.domain.notice import Digest, Notice, NoticeKind, TellingPlan, Waiting, harmless
from bckcore.domain.notice_words import LANGUAGES, Words

MOST_TOLD = 20
"""Notices of a kind that are told in full."""
MOST_NAMED = 200
"""Notices of a kind that at least get a line."""
LONGEST_SUBJECT = 180


def digest_of(items: Sequence[Waiting], plan: TellingPlan, now: datetime) -> Digest:
    """One message about all of these, the worst first."""
    words, order = LANGUAGES[plan.language], list(NoticeKind)
    ordered = sorted(items, key=lambda one: (order.index(one.notice.kind), one.notice.at, one.notice.id))
    marks = "\n".join(f"{one.notice.id} {one.count}" for one in ordered)
    server = harmless(plan.server, 80)
    return Digest(
        id=sha256(f"{server}\n{marks}".encode("utf-8", "backslashreplace")).hexdigest()[:32],
        server=server,
        at=now,
        items=tuple(ordered),
        subject=harmless(f"[bck {server}] {_subject(ordered, words)}", LONGEST_SUBJECT),
        text="\n".join(_lines(ordered, words, server)) + "\n",
    )


def _subject(items: Sequence[Waiting], words: Words) -> str:
    if len(items) == 1:
        return headline(items[0].notice, words)
    counts = Counter(one.notice.kind for one in items)
    parts = []
    for kind, count in counts.items():
        only = next(one.notice for one in items if one.notice.kind is kind)
        several = words.phrases[kind].several.format(count=count)
        parts.append(headline(only, words) if count == 1 else several)
    return "; ".join(parts)


def headline(notice: Notice, words: Words) -> str:
    """What happened, in a few words."""
    return _filled(words.phrases[notice.kind].headline, notice)


def _filled(text: str, notice: Notice) -> str:
    within = duration_text(notice.fresh_within) if notice.fresh_within else ""
    return text.format(
        profile=notice.profile, host=notice.host, seq=notice.seq, problems=notice.problems, within=within
    )


def _lines(items: Sequence[Waiting], words: Words, server: str) -> Iterator[str]:
    yield words.greeting.format(server=server)
    for kind in NoticeKind:
        same = [one for one in items if one.notice.kind is kind]
        for one in same[:MOST_TOLD]:
            yield ""
            yield from _told(one, words)
        if len(same) > MOST_TOLD:
            yield ""
            yield from _named(same[MOST_TOLD:], words)
    yield from ("", words.closing)


def _told(waiting: Waiting, words: Words) -> Iterator[str]:
    notice, phrase = waiting.notice, words.phrases[waiting.notice.kind]
    yield f"* {headline(notice, words)}"
    yield f"  {words.when}: {_when(waiting, words)}"
    yield from (f"  {name}: {value}" for name, value in _facts(notice, words))
    yield f"  {words.means}: {phrase.means}"
    yield f"  {words.do}: {_filled(words.advice.get(notice.code, phrase.do), notice)}"


def _when(waiting: Waiting, words: Words) -> str:
    at = _moment(waiting.notice.at, words)
    if waiting.count == 1:
        return at
    return f"{at} ({words.times.format(count=waiting.count, first=_moment(waiting.first_at, words))})"


def _facts(notice: Notice, words: Words) -> Iterator[tuple[str, str]]:
    if notice.error:
        yield words.says, notice.error
    if notice.kind is NoticeKind.STALE:
        yield words.good_at, _moment(notice.good_at, words) if notice.good_at else words.never_good
        if notice.offline_since:
            yield words.offline, _moment(notice.offline_since, words)
        if notice.told_at:
            yield words.reminder, _moment(notice.told_at, words)


def _named(items: Sequence[Waiting], words: Words) -> Iterator[str]:
    """A line each, and a number for those that are too many even for that."""
    for one in items[:MOST_NAMED]:
        yield f"* {headline(one.notice, words)}, {_when(one, words)}"
    if len(items) > MOST_NAMED:
        yield words.more.format(count=len(items) - MOST_NAMED)


def _moment(moment: datetime, words: Words) -> str:
    return moment.astimezone().strftime(words.moment)
