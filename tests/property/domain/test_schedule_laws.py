"""Cron, windows and jitter agree with an oracle that looks at every minute, also where clocks change."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bck_adapters.testkit.samples import sample_profile
from bckcore.domain.cron import parsed_cron
from bckcore.domain.due import ScheduleState, Situation, Verdict, decided
from bckcore.domain.hours import parsed_hours
from bckcore.domain.ids import HostId
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.schedule import Schedule
from bckcore.errors import InvalidInputError
from tests.support.minutes import MINUTE, cron_moments, minutes, week_fits

LOOK = timedelta(seconds=5)
ROME = ZoneInfo("Europe/Rome")
ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "UTC",
            "Europe/Rome",
            "America/New_York",
            "Australia/Lord_Howe",  # half an hour of summer time
            "Asia/Kathmandu",
            "America/Santiago",  # its gap begins at midnight
            "Pacific/Apia",  # a day was left out in 2011
        )
    ]
)
# Where clocks change, and leap days; the rest of the time is the same every day.
INTERESTING = st.sampled_from(
    [
        datetime(2026, 3, 28, 12, tzinfo=UTC),
        datetime(2026, 10, 24, 12, tzinfo=UTC),
        datetime(2026, 3, 7, 20, tzinfo=UTC),
        datetime(2026, 10, 31, 20, tzinfo=UTC),
        datetime(2026, 4, 4, 6, tzinfo=UTC),
        datetime(2026, 10, 3, 6, tzinfo=UTC),
        datetime(2026, 9, 5, 12, tzinfo=UTC),
        datetime(2011, 12, 29, 12, tzinfo=UTC),
        datetime(2028, 2, 28, 3, tzinfo=UTC),
        datetime(2100, 2, 27, 20, tzinfo=UTC),
        datetime(2026, 12, 31, 3, tzinfo=UTC),
    ]
)
STARTS = st.builds(lambda base, more: base + timedelta(seconds=more), INTERESTING, st.integers(0, 30 * 3600))
_JANUARY = datetime(2027, 1, 14, 2, 30, tzinfo=UTC)
DAYS_OF_THE_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def spans(low: int, high: int) -> st.SearchStrategy[str]:
    """One part of a field: a number, a range, a step."""
    numbers = st.integers(low, high)
    ranges = st.tuples(numbers, numbers).map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.builds(lambda span, step: f"{span}/{step}", ranges | st.just("*"), st.integers(1, 20))
    return numbers.map(str) | ranges | stepped | numbers.map(lambda number: f"{number}/7")


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    return st.just("*") | st.lists(spans(low, high), min_size=1, max_size=3).map(",".join)


CRONS = st.builds(
    " ".join,
    st.tuples(
        fields(0, 59),
        fields(0, 23),
        fields(1, 31),
        fields(1, 12) | st.sampled_from(["feb", "mar,oct", "jan-dec"]),
        fields(0, 7) | st.sampled_from(["mon-fri", "sun", "sat,sun", "7", "1-7/2"]),
    ),
)
TIMES = st.builds(
    lambda hour, minute, end: f"{hour:02}:{minute:02}-{end // 60:02}:{end % 60:02}",
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 1440),
).filter(lambda text: text[:5] != text[6:] and not (text[:5] == "00:00" and text[6:] == "24:00"))
DAYS = st.lists(
    st.sampled_from(DAYS_OF_THE_WEEK)
    | st.tuples(st.sampled_from(DAYS_OF_THE_WEEK), st.sampled_from(DAYS_OF_THE_WEEK)).map("-".join),
    min_size=1,
    max_size=3,
).map(",".join)
WEEKS = st.lists(TIMES | DAYS | st.builds("{} {}".format, DAYS, TIMES), min_size=1, max_size=3).map(tuple)


@settings(max_examples=25)
@given(text=CRONS, zone=ZONES, start=STARTS)
@example(text="30 2 * * *", zone=ZoneInfo("Europe/Rome"), start=datetime(2026, 3, 28, 12, tzinfo=UTC))
@example(text="30 2 * * *", zone=ZoneInfo("Europe/Rome"), start=datetime(2026, 10, 24, 12, tzinfo=UTC))
@example(text="*/15 2 * * *", zone=ZoneInfo("Europe/Rome"), start=datetime(2026, 3, 28, 12, tzinfo=UTC))
@example(text="0 0 * * *", zone=ZoneInfo("America/Santiago"), start=datetime(2026, 9, 5, 12, tzinfo=UTC))
@example(text="0 9 30 12 *", zone=ZoneInfo("Pacific/Apia"), start=datetime(2011, 12, 29, 12, tzinfo=UTC))
@example(text="0 12 29 2 *", zone=ZoneInfo("UTC"), start=datetime(2028, 2, 28, 3, tzinfo=UTC))
@example(text="0 0 13 * fri", zone=ZoneInfo("UTC"), start=datetime(2026, 12, 31, 3, tzinfo=UTC))
def test_cron_names_the_moments_that_a_walk_through_all_minutes_finds(
    text: str, zone: ZoneInfo, start: datetime
) -> None:
    try:
        cron = parsed_cron(text)
    except InvalidInputError:
        return  # a day that no month has; see the unit tests for what is refused
    end = start + timedelta(days=2)
    expected = list(islice(cron_moments(text, zone, start, end), 40))
    found: list[datetime] = []
    at = start
    while len(found) < 40 and (at := cron.next_after(at, zone)) <= end:
        found.append(at)
    assert found == expected


@given(text=CRONS, zone=ZONES, start=STARTS)
def test_the_next_moment_is_later_and_nothing_lies_between(
    text: str, zone: ZoneInfo, start: datetime
) -> None:
    try:
        cron = parsed_cron(text)
    except InvalidInputError:
        return
    moment = cron.next_after(start, zone)
    assert moment > start
    assert moment.utcoffset() == timedelta(0)
    assert cron.next_after(moment - timedelta(microseconds=1), zone) == moment
    assert cron.next_after(start + (moment - start) / 2, zone) == moment


@given(st.text(max_size=60) | st.text(alphabet="0123456789*/,- monfeb", max_size=40))
def test_any_text_is_a_cron_line_or_refused_with_advice(text: str) -> None:
    try:
        cron = parsed_cron(text)
    except InvalidInputError as error:
        refused = error
    else:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        assert cron.next_after(start, ZoneInfo("Europe/Rome")) > start
        return
    assert refused.advice


@pytest.mark.parametrize("year", [2026, 2061, 2089])
def test_the_rarest_day_of_all_is_found(year: int) -> None:
    """A 29th of February that is a Sunday as well: a field that begins with a star leaves no choice."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    expected = next(
        day
        for day in (start + timedelta(days=more) for more in range(41 * 366))
        if (day.month, day.day, day.isoweekday()) == (2, 29, 7)
    )
    assert parsed_cron("0 0 29 2 */7").next_after(start, UTC) == expected


