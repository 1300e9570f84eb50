"""Folders for tests that make hundreds of small installations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.places import quick_folder


@pytest.fixture
def quick_dir(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where that takes user attributes: each receipt syncs its file system."""
    yield from quick_folder(tmp_path)
