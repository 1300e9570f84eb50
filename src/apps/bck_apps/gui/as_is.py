"""Words of others in the places where Qt guesses whether a text is markup: tool tips above all.

A PC chooses the names of its files. Taken for markup, a name could have a picture fetched from wherever it
says, another machine included. A label takes plain text (`views.look.label`); a tool tip cannot be told to.
"""

from __future__ import annotations

from html import escape


def as_is(text: str) -> str:
    """Markup that shows just this text; for everything that is given to a tool tip. Nothing for no text."""
    if not text:
        return ""
    # What begins with this element is never guessed to be plain, and no character of the text is markup.
    return f"<qt><span style='white-space: pre-wrap'>{escape(text.replace(chr(0), chr(0xFFFD)))}</span></qt>"