@settings(max_examples=25)
@given(texts=WEEKS, zone=ZONES, start=STARTS)
@example(texts=("02:15-02:45",), zone=ZoneInfo("Europe/Rome"), start=datetime(2026, 3, 28, 12, tzinfo=UTC))
@example(texts=("02:30-05:00",), zone=ZoneInfo("Europe/Rome"), start=datetime(2026, 3, 28, 12, tzinfo=UTC))
@example(
    texts=("01:00-02:30",), zone=ZoneInfo("Europe/Rome"), start=datetime(2026, 10, 25, 0, 31, tzinfo=UTC)
)
def test_a_window_opens_at_the_first_minute_that_a_walk_finds(
    texts: tuple[str, ...], zone: ZoneInfo, start: datetime
) -> None:
    hours, end = parsed_hours(texts), start + timedelta(days=2)
    assert hours.cover(start, zone) == week_fits(texts, zone, start)
    expected = next((at for at in minutes(start, end) if week_fits(texts, zone, at)), None)
    found = hours.next_in(start, zone)
    if week_fits(texts, zone, start):
        assert found == start
        _began_where_a_walk_back_says(texts, zone, start)
    elif expected is not None:
        assert found == expected
        assert hours.began(expected, zone) == expected
    else:
        assert found is None or found > end - MINUTE


def _began_where_a_walk_back_says(texts: tuple[str, ...], zone: ZoneInfo, start: datetime) -> None:
    walk = list(minutes(start - timedelta(days=2), start))
    closed = next((at for at in reversed(walk) if not week_fits(texts, zone, at)), None)
    began = parsed_hours(texts).began(start, zone)
    if closed is not None:
        assert began == closed + MINUTE
    else:
        assert began is None or began <= walk[0]


@given(texts=WEEKS, start=STARTS, zone=ZONES)
def test_what_the_week_allows_comes_within_nine_days(
    texts: tuple[str, ...], start: datetime, zone: ZoneInfo
) -> None:
    found = parsed_hours(texts).next_in(start, zone)
    assert found is not None
    assert start <= found <= start + timedelta(days=15)


