"""Durations as people write them."""

from datetime import timedelta

import pytest

from bckcore.domain.duration import duration_text, parsed_duration
from bckcore.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("7d", timedelta(days=7)),
        ("12h", timedelta(hours=12)),
        ("1w2d", timedelta(days=9)),
        (" 90M ", timedelta(minutes=90)),
        ("0s", timedelta(0)),
    ],
)
def test_duration_reads_what_people_write(text: str, duration: timedelta) -> None:
    assert parsed_duration(text) == duration


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7d7d", "1h1d", "7 d", "1.5d", "seven"])
def test_duration_refuses_what_it_cannot_read(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parsed_duration(text)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (604_800, "7d"), (90_061, "1d1h1m1s")])
def test_duration_is_written_in_its_own_form(seconds: int, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text
    assert parsed_duration(text) == timedelta(seconds=seconds)
