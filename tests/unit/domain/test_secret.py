"""A secret is seen only where somebody asks for it."""

import copy
import json
import logging
import pickle
import traceback
from dataclasses import dataclass

import pytest

from bckcore.domain.secret import Secret

HIDDEN = "correct horse battery"


@dataclass(frozen=True)
class _Holder:
    password: Secret[str]


def test_only_reveal_gives_it_out() -> None:
    assert Secret(HIDDEN).reveal() == HIDDEN
    assert Secret(b"bytes too").reveal() == b"bytes too"


def test_text_of_every_kind_shows_stars() -> None:
    secret = Secret(HIDDEN)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        f"{secret!s:>40}",
        "%s %r" % (secret, secret),  # noqa: UP031  # this is what old code and logging do
        "{}".format(secret),  # noqa: UP032  # the same
        repr([secret]),
        repr({"password": secret}),
        repr(_Holder(secret)),
    ]
    assert all("***" in text for text in shown)
    assert not any(HIDDEN in text for text in shown)


def test_a_format_that_it_does_not_know_does_not_show_it() -> None:
    with pytest.raises(TypeError) as caught:
        format(Secret(HIDDEN), ">40")
    assert HIDDEN not in str(caught.value)


def test_a_log_record_shows_stars(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("signed in with %s, %r", Secret(HIDDEN), _Holder(Secret(HIDDEN)))
    assert HIDDEN not in caplog.text
    assert "***" in caplog.text


def test_it_is_never_pickled_copied_or_made_json() -> None:
    secret = Secret(HIDDEN)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(secret, protocol)
    with pytest.raises(TypeError):
        copy.deepcopy(_Holder(secret))
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_it_has_no_dictionary_that_a_dump_of_variables_would_show() -> None:
    with pytest.raises(TypeError):
        vars(Secret(HIDDEN))


def test_an_error_that_names_it_shows_stars() -> None:
    try:
        raise ValueError(Secret(HIDDEN))
    except ValueError:
        assert HIDDEN not in traceback.format_exc()
