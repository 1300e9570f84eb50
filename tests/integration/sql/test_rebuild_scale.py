"""A rebuild's memory does not grow with the number of files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def measured(folder: Path, url: str, count: int):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = [
        sys.executable,
        "-m",
        "tests.integration.sql.rebuild_scale",
        str(folder),
        url,
        str(count),
    ]
    output = subprocess.run(
        program, env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    print(output)
    return json.loads(output)


def test_a_small_history_is_rebuilt(tmp_path, url):
    found = measured(tmp_path, url, 5_000)
    assert (found["points"], found["paths"], found["newest"]) == (3, 5_000, 5_000)


@pytest.mark.long
def test_a_million_files_are_rebuilt_in_bounded_memory(tmp_path, url):
    found = measured(tmp_path, url, 1_000_000)
    assert (found["points"], found["paths"], found["newest"]) == (3, 1_000_000, 1_000_000)
    assert found["peak_mb"] < 150
