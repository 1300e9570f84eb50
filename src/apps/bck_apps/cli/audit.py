"""Verbs about the audit log: list it, export it, prove that it is what was written."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from bck_apps.cli.given import require_path
from bck_apps.cli.new_file import new_file
from bck_apps.cli.screen import Json, fields, say, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.status import FAILED
from bck_apps.cli.units import time_text
from bckcore.domain.audit import Action, Entry, Head, digest
from bckcore.domain.audit_proof import Break, Proof, proved
from bckcore.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bckcore.services.evidence import Evidence

app = typer.Typer(help="The audit log: who did what, from where, when.", no_args_is_help=True)
LONGEST_LINE = 1 << 20
_DIGEST = 64


@app.command("list")
def listed(
    after: Annotated[int, typer.Option(min=0, metavar="NUMBER", help="Only entries after that one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most, the newest.")] = 50,
    who: Annotated[str | None, typer.Option(metavar="NAME", help="Only what that account did.")] = None,
    action: Annotated[Action | None, typer.Option(help="Only that.")] = None,
    as_json: Json = False,
) -> None:
    """Show the newest entries, oldest first."""
    with opened() as application:
        found = _newest(application.evidence, after, limit, lambda one: _wanted(one, who, action))
    document = {"items": [entry_document(entry) for entry in found]}
    show(as_json, document, lambda: _table(found))


def _newest(evidence: "Evidence", after: int, limit: int, wanted: "Wanted") -> list[Entry]:
    found: list[Entry] = []
    while part := evidence.entries(after=after):
        found = [*found, *filter(wanted, part)][-limit:]
        after = part[-1].number
    return found


if TYPE_CHECKING:
    from collections.abc import Callable

    Wanted = Callable[[Entry], bool]


def _wanted(entry: Entry, who: str | None, action: Action | None) -> bool:
    deed = entry.deed
    return who in (None, deed.actor.name) and action in (None, deed.action)


def entry_document(entry: Entry) -> dict[str, object]:
    """An entry as JSON."""
    deed = entry.deed
    return {
        "number": entry.number,
        "at": deed.at.astimezone(UTC).isoformat(),
        "who": deed.actor.name,
        "origin": deed.actor.origin.value,
        "address": deed.actor.address,
        "action": deed.action.value,
        "outcome": deed.outcome.value,
        "about": dict(deed.about),
        "previous": entry.previous,
        "digest": entry.head.digest,
    }


def _table(found: list[Entry]) -> "RenderableType":
    rows = (
        (
            entry.number,
            time_text(entry.deed.at),
            entry.deed.actor.name,
            " ".join(filter(None, (entry.deed.actor.origin.value, entry.deed.actor.address))),
            entry.deed.action.value,
            entry.deed.outcome.value,
            ", ".join(f"{name}={value}" for name, value in entry.deed.about),
        )
        for entry in found
    )
    heads = ("NO>", "AT", "WHO", "FROM", "ACTION", "OUTCOME", "ABOUT")
    return table(heads, rows, empty="Nothing was entered yet.")


@app.command("export")
def export(
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="New file; - is stdout.")],
    as_json: Json = False,
) -> None:
    """Write the whole log as lines of JSON, each of which names the one before by its SHA-256."""
    if output == "-" and as_json:
        raise InvalidInputError("--json and -o - would mix two things on standard output.")
    with opened() as application:
        evidence = application.evidence
        with new_file(require_path(output, "--output"), application.restores.require_apart) as file:
            evidence.tell(Action.AUDIT_EXPORT, to=output)
            count, newest = 0, b""
            for line in evidence.lines():
                file.write(line + b"\n")
                count, newest = count + 1, line
    document = {"file": output, "entries": count, "digest": digest(newest)}
    if output == "-":
        say(f"{count} entries; the newest has the SHA-256 {digest(newest)}.")
        return
    show(
        as_json, document, lambda: fields((("file", output), ("entries", count), ("newest", digest(newest))))
    )


@app.command("verify")
def verify(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="An exported file; none: the log itself.")
    ] = None,
    head: Annotated[
        str,
        typer.Option(metavar="NUMBER:SHA256", help="An entry that is known to be there, as noted elsewhere."),
    ] = "",
    as_json: Json = False,
) -> None:
    """Prove that nothing was changed, removed, moved or cut off; exit status 1 and the place if it was.

    An end that was cut off shows by the newest entry that BCK_HOME/audit.head remembers, or by --head;
    without either the log itself is not proved. An installation enters its own start: no entry is a break.
    """
    known = _head(head)
    if file is None:
        with opened() as application:
            proof = application.evidence.proof(known)
    else:
        proof = _proof_of_file(Path(require_path(file, "FILE")), known)
    good = proof.proven if file is None else proof.ok
    show(as_json, _proof_document(proof, good), lambda: _proof_view(proof, good))
    for line in _told(proof, good):
        say(line)
    if not good:
        raise typer.Exit(FAILED)


def _told(proof: Proof, good: bool) -> list[str]:
    """What is wrong, what it means, and what to do, for people."""
    if not proof.ok:
        emptied = any(one.kind is Break.EMPTY for one in proof.breaks)
        lost = (
            " Where the database was lost and rebuilt, start 'bck serve': that is entered." if emptied else ""
        )
        return [
            *(f"error: {one.sentence}" for one in proof.breaks),
            "means: The audit log is not what was written; from that place on it proves nothing.",
            "do:    Keep the database as it is, compare it with an earlier export, and find out who wrote."
            + lost,
        ]
    if not good:
        return [
            "error: No newest entry is remembered: audit.head is not in BCK_HOME.",
            "means: What is there is whole, but an end that was cut off would not show.",
            "do:    Give an entry that was noted elsewhere, as in the server's log: --head. Where you know "
            "why the file is gone, as after a move, restart 'bck serve': its start is remembered.",
        ]
    return ["warning: An end that was cut off would not show. Give --head."] if not proof.proven else []


def _head(text: str) -> Head | None:
    if not text:
        return None
    number, _, known = text.partition(":")
    if not number.isdigit() or len(known) != _DIGEST or set(known) - set("0123456789abcdef"):
        raise InvalidInputError(f"{text!r} is no entry.", advice="Write NUMBER:SHA256, as 57:9f86d08….")
    return Head(number=int(number), digest=known)


def _proof_of_file(path: Path, known: Head | None) -> Proof:
    try:
        with path.open("rb") as opened_file:
            return proved(_lines(opened_file), known)
    except FileNotFoundError:
        raise NotFoundError(f"There is no {path}.", advice="Check the name.") from None
    except OSError as exc:
        raise InvalidInputError(f"{path} cannot be read: {exc.strerror}.", advice="Mend its rights.") from exc


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends; one that is longer than any of ours is cut, and so no entry."""
    while line := file.readline(LONGEST_LINE):
        yield line.removesuffix(b"\n")


def _proof_document(proof: Proof, good: bool) -> dict[str, object]:
    known = proof.remembered
    return {
        "ok": good,
        "entries": proof.entries,
        "newest": proof.newest.number,
        "digest": proof.newest.digest,
        "remembered": known.number if known else None,
        "breaks": [
            {"kind": one.kind.value, "first": one.first, "last": one.last, "what": one.sentence}
            for one in proof.breaks
        ],
    }


def _proof_view(proof: Proof, good: bool) -> "RenderableType":
    known = proof.remembered
    return fields(
        (
            ("audit log", "ok" if good else "BAD"),
            ("entries", proof.entries),
            ("newest", f"{proof.newest.number}:{proof.newest.digest}" if proof.entries else "none"),
            ("remembered", f"{known.number}:{known.digest}" if known else "nothing"),
        )
    )
