"""The catalog's memory does not grow with the number of files. How fast it is, `make bench` tells."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.postgresql import shared_server

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["sqlite", "postgresql"])
def measure(request, tmp_path):
    def run(count):
        folder = tmp_path / str(count)
        folder.mkdir()
        url = f"sqlite:///{folder}/scale.db"
        if request.param == "postgresql":
            url = shared_server().database_of(folder)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        program = [sys.executable, "-m", "tests.integration.sql.scale", url, str(count)]
        output = subprocess.run(
            program, env=environment, cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
        print(output)
        return json.loads(output)

    return run


def test_a_small_catalog_is_counted(measure):
    assert measure(20_000)["counts"] == [1, 1, 20_000, 100]


@pytest.mark.long
def test_memory_is_flat_up_to_a_million_files(measure):
    small, large = measure(20_000), measure(1_000_000)
    assert large["counts"] == [1, 1, 1_000_000, 100]
    assert large["peak_mb"] < 150
    # The page caches of the database are bounded; a small catalog does not fill them.
    assert large["peak_mb"] - small["peak_mb"] < 80
