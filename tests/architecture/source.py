"""Read the project's sources for the architecture tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "bckcore": ROOT / "src" / "bckcore",
    "bck_adapters": ROOT / "src" / "adapters" / "bck_adapters",
    "bck_apps": ROOT / "src" / "apps" / "bck_apps",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One source file, with the name it is imported by."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """What a relative import with one dot refers to."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    def imports(self) -> Iterator[str]:
        """Full names of everything that is imported, at any depth, type-checking blocks included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from self._imported_from(node)

    def _imported_from(self, node: ast.ImportFrom) -> Iterator[str]:
        base = node.module or ""
        if node.level:
            parents = self.package.split(".")
            base = ".".join([*parents[: len(parents) - node.level + 1], *([base] if base else [])])
        yield from (f"{base}.{alias.name}" for alias in node.names)


def modules(*prefixes: str) -> list[Module]:
    """All modules of the project, or those at or below the given names."""
    found = [
        _read(package, folder, path) for package, folder in PACKAGES.items() for path in folder.rglob("*.py")
    ]
    if prefixes:
        found = [m for m in found if any(m.name == p or m.name.startswith(f"{p}.") for p in prefixes)]
    return sorted(found, key=lambda module: module.name)


@cache
def _read(package: str, folder: Path, path: Path) -> Module:
    parts = path.relative_to(folder).with_suffix("").parts
    name = ".".join([package, *(part for part in parts if part != "__init__")])
    text = path.read_text(encoding="utf-8")
    return Module(name=name, path=path, text=text, tree=ast.parse(text, filename=str(path)))
