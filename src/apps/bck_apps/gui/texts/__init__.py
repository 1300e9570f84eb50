"""Texts for people, in English and Italian; view-models say what, this package says it in words."""

from bck_apps.gui.texts.catalogue import Texts, known_problem, language_of
from bck_apps.gui.texts.explain import Explanation, explain
from bck_apps.gui.texts.phrase import Ago, Count, Moment, Phrase, Rate, Size, Span

__all__ = [
    "Ago",
    "Count",
    "Explanation",
    "Moment",
    "Phrase",
    "Rate",
    "Size",
    "Span",
    "Texts",
    "explain",
    "known_problem",
    "language_of",
]
