"""Every module says what it is for."""

from __future__ import annotations

import ast

from tests.architecture.source import modules


def test_every_module_has_a_docstring() -> None:
    silent = [m.name for m in modules() if m.tree.body and not ast.get_docstring(m.tree)]
    assert silent == []
