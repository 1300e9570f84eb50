"""An API process of its own over an installation that is there: ``python -m tests.support.api_process``.

It prints its address as JSON and serves until its standard input ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from bck_apps.api import Address, serve
from bck_apps.wiring import home_folder, open_application


@contextlib.contextmanager
def api_process(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], Address]]:
    """Start one on a free port; it is over when the context is left."""
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.api_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "BCK_HOME": str(home)},
        cwd=root,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, Address(**json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def _main() -> None:
    stop = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.buffer.read()
        stop.set()

    def tell(address: Address) -> None:
        print(json.dumps(asdict(address)), flush=True)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    with open_application(home_folder()) as application:
        serve(application, stop=stop, port=0, ready=tell)


if __name__ == "__main__":
    _main()
