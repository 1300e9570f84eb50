"""What a machine lacks for a test: a skip with its reason; under CI, where all must be there, a failure."""

import os
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """End the test; ``reason`` says what is missing and how to get it."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (under CI this is a failure, elsewhere a skip)", pytrace=False)
    pytest.skip(reason)


def need_ordinary_user(why: str = "root reads and writes everything") -> None:
    """End a test that means nothing for root."""
    if os.geteuid() == 0:
        lacking(f"{why}: run the tests as an ordinary user")
