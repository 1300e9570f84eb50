"""Presets: named lists of gitignore rules that many profiles want.

A list never changes once it is released: a better one gets the next version, and the old one stays. So a
profile hides tomorrow what it hides today, whatever program is installed, until a person takes the new one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bckcore.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One version of one list."""

    name: str
    version: int
    about: str
    rules: tuple[str, ...]

    @property
    def id(self) -> str:
        """How a profile names it, for example ``caches@1``."""
        return f"{self.name}@{self.version}"


PRESETS = (
    Preset(
        name="windows-junk",
        version=1,
        about="What Windows makes again by itself: thumbnails, icon caches, folder settings.",
        rules=(
            "Thumbs.db",
            "Thumbs.db:encryptable",
            "ehthumbs.db",
            "ehthumbs_vista.db",
            "desktop.ini",
            "IconCache.db",
            "/**/AppData/Local/Microsoft/Windows/Explorer/thumbcache_*.db",
            "/**/AppData/Local/Microsoft/Windows/Explorer/iconcache_*.db",
            "/**/AppData/Local/Microsoft/Windows/WER/",
            "/**/AppData/Local/CrashDumps/",
        ),
    ),
    Preset(
        name="caches",
        version=1,
        about="Caches of browsers, desktops and developers' tools, which fill up again by themselves.",
        rules=(
            ".cache/",
            "/**/Library/Caches/",
            "/**/AppData/Local/Microsoft/Windows/INetCache/",
            "/**/AppData/Local/Google/Chrome/User Data/*/Cache/",
            "/**/AppData/Local/Google/Chrome/User Data/*/Code Cache/",
            "/**/AppData/Local/Microsoft/Edge/User Data/*/Cache/",
            "/**/AppData/Local/Microsoft/Edge/User Data/*/Code Cache/",
            "/**/AppData/Local/Mozilla/Firefox/Profiles/*/cache2/",
            "/**/AppData/Local/NVIDIA/DXCache/",
            "/**/AppData/Local/pip/Cache/",
            "/**/AppData/Local/npm-cache/",
            ".thumbnails/",
            "__pycache__/",
            ".mypy_cache/",
            ".pytest_cache/",
            ".ruff_cache/",
            ".tox/",
            "/**/.gradle/caches/",
            "/**/.npm/_cacache/",
        ),
    ),
    Preset(
        name="temporary",
        version=1,
        about="Temporary files, half downloads and locks of open documents.",
        rules=(
            "*.tmp",
            "*.temp",
            "~$*",
            ".~lock.*#",
            "*.crdownload",
            "*.part",
            "*.partial",
            "*.swp",
            ".*.sw[a-p]",
            "/**/AppData/Local/Temp/",
        ),
    ),
    Preset(
        name="system",
        version=1,
        about="Files of the operating system itself: paging, hibernation, recycle bins, restore data.",
        rules=(
            "/pagefile.sys",
            "/swapfile.sys",
            "/hiberfil.sys",
            "/DumpStack.log*",
            "$RECYCLE.BIN/",
            "/System Volume Information/",
            "/$WinREAgent/",
            "/$Windows.~BT/",
            "/$Windows.~WS/",
            ".Trash-[0-9]*/",
            ".Trashes/",
            ".Spotlight-V100/",
            ".fseventsd/",
            ".DS_Store",
            "lost+found/",
        ),
    ),
)
"""Every version of every list, by name and version."""


def preset(name: str) -> Preset:
    """The list of that name: ``caches@1`` that version, ``caches`` the newest. Raises InvalidInputError."""
    found = [one for one in PRESETS if name in (one.id, one.name)]
    if not found:
        raise InvalidInputError(
            f"There is no preset {name[:80]!r}.",
            meaning="Nothing was changed.",
            advice=f"There are: {', '.join(dict.fromkeys(one.name for one in PRESETS))}. See: bck filters",
        )
    return max(found, key=lambda one: one.version)


def preset_ids(names: Iterable[str]) -> tuple[str, ...]:
    """The names with their versions, each once, in order. Raises InvalidInputError."""
    return tuple(dict.fromkeys(preset(name).id for name in names))
