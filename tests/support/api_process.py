"""`bck serve --only api` over an installation that is there, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from bck_apps.api import Address
from tests.support.forked import ForkedProcess

_PATIENCE = 60


@contextlib.contextmanager
def api_process(
    home: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[ForkedProcess, Address]]:
    """Start one on a free port; it is over when the context is left."""
    process = ForkedProcess(
        ["serve", "--only", "api", "--port", "0", "--json"],
        environment={**(os.environ if environment is None else environment), "BCK_HOME": str(home)},
        folder=home.parent,
        errors=home.parent / "api.log",
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline()]
        while lines[-1] not in (b"}\n", b""):
            lines.append(process.stdout.readline())
        assert lines[-1], (home.parent / "api.log").read_text()
        said = json.loads(b"".join(lines))
        named = {name: said[name] for name in ("port", "pid", "url")}
        yield process, Address(ca=said["ca_certificate"], **named)
    finally:
        process.terminate()
        process.wait(_PATIENCE)
        process.stdout.close()
