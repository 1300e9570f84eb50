"""Word phrases in one language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bck_apps.gui.texts.english import ENGLISH
from bck_apps.gui.texts.italian import ITALIAN
from bck_apps.gui.texts.phrase import Ago, Amount, Count, Moment, Phrase, Rate, Size, Span

CATALOGUES: Final[Mapping[str, Mapping[str, str]]] = {"en": ENGLISH, "it": ITALIAN}
_UNITS = ("kB", "MB", "GB", "TB", "PB")


def language_of(choice: str, system: str) -> str:
    """The language for a choice of ``auto``, ``en`` or ``it`` on a system that says e.g. ``it_CH``."""
    if choice in CATALOGUES:
        return choice
    spoken = system.replace("-", "_").partition("_")[0].lower()
    return spoken if spoken in CATALOGUES else "en"


def known_problem(code: str) -> bool:
    """True if we have words of our own for that error code."""
    return f"problem.{code}.what" in ENGLISH


class Texts:
    """All texts in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = CATALOGUES[language]
        self._point = "," if language == "it" else "."
        self._group = "." if language == "it" else ","

    def __call__(self, key: str, **args: Amount) -> str:
        """The text of ``key`` with its amounts. An unknown key is a programming error: KeyError."""
        count = args.get("count")
        if isinstance(count, Count) and key not in self._words:
            key = f"{key}.one" if count.value == 1 else f"{key}.other"
        return self._words[key].format(**{name: self.amount(value) for name, value in args.items()})

    def say(self, phrase: Phrase) -> str:
        """A phrase in words."""
        return self(phrase.key, **phrase.args)

    def has(self, key: str) -> bool:
        """True if there is a text of that key."""
        return key in self._words

    def amount(self, value: Amount) -> str:
        """An amount as people of this language write it."""
        match value:
            case Count(number):
                return self.number(number)
            case Size(number):
                return self._size(number)
            case Rate(number):
                return f"{self._size(number)}/s"
            case Span(seconds):
                return self._span(seconds)
            case Ago(seconds):
                return self._words["time.now"] if seconds < 60 else self._in("time.ago", self._span(seconds))
            case Moment(when):
                return self._moment(when)
            case Phrase():
                return self.say(value)
        return value

    def number(self, value: int) -> str:
        """With thousands grouped."""
        return f"{value:,}".replace(",", self._group)

    def _size(self, value: int) -> str:
        if value < 1000:
            return f"{value} B"
        amount, units = value / 1000, list(_UNITS)
        while amount >= 999.5 and len(units) > 1:
            amount, units = amount / 1000, units[1:]
        text = f"{amount:.0f}" if amount >= 99.95 else f"{amount:.1f}"
        return f"{text.replace('.', self._point)} {units[0]}"

    def _in(self, key: str, text: str) -> str:
        return self._words[key].format(time=text)

    def _span(self, seconds: float) -> str:
        whole = int(max(0.0, seconds))
        for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
            if whole >= length:
                return self(f"time.{unit}", count=Count(whole // length))
        return self("time.second", count=Count(whole))

    def _moment(self, when: datetime) -> str:
        local = when.astimezone()
        return f"{local:%d/%m/%Y %H:%M}" if self.language == "it" else f"{local:%d %b %Y, %H:%M}"
