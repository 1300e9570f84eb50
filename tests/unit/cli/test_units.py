"""Sizes and times as people write and read them."""

from datetime import UTC, datetime

import pytest

from bck_apps.cli.units import size_text, time_json, time_text
from bckcore.domain.size import parsed_size
from bckcore.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("4096", 4096),
        ("10M", 10 * 1024**2),
        ("512k", 512 * 1024),
        ("1.5GiB", 3 * 1024**3 // 2),
        (" 2 TB ", 2 * 1024**4),
        ("7b", 7),
    ],
)
def test_a_size_is_read_in_steps_of_1024(text, count):
    assert parsed_size(text) == count


@pytest.mark.parametrize("text", ["", "fast", "-1M", "10X", "M", "1,5M", "10M/s", "1e3"])
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(InvalidInputError) as caught:
        parsed_size(text)
    assert "10M" in caught.value.advice


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1536, "1.5 KiB"),
        (20 * 1024**2, "20 MiB"),
        (1024**2 - 1, "1.0 MiB"),
        (5 * 1024**5, "5120 TiB"),
    ],
)
def test_a_size_is_shown_in_the_unit_that_fits(count, text):
    assert size_text(count) == text


def test_times_are_utc_for_programs_and_have_a_zone_for_people():
    at = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    assert time_json(at) == "2026-01-05T12:00:00+00:00"
    assert time_text(at) == f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    assert (time_json(None), time_text(None)) == (None, "-")
