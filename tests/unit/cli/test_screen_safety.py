"""Whatever a text holds, what is printed for people steers no terminal and forges no line."""

import io
import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bck_apps.cli import screen
from bckcore.domain.wording import printable
from bckcore.errors import InvalidInputError

HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J\r\x08\u202egnp\u2066\u200b\ufeff\u2028\x7f\ud800\x00"


def clean(text: str) -> bool:
    return all(char == "\n" or char.isprintable() for char in text)


@given(st.text(st.characters()))
def test_every_text_becomes_printable_and_a_printable_one_stays(text: str) -> None:
    shown = printable(text)
    assert clean(shown)
    assert not any(unicodedata.category(char) in ("Cf", "Zl", "Zp") for char in shown)
    if text.isprintable():
        assert shown == text


def test_remarks_errors_tables_and_fields_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    screen.say(HOSTILE)
    screen.put(HOSTILE)
    screen.show_error(InvalidInputError(HOSTILE, meaning=HOSTILE, advice=HOSTILE), as_json=False)
    screen.show_error(InvalidInputError(HOSTILE), as_json=True)
    screen.show(False, {}, lambda: screen.table(("A",), [(HOSTILE,)], empty=""))
    screen.show(False, {}, lambda: screen.fields([("name", HOSTILE)]))
    screen.show(True, {"name": HOSTILE}, lambda: None)
    printed = capsys.readouterr()
    assert clean(printed.out)
    assert clean(printed.err)
    assert "owned" in printed.out
    assert "owned" in printed.err


def test_log_lines_that_nobody_configured_are_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    monkeypatch.setattr(logging, "lastResort", handler)
    screen.safe_streams()
    record = logging.LogRecord("x", logging.WARNING, "x", 1, "of a PC: %s", (HOSTILE,), None)
    handler.handle(record)
    assert clean(stream.getvalue())
    assert "owned" in stream.getvalue()
