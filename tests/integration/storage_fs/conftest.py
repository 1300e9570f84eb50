"""Folders for trees that are deeper than ordinary tools like."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def roomy_dir() -> Iterator[Path]:
    """An empty folder; what is in it may be of any depth and without rights, it is removed all the same."""
    path = Path(tempfile.mkdtemp(prefix="bck"))
    yield path
    subprocess.run(["chmod", "-R", "u+rwx", str(path)], check=True)
    subprocess.run(["rm", "-rf", str(path)], check=True)