@given(st.text(max_size=40) | st.text(alphabet="0123456789:-, monfrisu", max_size=30))
def test_any_text_names_times_of_the_week_or_is_refused_with_advice(text: str) -> None:
    try:
        hours = parsed_hours((text,))
    except InvalidInputError as error:
        refused = error
    else:
        assert any(hours.minutes)
        return
    assert refused.advice


@given(
    host=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True),
    day=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    seconds=st.integers(0, 43_200),
)
def test_jitter_is_the_same_for_a_host_and_day_and_never_too_long(host: str, day: date, seconds: int) -> None:
    schedule = Schedule(every=timedelta(days=1), jitter=timedelta(seconds=seconds))
    delay = schedule.delay(HostId(host), day)
    assert timedelta(0) <= delay <= schedule.jitter
    assert delay == schedule.delay(HostId(host), day)


def test_jitter_spreads_hosts_evenly_and_differs_from_day_to_day() -> None:
    schedule = Schedule(cron="0 2 * * *", jitter=timedelta(minutes=30))
    day = date(2026, 5, 4)
    minutes_late = [
        int(schedule.delay(HostId(f"pc{number}"), day).total_seconds() // 60) for number in range(500)
    ]
    fewest, most = (choose(minutes_late.count(minute) for minute in range(30)) for choose in (min, max))
    assert 3 <= fewest <= most <= 40
    assert len({schedule.delay(HostId("pc1"), day + timedelta(days=more)) for more in range(30)}) > 20


def nights(schedule: Schedule, zone: str, begin: datetime, count: int, host: str) -> list[datetime]:
    """When it is started within so many days by a scheduler that looks every five seconds."""
    profile = replace(
        sample_profile("docs", HostId(host)),
        enabled=True,
        schedule=schedule,
        created=begin,
        retention=RetentionPolicy(time_zone=zone),
    )
    started: list[datetime] = []
    now, end = begin, begin + timedelta(days=count)
    while now < end:
        state = ScheduleState(profile=profile.id, answered=started[-1] if started else None)
        decision = decided(Situation(profile=profile, state=state), now)
        if decision.verdict is Verdict.START:
            started.append(now)
        assert decision.verdict is Verdict.START or (decision.until is not None and decision.until > now)
        now = max(decision.until or now, now + LOOK)
    return started


@settings(max_examples=40)
@given(
    host=st.from_regex(r"pc[0-9]{1,3}", fullmatch=True),
    zone=st.sampled_from(["UTC", "Europe/Rome", "America/New_York"]),
    due=st.integers(0, 23 * 60 + 59),
    opens=st.integers(4 * 60, 23 * 60),
    length=st.integers(10, 12 * 60),
    jitter=st.integers(0, 720),
    dark=st.sampled_from([(), ("12:00-12:05",), ("mon-fri 05:00-05:05",)]),
)
@example(host="pc1", zone="Europe/Rome", due=120, opens=120, length=60, jitter=120, dark=())
@example(host="pc7", zone="UTC", due=120, opens=120, length=60, jitter=120, dark=())
@example(host="pc1", zone="UTC", due=60, opens=240, length=30, jitter=200, dark=())
def test_every_night_is_backed_up_once_and_in_its_window_however_long_the_spread(
    host: str, zone: str, due: int, opens: int, length: int, jitter: int, dark: tuple[str, ...]
) -> None:
    end = (opens + length) % 1440
    schedule = Schedule(
        cron=f"{due % 60} {due // 60} * * *",
        windows=(f"{opens // 60:02}:{opens % 60:02}-{end // 60:02}:{end % 60:02}",),
        blackouts=dark,
        jitter=timedelta(minutes=jitter),
    )
    begin = datetime(2026, 5, 4, 0, 0, 30, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    started = nights(schedule, zone, begin, 15, host)
    moments = list(islice(_moments(schedule, begin, zone), 14))
    assert all(schedule.open.cover(at, ZoneInfo(zone)) for at in started)
    for first, following in pairwise(moments):
        assert sum(first <= at < following for at in started) == 1, (first, started)


def _moments(schedule: Schedule, at: datetime, zone: str) -> Iterator[datetime]:
    while True:
        at = schedule.due_after(at, ZoneInfo(zone))
        yield at


def test_a_window_in_the_hour_that_is_left_out_opens_the_night_after_and_a_longer_one_loses_nothing() -> None:
    begin = datetime(2026, 3, 27, 12, tzinfo=UTC)
    hour = Schedule(cron="30 2 * * *", windows=("02:00-03:00",))
    found = [f"{at.astimezone(ROME):%d %H:%M}" for at in nights(hour, "Europe/Rome", begin, 4, "pc1")]
    assert found == ["28 02:30", "30 02:00", "30 02:30", "31 02:30"]
    longer = Schedule(cron="30 2 * * *", windows=("02:00-03:30",))
    found = [f"{at.astimezone(ROME):%d %H:%M}" for at in nights(longer, "Europe/Rome", begin, 4, "pc1")]
    assert found == ["28 02:30", "29 03:00", "30 02:30", "31 02:30"]


@settings(max_examples=40)
@given(
    hosts=st.integers(0, 10_000),
    outage=st.integers(26, 40 * 24),
    opens=st.integers(0, 23),
    length=st.integers(30, 12 * 60),
    jitter=st.integers(10, 720),
    zone=ZONES,
    base=INTERESTING,
)
@example(hosts=0, outage=46, opens=2, length=240, jitter=120, zone=ZoneInfo("UTC"), base=_JANUARY)
def test_after_an_outage_hosts_are_spread_over_the_next_opening_as_on_any_night(
    hosts: int, outage: int, opens: int, length: int, jitter: int, zone: ZoneInfo, base: datetime
) -> None:
    end = (opens * 60 + length) % 1440
    window = f"{opens:02}:00-{end // 60:02}:{end % 60:02}"
    schedule = Schedule(cron=f"0 {opens} * * *", windows=(window,), jitter=timedelta(minutes=jitter))
    now = base + timedelta(hours=outage)
    if schedule.open.cover(now, zone):
        now = schedule.open.next_out(now, zone) or now
    opening = schedule.open.next_in(now, zone)
    assert opening is not None
    closing = schedule.open.next_out(opening, zone)
    assert closing is not None
    starts = [_first_start(schedule, f"pc{hosts + one}", base, now, zone) for one in range(20)]
    assert all(opening <= at <= opening + (closing - opening) * 3 / 4 for at in starts)
    assert len(set(starts)) > 10


def _first_start(
    schedule: Schedule, host: str, answered: datetime, now: datetime, zone: ZoneInfo
) -> datetime:
    """When a host starts whose server, or itself, was off from one start that counts until now."""
    profile = replace(
        sample_profile("docs", HostId(host)),
        enabled=True,
        schedule=schedule,
        retention=RetentionPolicy(time_zone=zone.key),
    )
    state = ScheduleState(profile=profile.id, answered=answered)
    for _ in range(10):
        decision = decided(Situation(profile=profile, state=state), now)
        if decision.verdict is Verdict.START:
            return now
        assert decision.until is not None
        assert decision.until > now
        now = decision.until
    raise AssertionError(decision)


def test_who_comes_back_inside_its_opening_starts_at_once_and_in_the_next_one_at_its_share() -> None:
    schedule = Schedule(cron="0 2 * * *", windows=("02:00-06:00",), jitter=timedelta(hours=2))
    answered, day = _JANUARY, timedelta(days=1)
    back = datetime(2027, 1, 15, 4, 30, tzinfo=UTC)
    zone = ZoneInfo("UTC")
    assert _first_start(schedule, "pc1", answered, back, zone) == back
    assert _first_start(schedule, "pc1", answered, back + day, zone) == back + day
    share = schedule.delay(HostId("pc1"), date(2027, 1, 16))
    early = datetime(2027, 1, 16, 2, tzinfo=UTC)
    assert timedelta(0) < share
    assert _first_start(schedule, "pc1", answered, early, zone) == early + share
    always = replace(schedule, windows=())
    assert _first_start(always, "pc1", answered, back + day, zone) == back + day


def test_sixty_nights_of_an_hour_have_sixty_backups_spread_over_two_hours() -> None:
    schedule = Schedule(cron="0 2 * * *", windows=("02:00-03:00",), jitter=timedelta(hours=2))
    for number in range(5):
        started = nights(schedule, "UTC", datetime(2026, 5, 4, tzinfo=UTC), 60, f"pc{number}")
        assert (len(started), {at.hour for at in started}) == (60, {2})
        assert len({at.minute for at in started}) > 20
        assert max(at.minute for at in started) <= 45  # who waits for a place has time left
