"""Every hook is described where it is specified, and the thin caller knows each one around a run."""

import inspect
from collections.abc import Callable

import pytest

from bckcore.plugins import hookspecs
from bckcore.plugins.markers import ENTRY_POINT_GROUP, PROJECT_NAME
from bckcore.services.hooks import Hooks, NullHooks

SPECIFIED = {
    name: function
    for name, function in inspect.getmembers(hookspecs, inspect.isfunction)
    if function.__module__ == hookspecs.__name__
}


def test_the_group_and_the_prefix_are_those_of_the_documentation() -> None:
    assert (PROJECT_NAME, ENTRY_POINT_GROUP) == ("bck", "bck")
    assert all(name.startswith("bck_") for name in SPECIFIED)


@pytest.mark.parametrize("name", SPECIFIED)
def test_every_hook_says_when_it_is_called_or_what_it_offers(name: str) -> None:
    function: Callable[..., object] = SPECIFIED[name]
    assert hasattr(function, "bck_spec"), "not marked as a hook"
    assert (function.__doc__ or "").strip().endswith(".")
    assert all(
        parameter.annotation is not inspect.Parameter.empty
        for parameter in inspect.signature(function).parameters.values()
    )


def test_every_hook_around_a_run_has_its_typed_caller() -> None:
    factories = {name for name in SPECIFIED if not inspect.signature(SPECIFIED[name]).parameters}
    called = {f"bck_{name}" for name in vars(Hooks) if not name.startswith("_")}
    assert set(SPECIFIED) - factories == called
    assert called == {f"bck_{name}" for name in vars(NullHooks) if not name.startswith("_")}
