"""How thorough a run of the tests is: what every push takes a part of, `make test-long` takes whole."""

import os

import pytest
from hypothesis import settings


def patient() -> bool:
    """Whether this is one of the long runs."""
    return os.environ.get("HYPOTHESIS_PROFILE") in ("long", "robustness")


def examples(share: int) -> int:
    """How many examples a slow search takes: one in ``share`` of the usual number, all in a long run."""
    most = settings().max_examples
    return most if patient() else max(5, most // share)


def stride(quick: int) -> int:
    """From one step that is tried to the next: every step in a long run, else each ``quick``-th."""
    return 1 if patient() else quick


def later(*values: object) -> list[object]:
    """Values of a parameter that only long runs try."""
    return [pytest.param(*_several(value), marks=pytest.mark.long) for value in values]


def _several(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
