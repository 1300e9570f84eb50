"""What each room may import; import-linter guards the layers, these guard the outside world."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.architecture.source import PACKAGES, modules

CORE_MAY_IMPORT = {*sys.stdlib_module_names, "bckcore"}
# The client is installed alone on a PC: extra `gui`, nothing of the server.
GUI_MAY_IMPORT = {
    *sys.stdlib_module_names,
    "bck_apps",
    "PySide6",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
}
LANDLOCK = "bck_adapters.landlock"
WRONG_ROOTS = {"adapters", "apps", "src"}


def _outside(prefix: str, allowed: set[str]) -> list[str]:
    return [
        f"{module.name} imports {name}"
        for module in modules(prefix)
        for name in module.imports()
        if name.partition(".")[0] not in allowed
    ]


def test_core_imports_standard_library_only() -> None:
    outside = _outside("bckcore", CORE_MAY_IMPORT)
    assert [line for line in outside if not line.startswith("bckcore.plugins")] == []


def test_core_plugins_add_only_pluggy() -> None:
    assert _outside("bckcore.plugins", CORE_MAY_IMPORT | {"pluggy"}) == []


def test_client_imports_only_what_its_extra_installs() -> None:
    assert _outside("bck_apps.gui", GUI_MAY_IMPORT) == []


def test_client_has_nothing_to_wait_with_on_its_own_thread() -> None:
    # It asks the server through Qt, which answers by signals; whoever waits for an answer freezes the window.
    waiting = {"socket", "ssl", "http", "urllib.request", "subprocess", "asyncio", "selectors", "select"}
    imported = [
        f"{module.name} imports {name}"
        for module in modules("bck_apps.gui")
        for name in module.imports()
        if any(f"{name}.".startswith(f"{one}.") for one in waiting)
    ]
    named = [
        f"{module.name} names {word}"
        for module in modules("bck_apps.gui")
        for word in ("QEventLoop", "waitFor", "processEvents", "time.sleep")
        if word in module.text
    ]
    assert imported + named == []


def test_the_gate_imports_the_standard_library_and_the_core_only() -> None:
    # Each login to a PC starts it anew, and all of it must be trusted there.
    own = {*sys.stdlib_module_names, "bckcore", "bck_apps"}
    assert [line for line in _outside("bck_apps.gate", own) if f" imports {LANDLOCK}." not in line] == []
    assert _outside(LANDLOCK, {*sys.stdlib_module_names}) == []
    foreign = [
        f"{module.name} imports {name}"
        for module in modules("bck_apps.gate")
        for name in module.imports()
        if name.startswith("bck_apps.") and not f"{name}.".startswith("bck_apps.gate.")
    ]
    assert foreign == []


def test_client_imports_no_other_app() -> None:
    foreign = [
        f"{module.name} imports {name}"
        for module in modules("bck_apps.gui")
        for name in module.imports()
        if name.startswith("bck_apps.") and not f"{name}.".startswith("bck_apps.gui.")
    ]
    assert foreign == []


def test_packages_are_imported_by_their_installed_names() -> None:
    wrong = [
        f"{module.name} imports {name}"
        for module in modules()
        for name in module.imports()
        if name.partition(".")[0] in WRONG_ROOTS
    ]
    assert wrong == []


def test_every_folder_with_code_is_a_package() -> None:
    lacking = {
        str(path.parent)
        for folder in PACKAGES.values()
        for path in folder.rglob("*.py")
        if not (path.parent / "__init__.py").exists() and not _is_migration(path)
    }
    assert lacking == set()


def _is_migration(path: Path) -> bool:
    return "migrations" in path.parts
