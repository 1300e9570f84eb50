"""The one way in which the gate says no."""

EXIT_REFUSED = 77
EXIT_BROKEN = 78
"""The gate's own configuration cannot be used."""


class GateRefusedError(Exception):
    """The command is not let through. Its text is one line for people, not escaped yet."""

    exit_code = EXIT_REFUSED


class GateBrokenError(GateRefusedError):
    """Nothing is let through, because the gate's own configuration cannot be trusted or used."""

    exit_code = EXIT_BROKEN


def escaped(text: str, *, most: int = 1_000) -> str:
    """``text`` as one line of plain ASCII, cut where it is too long: it comes from the other side."""
    line = "".join(char if " " <= char <= "~" else char.encode("unicode_escape").decode() for char in text)
    return line if len(line) <= most else line[:most] + "..."
