"""Locks and package settings that a reviewer would otherwise have to check by eye."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.architecture.source import PACKAGES, ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^[a-z0-9][a-z0-9._-]*==[^ ]+( ; .+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
COMMENT = re.compile(r"^ *#")


def _code(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not COMMENT.match(line)]


def test_locks_exist() -> None:
    assert {path.name for path in LOCKS} == {
        "build.txt",
        "cluster.txt",
        "dev.txt",
        "fuzz.txt",
        "gui.txt",
        "postgres.txt",
        "server.txt",
        "tools.txt",
    }


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_holds_pins_and_hashes_only(lock) -> None:
    odd = [line for line in _code(lock.read_text()) if not PIN.match(line) and not HASH.match(line)]
    assert odd == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_names_no_place_to_fetch_from(lock) -> None:
    text = lock.read_text()
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host|(^|\s)/", text)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash(lock) -> None:
    lines = _code(lock.read_text())
    bare = [
        line
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
        if PIN.match(line) and not HASH.match(after)
    ]
    assert bare == []


def test_client_lock_holds_nothing_of_the_server() -> None:
    names = {
        line.partition("==")[0]
        for line in _code((ROOT / "requirements" / "gui.txt").read_text())
        if "==" in line
    }
    assert (
        names
        & {"alembic", "cryptography", "dependency-injector", "fabric", "fastapi", "sqlalchemy", "uvicorn"}
        == set()
    )


def test_wheel_maps_every_root_package() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    expected = {str(folder.relative_to(ROOT)): name for name, folder in PACKAGES.items()}
    assert wheel["sources"] == expected
    assert sorted(wheel["only-include"]) == sorted(expected)


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_root_package_is_marked_as_typed(package) -> None:
    assert (package / "py.typed").exists()


def test_every_built_in_plugin_module_is_registered() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    registered = set(project["entry-points"]["bck"].values())
    plugins = {
        f"bck_adapters.{path.parent.name}.plugin" for path in PACKAGES["bck_adapters"].glob("*/plugin.py")
    }
    assert registered == plugins
