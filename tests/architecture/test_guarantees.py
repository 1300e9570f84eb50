"""The page of guarantees names tests that exist, and each promise names at least one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.architecture.source import ROOT

PAGE = ROOT / "docs" / "explanation" / "guarantees.md"
NAMED = re.compile(r"`(\w+\.py)::(\w+)`")
SUITES = ROOT / "src" / "adapters" / "bck_adapters" / "testkit"


def promises() -> list[str]:
    text = PAGE.read_text(encoding="utf-8").partition("## Promised")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [line for line in lines if not line.startswith(("| Promise |", "|---"))]


def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_promise_names_a_test_and_each_named_test_exists() -> None:
    files = {path.name: path for place in (ROOT / "tests", SUITES) for path in place.rglob("*.py")}
    assert len(promises()) > 10
    for promise in promises():
        named = NAMED.findall(promise)
        assert named, f"no test proves: {promise}"
        for file, function in named:
            assert file in files, f"{file} does not exist: {promise}"
            assert function in functions(files[file]), f"{file} has no {function}: {promise}"
