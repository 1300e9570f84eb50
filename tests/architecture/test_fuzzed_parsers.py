"""Every parser is fed by ``make fuzz``: a function named as one that stands in no target is found here."""

from __future__ import annotations

import ast
import re
from functools import cache

from tests.architecture.source import ROOT, modules

NAMED_AS_PARSER = re.compile(
    r"(parsed|decoded)(_.+)?|unescaped|understood|checked_(host_keys|public_key|addresses)"
)
TARGETS = ("fuzz_targets.py", "fuzz_texts.py")
NOT_FOREIGN: dict[str, str] = {}
"""Functions that are named so and read nothing foreign, each with the reason."""


@cache
def _parsers() -> set[str]:
    return {
        f"{module.name}.{node.name}"
        for module in modules("bckcore", "bck_adapters", "bck_apps")
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef) and NAMED_AS_PARSER.fullmatch(node.name)
    }


def _fed() -> set[str]:
    """What the targets import and use."""
    fed = set()
    for name in TARGETS:
        tree = ast.parse((ROOT / "tests" / "support" / name).read_text("utf-8"))
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                fed |= {f"{node.module}.{one.name}" for one in node.names if (one.asname or one.name) in used}
    return fed


def test_every_parser_is_fed_by_make_fuzz() -> None:
    assert _parsers() - _fed() - set(NOT_FOREIGN) == set()


def test_no_exception_outlives_its_parser() -> None:
    assert set(NOT_FOREIGN) - _parsers() == set()


def test_the_parsers_that_issue_5_names_are_among_those_found() -> None:
    named = {
        "bck_adapters.rsync.filters.parsed_rules",
        "bck_apps.gui.config.parsed_config",
        "bckcore.domain.enrolment_text.parsed_token",
        "bckcore.domain.host_path.parsed_path",
    }
    assert named <= _parsers()
