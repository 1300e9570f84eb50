"""Pure: from the command that ssh was asked for to its words, without any shell.

Understood is what rsync, and our transport for it, produce: blanks between words, plain characters, a
backslash before a single character, and single quotes. Whatever else a shell would give a meaning to is
refused, not guessed.
"""

import re

from bck_apps.gate.refusal import GateRefusedError, escaped

LONGEST = 64 << 10
_PIECE = re.compile(
    r"\\(?P<escaped>[^\n\x00])|'(?P<quoted>[^'\x00]*)'"
    r"|(?P<plain>(?:[A-Za-z0-9/._+,:@%=^-]|(?<=[^ ])~|[^\x00-\x7f])+)"
)


def split(command: str) -> list[str]:
    """The words of ``command``. Raises GateRefusedError for anything that is not such a command."""
    if len(command) > LONGEST:
        raise GateRefusedError("the command is too long")
    words: list[str] = []
    position, fresh = 0, True
    while position < len(command):
        if command[position] == " ":
            position, fresh = position + 1, True
            continue
        piece = _PIECE.match(command, position)
        if piece is None:
            raise GateRefusedError(f"a shell would give a meaning to {escaped(command[position])!r}")
        if fresh:
            words.append("")
        words[-1] += next(group for group in piece.groups() if group is not None)
        position, fresh = piece.end(), False
    return words
