"""Where everything of the demonstration lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything lies."""

    root: Path

    @property
    def documents(self) -> Path:
        """The folder of "the PC" that is backed up."""
        return self.root / "pc" / "documents"

    @property
    def aside(self) -> Path:
        """The copy kept aside: the judge."""
        return self.root / "kept-aside"

    @property
    def home(self) -> Path:
        """BCK_HOME."""
        return self.root / "home"

    @property
    def storage(self) -> Path:
        """The backup storage."""
        return self.root / "backup"

    @property
    def restored(self) -> Path:
        """What comes back."""
        return self.root / "restored"

    @property
    def log(self) -> Path:
        """What the server said."""
        return self.root / "server-log.jsonl"
