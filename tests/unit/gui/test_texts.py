"""Both languages say everything, with the same things to fill in."""

from __future__ import annotations

import ast
import re
import string
from datetime import UTC, datetime
from pathlib import Path

import pytest

import bck_apps.gui
import bckcore.errors
from bck_apps.gui.problems import (
    ClientError,
    ConnectionFailedError,
    InvalidError,
    RefusedError,
    SignInError,
    problem_from,
)
from bck_apps.gui.texts import Ago, Count, Moment, Phrase, Rate, Size, Span, Texts, explain, language_of
from bck_apps.gui.texts.catalogue import CATALOGUES, known_problem
from bck_apps.gui.viewmodels.standing import State

ROOT = Path(bck_apps.gui.__file__).parent
EN, IT = CATALOGUES["en"], CATALOGUES["it"]


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_languages_have_the_same_keys() -> None:
    assert set(EN) == set(IT)


@pytest.mark.parametrize("key", sorted(EN))
def test_languages_fill_in_the_same(key) -> None:
    assert _places(EN[key]) == _places(IT[key])
    assert EN[key].strip() == EN[key] != ""
    assert IT[key].strip() == IT[key] != ""


def _literals() -> set[str]:
    """Every string in the program, f-strings with ``*`` for what is filled in."""
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        if path.parent.name == "texts" and path.stem.startswith(("english", "italian")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else "*" for p in node.values)
                found.add("".join(map(str, parts)))
    return found


def test_every_text_is_used() -> None:
    literals = _literals()
    patterns = [
        re.compile(re.escape(text).replace(r"\*", ".+")) for text in literals if "*" in text and "." in text
    ]
    unused = [
        key
        for key in EN
        if not key.startswith("problem.")
        and not {key, re.sub(r"\.(one|other|none|hint)$", "", key)} & literals
        and not any(pattern.fullmatch(key) for pattern in patterns)
    ]
    assert unused == []


def test_every_key_in_the_program_has_a_text() -> None:
    groups = {key.partition(".")[0] for key in EN if "." in key} - {"problem"}
    keys = {
        text
        for text in _literals()
        if re.fullmatch(r"[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)+", text) and text.partition(".")[0] in groups
    }
    assert {key for key in keys if key not in EN and f"{key}.other" not in EN} == set()


@pytest.mark.parametrize("state", State)
def test_every_state_has_words(state) -> None:
    assert f"state.{state}" in EN
    assert f"safe.{state}" in EN


def test_every_error_a_job_can_end_with_has_words() -> None:
    kinds = [kind for kind in vars(bckcore.errors).values() if isinstance(kind, type)]
    codes = {kind.code for kind in kinds if issubclass(kind, bckcore.errors.BckError) and _is_leaf(kind)}
    assert {code for code in codes if not known_problem(code)} == set()


def _is_leaf(kind: type[bckcore.errors.BckError]) -> bool:
    """Bases for sorting only are never raised themselves."""
    return kind.code not in {"error", "transient", "permanent"}


def test_english_error_is_the_servers_own() -> None:
    error = SignInError("access-denied", what="Locked.", advice="Wait.")
    told = explain(error, Texts("en"))
    assert (told.what, told.advice) == ("Locked.", "Wait.")
    assert told.meaning == EN["problem.sign-in-refused.meaning"]


def test_italian_error_is_ours_with_the_servers_words_below() -> None:
    told = explain(SignInError("access-denied", what="Locked.", advice="Wait."), Texts("it"))
    assert told.what == IT["problem.sign-in-refused.what"]
    assert told.detail == "Il server dice: Locked. Wait."


def test_words_of_another_program_are_not_called_the_servers() -> None:
    told = explain(ConnectionFailedError("offline", detail="Connection refused"), Texts("it"))
    assert told.detail == "Connection refused"


def test_missing_right_is_told_apart_from_a_wrong_password() -> None:
    told = [explain(kind("access-denied"), Texts("en")).what for kind in (SignInError, RefusedError)]
    assert told == ["The server did not let you in.", "Your account may not do this."]


def test_unknown_code_is_told_as_unknown() -> None:
    told = explain(ClientError("new-in-version-9", what="Something."), Texts("it"))
    assert "new-in-version-9" in told.what
    assert told.detail == "Il server dice: Something."


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"type": 3}', b"\xff"])
def test_error_without_a_problem_document_keeps_its_status(body) -> None:
    error = problem_from(422, body)
    assert isinstance(error, InvalidError)
    assert error.code == "http-422"


def test_malformed_fields_are_named() -> None:
    body = b'{"type":"urn:bck:invalid-input","errors":[{"field":"body.name","message":"too long"}]}'
    assert problem_from(422, body).detail == "body.name: too long"


@pytest.mark.parametrize(
    ("amount", "english", "italian"),
    [
        (Count(1234567), "1,234,567", "1.234.567"),
        (Size(0), "0 B", "0 B"),
        (Size(999), "999 B", "999 B"),
        (Size(1500), "1.5 kB", "1,5 kB"),
        (Size(999_600), "1.0 MB", "1,0 MB"),
        (Size(123_456_789), "123 MB", "123 MB"),
        (Size(10**19), "10000 PB", "10000 PB"),
        (Rate(2_500_000), "2.5 MB/s", "2,5 MB/s"),
        (Span(0), "0 seconds", "0 secondi"),
        (Span(60), "1 minute", "1 minuto"),
        (Span(7300), "2 hours", "2 ore"),
        (Ago(5), "just now", "adesso"),
        (Ago(-5), "just now", "adesso"),
        (Ago(90000), "1 day ago", "1 giorno fa"),
        (Phrase("progress.files", {"count": Count(1)}), "1 file", "1 file"),
    ],
)
def test_amounts_are_written_as_people_do(amount, english, italian) -> None:
    assert Texts("en").amount(amount) == english
    assert Texts("it").amount(amount) == italian


def test_moment_is_in_local_time() -> None:
    moment = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert f"{moment.astimezone():%H:%M}" in Texts("en").amount(Moment(moment))


@pytest.mark.parametrize(
    ("choice", "system", "language"),
    [("auto", "it_CH", "it"), ("auto", "de_DE", "en"), ("auto", "C", "en"), ("en", "it_IT", "en")],
)
def test_language_follows_choice_then_system(choice, system, language) -> None:
    assert language_of(choice, system) == language
