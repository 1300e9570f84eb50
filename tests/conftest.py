"""What all tests share: hypothesis profiles, short temporary folders, small file systems, no silent skip."""

from __future__ import annotations

import fcntl
import gc
import os
import pkgutil
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, core, settings

from bck_adapters import testkit
from bck_adapters.testkit.lacking import lacking

# So that a failed assertion in a suite shows its values, as one in a test does; before anything imports one.
pytest.register_assert_rewrite(
    *(
        f"{testkit.__name__}.{module.name}"
        for module in pkgutil.iter_modules(testkit.__path__)
        if module.name.startswith(("contracts", "machine"))
    )
)

# --- hypothesis -----------------------------------------------------------------------------------
# dev: quick; ci: the same cases on every machine; long: nightly; robustness: as long as BCK_STEPS says.

_STEPS_PER_RUN = 50
_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]


def _robustness_runs() -> int:
    return max(1, int(os.environ.get("BCK_STEPS") or 2000) // _STEPS_PER_RUN)


settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile(
    "ci",
    max_examples=50,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=_SLOW_IS_FINE,
)
settings.register_profile(
    "long",
    max_examples=1000,
    stateful_step_count=_STEPS_PER_RUN,
    deadline=None,
    print_blob=True,
    suppress_health_check=_SLOW_IS_FINE,
)
settings.register_profile(
    "robustness",
    max_examples=_robustness_runs(),
    stateful_step_count=_STEPS_PER_RUN,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=_SLOW_IS_FINE,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


_seed: int | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Long searches take a seed of their own and tell it, so that each can be repeated."""
    global _seed  # noqa: PLW0603  # told at the end of the session
    if (os.environ.get("HYPOTHESIS_PROFILE") or "") in ("long", "robustness"):
        given = config.getoption("--hypothesis-seed")
        _seed = int(given) if given is not None else secrets.randbelow(2**32)
        core.global_force_seed = _seed  # type: ignore[assignment]  # starts as None, untyped


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the seed."""
    if _seed is not None:
        terminalreporter.write_line(f"seed {_seed}; to search the same again: --hypothesis-seed={_seed}")


# --- markers by folder ----------------------------------------------------------------------------

_MARKED_FOLDERS = ("integration", "e2e", "gui", "chaos", "contract")
_LONG_SECONDS = 1800
"""What a long test may take where others use the machine as well; a hanging one must end some time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test after the folder it lives in, so that `-m integration` needs no care; long ones may take
    long."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            folder = item.path.relative_to(here).parts[0]
            if folder in _MARKED_FOLDERS:
                item.add_marker(folder)
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_LONG_SECONDS))


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the garbage collector need not look at it again and again.

    A fifth of the processor time of the unit tests went there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


# --- no silent skip -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], str]:
    """Give the path of a program, or skip (under CI: fail) with a reason that names it."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])

    def find(name: str) -> str:
        path = shutil.which(name, path=search)
        if path is None:
            lacking(f"the program {name} is not installed")
        return str(path)

    return find


# --- places ---------------------------------------------------------------------------------------


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """An empty folder with a short path: a Unix socket in it stays below the 104-character limit."""
    path = Path(tempfile.mkdtemp(prefix="t"))
    yield path
    _remove(path)


def _remove(path: Path) -> None:
    """Remove a tree also where tests took permissions away."""
    for folder, _, _ in os.walk(path):
        os.chmod(folder, 0o700)
    shutil.rmtree(path, ignore_errors=True)


def _small_file_system(variable: str) -> Iterator[Path]:
    root = os.environ.get(variable)
    if not root:
        lacking(f"{variable} is not set: run the tests by scripts/as-user where mount namespaces are allowed")
    place = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # One test at a time, whichever worker runs it: each fills the file system on purpose.
        fcntl.flock(place, fcntl.LOCK_EX)
        path = Path(tempfile.mkdtemp(dir=root))
        yield path
        _remove(path)
    finally:
        os.close(place)


@pytest.fixture
def small_fs() -> Iterator[Path]:
    """An empty folder on a file system of 64 MB."""
    yield from _small_file_system("BCK_SMALL_FS")


@pytest.fixture
def few_inodes_fs() -> Iterator[Path]:
    """An empty folder on a file system that takes 400 files."""
    yield from _small_file_system("BCK_FEW_INODES_FS")
