"""Numbers in sentences for people. Pure."""


def counted(number: int, thing: str, things: str = "") -> str:
    """``1 file``, ``2 files``, ``0 files``: a number and what it counts, in the form that goes with it."""
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"


def printable(text: str) -> str:
    """The text with everything escaped that would steer a terminal, hide, or turn what stands around it.

    Control characters, also those of eight bits, direction marks, invisible characters and halves of
    characters; line ends stay.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
