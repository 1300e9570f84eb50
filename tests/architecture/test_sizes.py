"""House limits: a module has at most 500 lines, a function at most 50 without a written reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.source import Module, modules

MODULE_LINES = 500
FUNCTION_LINES = 50

# A schema step is one list of tables, written once and never edited again.
FROZEN = ".migrations.versions."

# "module:function": why it is better in one piece.
LONG_FUNCTIONS: dict[str, str] = {
    "bck_apps.cli.profiles:add": "typer wants one parameter per option; two thirds of it are parameters",
    "bck_apps.cli.profiles:set_profile": "typer wants one parameter per option; half of it is parameters",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(module: Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield f"{module.name}:{node.name}", _lines(node)


def _lines(function: Function) -> int:
    """Lines from `def` to the end; the docstring is free, explaining costs nothing."""
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    has_docstring = ast.get_docstring(function, clean=False) is not None
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1 if has_docstring else 0)


def test_no_module_is_longer_than_the_limit() -> None:
    long = {module.name: lines for module in modules() if (lines := module.text.count("\n")) > MODULE_LINES}
    assert long == {}


def _long_functions() -> set[str]:
    living = [module for module in modules() if FROZEN not in module.name]
    return {name for module in living for name, lines in _functions(module) if lines > FUNCTION_LINES}


def test_long_functions_have_a_written_reason() -> None:
    long = _long_functions()
    assert sorted(long - set(LONG_FUNCTIONS)) == []


def test_written_reasons_are_still_needed() -> None:
    long = _long_functions()
    assert sorted(set(LONG_FUNCTIONS) - long) == []
