"""The lists of what processes need: systemd and sshd understand them, and each line has its reason."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bck_apps.cli.shield import leaves_no_core
from bck_apps.wiring.hardening import GATE, SERVICE, Directive
from tests.architecture.source import ROOT
from tests.support.sections import match_section, service_section
from tests.support.sshd import new_key

PAGE = (ROOT / "docs" / "reference" / "process-hardening.md").read_text(encoding="utf-8")
WORST = 2.0
"""Of 10; what is left out on purpose, and why, stands on the page."""


def rows(section: str) -> list[list[str]]:
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line] for line in lines]


@pytest.mark.parametrize(("section", "listed"), [("bck serve", SERVICE), ("bck-gate", GATE)])
def test_the_page_names_every_line_with_its_reason_and_no_other(
    section: str, listed: Sequence[Directive]
) -> None:
    found = rows(section)
    told = [(row[0].strip("`"), "" if row[1] == "none" else row[1].strip("`")) for row in found]
    assert told == list(listed)
    assert [row for row in found if len(row) != 4 or not all(row)] == []


def test_the_list_leaves_no_memory_even_to_a_program_that_collects_cores() -> None:
    limit = int(dict(SERVICE)["LimitCORE"])
    assert leaves_no_core(limit, limit, "|/usr/lib/systemd/systemd-coredump %P")


def test_systemd_understands_the_list_and_finds_little_left_open(
    tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    unit = tmp_path / "bck.service"
    unit.write_text("[Unit]\nDescription=Backup Orchestrator\n\n" + service_section("/usr/bin/true"))
    analyze = require_tool("systemd-analyze")
    told = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    score = re.search(r"exposure level for bck\.service: ([0-9.]+)", told.stdout)
    assert score, told.stderr
    assert float(score[1]) < WORST, told.stdout
    assert "ignoring" not in told.stderr.lower()
    assert "unknown" not in told.stderr.lower()


def test_a_line_more_open_is_seen(tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    unit = tmp_path / "bck.service"
    more = {"CapabilityBoundingSet": "CAP_SYS_ADMIN", "ProtectSystem": "no", "NoNewPrivileges": "no"}
    unit.write_text(service_section("/usr/bin/true", more=more))
    told = subprocess.run(
        [require_tool("systemd-analyze"), "security", "--offline=true", "--threshold=20", str(unit)],
        capture_output=True,
        check=False,
    )
    assert told.returncode != 0


def test_sshd_understands_the_block_and_holds_the_account_by_it(
    tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    key = tmp_path / "key"
    key.write_text(new_key().private)
    key.chmod(0o600)
    config = tmp_path / "sshd_config"
    config.write_text(f"HostKey {key}\n{match_section()}")
    asked = [require_tool("sshd"), "-T", "-f", str(config), "-C", "user=backupsvc,host=h,addr=192.0.2.1"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    assert sorted({f"{name.lower()} {value}" for name, value in GATE} - set(told)) == []
    for_others = [word.replace("backupsvc", "ann") for word in asked]
    others = subprocess.run(for_others, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "forcecommand none" in others
