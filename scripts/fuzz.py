"""Feed every parser of foreign text for as long as BCK_FUZZ_SECONDS says, each in a process of its own.

With atheris (``requirements/fuzz.txt``, put into ``.fuzz`` by ``scripts/bootstrap fuzz``) the search goes
where new code is reached. Hypothesis' long profile searches at random, with it or without: atheris is
published for some machines only. The parsers stand in ``tests/support/fuzz_targets.py`` and
``fuzz_texts.py``; ``tests/architecture/test_fuzzed_parsers.py`` finds one that does not.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ROOT / ".fuzz"
LAWS = (
    "tests/property/rsync/test_foreign_text.py",
    "tests/property/rsync/test_names.py",
    "tests/property/domain/test_encodings.py",
    "tests/property/domain/test_foreign_texts.py",
    "tests/property/domain/test_host_paths.py",
    "tests/property/services/test_foreign_tokens.py",
    "tests/unit/domain/test_audit.py",
)
SECONDS = int(os.environ.get("BCK_FUZZ_SECONDS") or 60)
LONGEST = 8192
INSTRUMENTED = [
    "bck_adapters.notify",
    "bck_adapters.rsync",
    "bck_adapters.storage_fs.lock_record",
    "bck_apps.gate",
    "bck_apps.gui",
    "bckcore.domain",
]


def searched_at_random() -> int:
    """Hypothesis alone; its exit status."""
    environment = os.environ | {"HYPOTHESIS_PROFILE": "long"}
    command = [sys.executable, "-m", "pytest", "-q", "--timeout=0", *LAWS]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def guided(name: str) -> int:
    """One target with atheris, in a process of its own; its exit status."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    with tempfile.TemporaryDirectory() as corpus:
        command = [sys.executable, __file__, name, corpus]
        return subprocess.run(command, cwd=corpus, env=environment, check=False).returncode


def feed(name: str, corpus: str) -> None:
    """Never returns: libFuzzer ends the process, with another status than 0 if something was found."""
    import atheris  # type: ignore[import-untyped]  # has none, and need not be there

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.support.foreign_text import CARELESS, WORDS
        from tests.support.fuzz_seeds import SEEDS
        from tests.support.fuzz_targets import TARGETS
    for number, seed in enumerate((*WORDS, *CARELESS, *SEEDS)):
        Path(corpus, f"seed{number}").write_bytes(seed[:LONGEST])
    limits = [f"-max_total_time={SECONDS}", f"-max_len={LONGEST}", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], corpus, *limits], TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    """Every target; 0 if nothing was found."""
    sys.path.append(str(PACKAGES))
    if len(sys.argv) > 1:
        feed(sys.argv[1], sys.argv[2])
    failed = ["hypothesis"] if searched_at_random() else []
    if importlib.util.find_spec("atheris") is None:
        here = f"{platform.system()} on {platform.machine()}, Python {platform.python_version()}"
        print(f"requirements/fuzz.txt has no atheris for {here}: hypothesis alone searched, at random.")
    else:
        sys.path[:0] = [str(ROOT)]
        from tests.support.fuzz_targets import TARGETS

        failed += [name for name in TARGETS if guided(name)]
        print(f"atheris fed {len(TARGETS)} parsers, {SECONDS} s each.")
    print(f"Found something: {', '.join(failed)}." if failed else "Nothing found.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
