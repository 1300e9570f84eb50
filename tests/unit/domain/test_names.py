"""Names become folders in the storage, so nothing else than a plain name gets through."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bckcore.domain.ids import checked_name, checked_run_id, new_run_id
from bckcore.errors import InvalidInputError

AT = datetime(2026, 3, 1, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize("name", ["a", "0", "pc1", "my-docs_2.old", "a" * 64, "a..b"])
def test_a_plain_name_is_taken_as_it_is(name: str) -> None:
    assert checked_name(name, "host") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "-rf", "_x", "A", "a/b", "a b", "a\n", "a\0", "è", "a" * 65, "٣", "../x"],
)
def test_everything_else_is_refused_and_the_rule_is_told(name: str) -> None:
    with pytest.raises(InvalidInputError, match="first a letter or digit"):
        checked_name(name, "host")


def test_a_run_id_is_its_start_in_utc_and_four_random_bytes() -> None:
    assert new_run_id(AT, b"\x01\x02\x03\xff") == "20260301T070809Z-010203ff"


def test_a_run_id_does_not_depend_on_the_time_zone_of_the_clock() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=-5)))
    assert new_run_id(elsewhere, bytes(4)) == new_run_id(AT, bytes(4))


def test_run_ids_sort_by_time() -> None:
    moments = [AT + timedelta(seconds=step) for step in (0, 1, 59, 3600, 86_400 * 300)]
    ids = [new_run_id(moment, bytes([255 - place] * 4)) for place, moment in enumerate(moments)]
    assert ids == sorted(ids)


def test_a_run_id_passes_its_own_check() -> None:
    assert checked_run_id(new_run_id(AT, b"abcd")) == "20260301T070809Z-61626364"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "20260301T070809Z",
        "20260301T070809Z-010203fg",
        "20260301T070809Z-010203ff\n",
        "20260301T070809Z-010203ff/x",
        "٢٠٢٦٠٣٠١T070809Z-010203ff",
    ],
)
def test_what_is_no_run_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        checked_run_id(text)
