"""Lines of the audit log: one form, a chain, and every way to break it shows."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bckcore.domain.audit import (
    LONGEST_VALUE,
    MOST_ABOUT,
    START,
    Action,
    Actor,
    Deed,
    Entry,
    Head,
    Origin,
    Outcome,
    about,
    advanced,
    chained,
    decoded,
    digest,
    encoded,
    followed,
)
from bckcore.domain.audit_proof import Break, proved
from bckcore.errors import StorageError

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
texts = st.text(st.characters(), max_size=50)


def deed(number: int = 0, **values: object) -> Deed:
    actor = Actor(name="anna", origin=Origin.API, address="192.0.2.1")
    return Deed(at=AT, actor=actor, action=Action.HOLD, outcome=Outcome.DONE, about=about(n=number, **values))


def log(count: int) -> list[bytes]:
    entries: list[Entry] = []
    for number in range(count):
        entries.append(chained(deed(number), entries[-1].head if entries else START))
    return [encoded(entry) for entry in entries]


def head_of(lines: list[bytes]) -> Head:
    return decoded(lines[-1]).head


@given(
    who=texts,
    address=texts,
    pairs=st.dictionaries(texts, texts, max_size=5),
    origin=st.sampled_from(Origin),
    action=st.sampled_from(Action),
    outcome=st.sampled_from(Outcome),
    at=st.datetimes(timezones=st.just(UTC)),
)
def test_a_line_is_ascii_on_one_line_and_gives_back_its_entry(
    who, address, pairs, origin, action, outcome, at
):
    actor = Actor(name=who, origin=origin, address=address)
    told = Deed(at=at, actor=actor, action=action, outcome=outcome, about=tuple(sorted(pairs.items())))
    entry = chained(told, Head(number=3, digest="abc"))
    line = encoded(entry)
    assert all(32 <= byte < 127 for byte in line)
    assert decoded(line) == entry


def test_the_same_moment_in_another_zone_is_the_same_line():
    other = AT.astimezone(timezone(timedelta(hours=2)))
    assert encoded(chained(deed(), START)) == encoded(
        chained(
            Deed(at=other, actor=deed().actor, action=Action.HOLD, outcome=Outcome.DONE, about=deed().about),
            START,
        )
    )


def test_values_are_cut_and_empty_ones_left_out():
    told = dict(about(long="x" * 9999, nothing="", none=None, zero=0, **{f"n{n}": n for n in range(99)}))
    assert len(told) == MOST_ABOUT
    assert len(dict(about(long="x" * 9999))["long"]) == LONGEST_VALUE
    assert dict(about(nothing="", none=None, zero=0)) == {"zero": "0"}


@given(st.binary(max_size=300))
def test_what_is_no_line_is_an_error_of_ours(raw):
    with pytest.raises(StorageError):
        decoded(raw)


@given(st.data())
def test_any_changed_byte_shows(data):
    lines = log(6)
    place = data.draw(st.integers(0, 5))
    at = data.draw(st.integers(0, len(lines[place]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != lines[place][at]))
    head = head_of(lines)
    lines[place] = lines[place][:at] + bytes((byte,)) + lines[place][at + 1 :]
    assert not proved(lines, head).ok


def test_a_whole_log_is_proved():
    lines = log(5)
    proof = proved(lines, head_of(lines))
    assert (proof.ok, proof.entries, proof.newest) == (True, 5, head_of(lines))


def found(lines, head=None):
    return [(one.kind, one.first, one.last) for one in proved(lines, head).breaks]


def test_the_place_and_the_way_of_each_break_is_told():
    lines = log(9)
    head = head_of(lines)
    assert found(lines[:3] + lines[5:], head) == [(Break.REMOVED, 4, 5)]
    assert found(lines[4:], head) == [(Break.REMOVED, 1, 4)]
    assert found([*lines[:2], lines[3], lines[2], *lines[4:]], head) == [(Break.REORDERED, 3, 3)]
    assert found([*lines[:4], lines[3], *lines[4:]], head) == [(Break.REORDERED, 4, 4)]
    assert found(lines[:7], head) == [(Break.TRUNCATED, 8, 9)]
    assert found([], head) == [(Break.TRUNCATED, 1, 9)]
    assert found([*lines[:3], b"\xff\x1b]0;x", *lines[4:]], head)[0] == (Break.UNREADABLE, 4, 4)


def test_an_emptied_log_is_not_whole_though_nothing_is_remembered():
    """The attack: all rows and what is remembered of them are gone."""
    assert found([]) == [(Break.EMPTY, 1, 1)]
    assert "emptied" in proved([]).breaks[0].sentence


def test_a_line_that_was_written_anew_shows_by_the_next_one():
    lines = log(5)
    forged = encoded(Entry(number=3, deed=deed(99), previous=digest(lines[1])))
    assert found([*lines[:2], forged, *lines[3:]]) == [(Break.CHANGED, 3, 3)]


def test_a_past_that_was_written_anew_to_the_end_shows_by_what_is_remembered():
    lines = log(5)
    forged = log(5)[:2]
    for number in (3, 4, 5):
        forged.append(encoded(chained(deed(number + 50), decoded(forged[-1]).head)))
    assert found(forged) == []
    assert found(forged, head_of(lines)) == [(Break.CHANGED, 5, 5)]
    longer = [*forged, encoded(chained(deed(6), decoded(forged[-1]).head))]
    assert found(longer, head_of(lines)) == [(Break.CHANGED, 5, 5)]


def test_the_newest_line_shows_only_by_what_is_remembered():
    lines = log(3)
    forged = [*lines[:2], encoded(Entry(number=3, deed=deed(99), previous=digest(lines[1])))]
    assert found(forged) == []
    assert found(forged, head_of(lines)) == [(Break.CHANGED, 3, 3)]


@given(st.lists(st.sampled_from(log(6)) | st.binary(max_size=40), max_size=12))
def test_no_lines_whatever_make_it_fail(lines):
    assert proved(lines, Head(number=6, digest="x")).entries == len(lines)


@given(
    cut=st.integers(0, 7),
    written=st.lists(st.integers(50, 60), max_size=6),
    remembered=st.integers(1, 8),
)
def test_a_head_is_replaced_only_by_one_that_follows_it(cut, written, remembered):
    """Whatever is cut off and written anew, unless what is remembered is still there with its digest."""
    lines = log(8)
    head = head_of(lines[:remembered])
    now = lines[:cut]
    for number in written:
        now.append(encoded(chained(deed(number), head_of(now) if now else START)))
    rows = [(number, line) for number, line in enumerate(now, 1) if number >= remembered]
    after = advanced(head, followed(head, rows))
    if remembered < len(now) and cut >= remembered:
        assert after == head_of(now)
    else:
        assert after is None
        assert cut >= remembered or not proved(now, head).ok


def test_a_chain_is_not_followed_past_a_line_that_names_another_one():
    lines = log(6)
    rows = list(enumerate(lines, 1))
    forged = encoded(Entry(number=4, deed=deed(99), previous=lines[2].hex()))
    head = head_of(lines[:2])
    assert followed(head, rows[1:])[-1] == head_of(lines)
    for bad in (
        [rows[1], rows[3]],
        [*rows[1:3], (4, forged)],
        [rows[1], (3, b"\xff")],
        [rows[1], (4, lines[2])],
    ):
        assert followed(head, bad) == ()
