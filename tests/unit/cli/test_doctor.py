"""`bck doctor` looks at an installation that others change meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bck_adapters.memory import SettableClock
from bck_apps.cli.doctor import certificates_finding
from bck_apps.cli.doctor_security import CHECKLIST
from bck_apps.wiring import Application
from tests.support.api_world import memory_application

VANISHING = ("run/bck-run-0123abcd", "tls/imported-1")


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """With folders that vanish just before somebody looks into them."""
    look = os.scandir

    def late(path: Any) -> Any:
        if str(path).endswith(VANISHING):
            shutil.rmtree(path)
        return look(path)

    with memory_application(tmp_path, SettableClock(datetime.now(UTC)), {}) as made:
        made.certificates.files()
        for name in VANISHING:
            (made.home / name).mkdir(parents=True)
            (made.home / name / "server-key.pem").touch(0o644)
        monkeypatch.setattr(os, "scandir", late)
        yield made


def test_a_folder_that_vanishes_meanwhile_is_nobodys(application: Application) -> None:
    assert certificates_finding(application)[0]
    assert CHECKLIST["secret files"](application)[0]
    assert [name for name in VANISHING if (application.home / name).exists()] == []


def test_the_end_of_the_authority_is_told_half_a_year_before_with_what_to_do(tmp_path: Path) -> None:
    clock = SettableClock(datetime.now(UTC))
    with memory_application(tmp_path, clock, {}) as made:
        made.certificates.files()
        clock.advance(timedelta(days=3652 - 184).total_seconds())
        assert certificates_finding(made)[0]
        clock.advance(timedelta(days=3).total_seconds())
        good, told = certificates_finding(made)
        assert not good
        assert "bck cert renew --authority" in told
        made.certificates.renew_authority(own=False, new_key=False)
        assert certificates_finding(made)[0]


def test_a_certificate_of_our_own_that_nobody_renewed_is_told_without_another_authority(
    application: Application,
) -> None:
    facts = application.certificates.facts()
    soon = replace(facts, valid_until=application.clock.now() + timedelta(days=5))
    assert soon.worry(application.clock.now()).endswith("bck cert renew")
    assert not facts.worry(application.clock.now())


def test_a_key_that_others_can_read_is_named(application: Application) -> None:
    key = application.home / "tls" / "imported-2" / "server-key.pem"
    key.parent.mkdir()
    key.touch()
    key.chmod(0o640)
    assert certificates_finding(application) == (False, f"others can read {key}")
    assert CHECKLIST["secret files"](application) == (False, f"others can read {key}")
