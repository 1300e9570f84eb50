"""Verbs about the server's certificate: look at it, renew it, bring one from elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.screen import Json, fields, say, show
from bck_apps.cli.session import opened
from bck_apps.cli.units import time_text
from bckcore.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bck_apps.wiring.certificates import CertificateFacts

LARGEST_FILE = 1 << 20
SOON = "A running server shows it within ten seconds."
_UNTIL = {
    False: "Those that know the old one go on until that ends.",
    True: "Those that know the old one accept the server no more.",
}
app = typer.Typer(help="The certificate by which clients know the server.", no_args_is_help=True)


@app.command("show")
def cert_show(as_json: Json = False) -> None:
    """Tell what the server shows, until when it is valid, and the fingerprint that clients pin."""
    with opened() as application:
        facts = application.certificates.facts()
    show(as_json, _document(facts), lambda: _view(facts))


@app.command("renew")
def cert_renew(
    own: Annotated[
        bool, typer.Option("--own", help="Give up an imported certificate for one of the server's own CA.")
    ] = False,
    authority: Annotated[
        bool,
        typer.Option("--authority", help="The CA itself: clients go on until the old one ends."),
    ] = False,
    now: Annotated[
        bool,
        typer.Option("--now", help="With --authority: a new key, for others may have the old one."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a new key and certificate, signed by the server's own CA: clients that pinned that CA accept it.

    This happens by itself in time; do it when the key may have been seen by others. The CA itself lasts ten
    years and is renewed by nobody else: 'bck doctor' warns half a year before it ends.
    """
    if now and not authority:
        raise InvalidInputError(
            "--now says how the CA is renewed.",
            meaning="Nothing was changed.",
            advice="Give --authority, too; the server's own key is changed at once anyway.",
        )
    with opened() as application:
        if authority:
            application.certificates.renew_authority(own=own, new_key=now)
        else:
            application.certificates.renew(own=own)
        facts = application.certificates.facts()

    def view() -> "RenderableType":
        say(f"The server has a new certificate{' and a new CA' if authority else ''}. {SOON}")
        if authority:
            say(f"Tell every client the SHA-256 of its CA. {_UNTIL[now]}")
            say("Enrolment tokens that are out are void.")
        return _view(facts)

    show(as_json, _document(facts), view)


@app.command("import")
def cert_import(
    certificate: Annotated[
        Path, typer.Option(metavar="FILE", help="PEM: the server's certificate, then what leads to the CA.")
    ],
    key: Annotated[Path, typer.Option(metavar="FILE", help="PEM: its private key, without a passphrase.")],
    ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM: the CA, where the first file does not end with it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Use a certificate of your own or of your company's CA. It is first tried as a client would try it.

    Clients then pin that CA: each must be told its fingerprint. Nobody renews it by itself; 'bck doctor'
    warns three weeks before it ends.
    """
    pems = [_read(certificate), _read(key), _read(ca) if ca is not None else b""]
    with opened() as application:
        done = application.certificates.bring(*pems)
        facts = application.certificates.facts()

    def view() -> "RenderableType":
        say(f"Clients that pin its CA accept the server as {', '.join(done.accepted)}. {SOON}")
        if done.refused:
            say(f"Not as {', '.join(done.refused)}: the certificate does not name that.")
        return _view(facts)

    show(as_json, _document(facts) | {"accepted": done.accepted, "refused": done.refused}, view)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except OSError as exc:
        raise InvalidInputError(
            f"{path} cannot be read: {exc.strerror}.",
            meaning="Nothing was changed.",
            advice="Check the name and the rights of the file.",
        ) from exc
    if len(raw) > LARGEST_FILE:
        raise InvalidInputError(f"{path} is too large for a certificate.", meaning="Nothing was changed.")
    return raw


def _document(facts: "CertificateFacts") -> dict[str, object]:
    return {
        "imported": facts.files.imported,
        "subject": facts.subject,
        "issuer": facts.issuer,
        "names": list(facts.names),
        "valid_from": facts.valid_from.isoformat(),
        "valid_until": facts.valid_until.isoformat(),
        "sha256": facts.server_fingerprint,
        "ca_certificate": str(facts.files.ca_certificate),
        "ca_fingerprint": facts.files.fingerprint,
        "ca_valid_until": facts.ca_valid_until.isoformat(),
    }


def _view(facts: "CertificateFacts") -> "RenderableType":
    return fields(
        (
            ("signed by", "a CA from elsewhere" if facts.files.imported else "the server's own CA"),
            ("names", ", ".join(facts.names)),
            ("valid until", time_text(facts.valid_until)),
            ("SHA-256", facts.server_fingerprint),
            ("issuer", facts.issuer),
            ("clients trust", str(facts.files.ca_certificate)),
            ("its SHA-256", facts.files.fingerprint),
            ("CA valid until", time_text(facts.ca_valid_until)),
        )
    )
