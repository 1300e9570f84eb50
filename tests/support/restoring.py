"""Running a storage's own restore.sh with the few programs it may use, and names made to trip it up."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

TOOLS = "awk cat chmod chown cp gzip head id ln ls mkdir mkfifo mknod mktemp rm sha256sum sort stat touch tr"
SHORT = 40
LONGEST = 255
NASTY = (
    b"-rf",
    b"--",
    b"-",
    b" ",
    b"  two  ",
    b"\n",
    b"\n\n",
    b"ends in newline\n",
    b"\ttab\t",
    b"'",
    b"it's",
    b'"',
    b"\\",
    b"\\n",
    b"\\\\",
    b"\\101",
    b"$HOME",
    b"$(touch x)",
    b"`touch y`",
    b"*",
    b"?",
    b"[a-z]",
    b"%",
    b"%41",
    b"%0A",
    b"%s%n",
    b"~",
    b"#",
    b"!",
    b"{a,b}",
    b"a:",
    b":",
    b"total 0",
    b"...",
    b".hidden",
    b"a\rb",
    b"a -> b",
    b"\x7f",
    b"\x81\x82\x83\x84\x85\x86\x87\x88",
    b"\xff",
    b"\xfe\xff",
    b"\x80abc",
    b"caf\xe9",
    "caffè".encode(),
    "\U0001f600".encode(),
    b"x" * LONGEST,
    b"\n" * LONGEST,
    b"'" * LONGEST,
    b"\xff" * LONGEST,
    b"a",
    b"a-b",
    b"a.b",
    b"a0",
    b"A",
    b"act-000001.json",
    bytes(range(1, 47)),
    bytes(range(48, 256)),
)


def odd_names(random: Random) -> Iterator[bytes]:
    """Names of files without end, no two the same: the nasty ones, then any bytes at all."""
    seen = {b".", b".."}
    for name in NASTY:
        seen.add(name)
        yield name
    letters = bytes([*range(1, 47), *range(48, 256)])
    while True:
        length = random.choice((1, 2, 3, 5, 8, random.randint(1, SHORT), random.randint(1, LONGEST)))
        name = bytes(random.choice(letters) for _ in range(length))
        if name not in seen:
            seen.add(name)
            yield name


def bare_path(folder: Path) -> Path:
    """A folder that holds the programs restore.sh may use, and no other."""
    folder.mkdir()
    for tool in TOOLS.split():
        found = shutil.which(tool)
        assert found is not None, f"this machine has no {tool}"
        (folder / tool).symlink_to(Path(found).resolve())
    return folder


class RestoreScript:
    """The script of one storage."""

    def __init__(self, store: Path, tools: Path, shell: tuple[str, ...] = ("/bin/sh",)) -> None:
        self.store = store
        self._shell = shell
        self.env = {"PATH": str(tools), "TMPDIR": os.environ.get("TMPDIR", "/tmp"), "LANG": "C.UTF-8"}

    def run(
        self, *arguments: str | bytes | Path, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it and keep what it says."""
        return subprocess.run(
            [*self._shell, self.store / "restore.sh", *arguments],
            cwd=cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            check=False,
        )

    def restore(self, point: int | str, to: Path, *part: str | bytes) -> Path:
        """Restore a point; fails the test if anything went wrong."""
        ended = self.run("pc1", "docs", str(point), to, *part)
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr[:3000]
        return to
