"""Numbers in sentences for people. Pure."""


def counted(number: int, thing: str, things: str = "") -> str:
    """``1 file``, ``2 files``, ``0 files``: a number and what it counts, in the form that goes with it."""
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"
