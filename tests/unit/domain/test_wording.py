"""Numbers in sentences for people."""

from bckcore.domain.wording import counted


def test_what_is_counted_has_the_form_that_goes_with_its_number() -> None:
    assert [counted(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert [counted(number, "history", "histories") for number in (1, 3)] == ["1 history", "3 histories"]
