"""The page of guarantees names tests that exist, and each promise names at least one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from bck_apps.cli.doctor_security import CHECKLIST
from tests.architecture.source import ROOT

CHECKLIST_PAGE = ROOT / "docs" / "reference" / "security-checklist.md"
THREATS = ROOT / "docs" / "explanation" / "threat-model.md"
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


def actors() -> list[str]:
    text = THREATS.read_text(encoding="utf-8").partition("## Who")[2].partition("\n## ")[0]
    return [line for line in text.splitlines() if line.startswith("| **")]


def test_each_promise_names_a_test_and_each_named_test_exists() -> None:
    assert len(promises()) > 10
    assert len(actors()) > 5
    files: dict[str, list[Path]] = {}
    for place in (ROOT / "tests", SUITES):
        for path in place.rglob("*.py"):
            files.setdefault(path.name, []).append(path)
    for promise in [*promises(), *actors()]:
        named = NAMED.findall(promise)
        assert named, f"no test proves: {promise}"
        for file, function in named:
            assert file in files, f"{file} does not exist: {promise}"
            known = set().union(*(functions(path) for path in files[file]))
            assert function in known, f"{file} has no {function}: {promise}"


def test_the_security_checklist_is_what_the_doctor_looks_at() -> None:
    lines = CHECKLIST_PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    assert rows[1:] == list(CHECKLIST)
