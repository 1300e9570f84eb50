"""From people and devices to response bodies. Pure."""

from bck_apps.api.schemas_people import DeviceTokenView, MadeTokenView, SessionView, Token
from bckcore.domain.access import Principal
from bckcore.domain.device_token import DeviceToken
from bckcore.domain.session import Session
from bckcore.services.device_tokens import MadeToken
from bckcore.services.sessions import SignedIn


def token_view(signed_in: SignedIn) -> Token:
    """Fresh tokens, in the clear: the one place that gives them out."""
    return Token(
        access_token=signed_in.token.reveal(),
        token_type="bearer",  # noqa: S106  # the type of the token, no secret
        expires_at=signed_in.expires,
        name=signed_in.user.name,
        role=signed_in.user.role.value,
        refresh_token=signed_in.refresh_token.reveal(),
        refresh_expires_at=signed_in.session.expires,
        session_id=signed_in.session.id,
    )


def session_view(session: Session, who: Principal) -> SessionView:
    """A session, as the caller sees it."""
    return SessionView(
        session_id=session.id,
        user=session.user,
        created=session.created,
        used=session.used,
        expires=session.expires,
        address=session.address,
        client=session.client,
        current=session.id == who.session,
    )


def _fields(token: DeviceToken) -> dict[str, object]:
    return {
        "token_id": token.id,
        "name": token.name,
        "host": token.host,
        "scopes": list(token.scopes),
        "created": token.created,
        "created_by": token.created_by,
        "expires": token.expires,
        "revoked": token.revoked,
    }


def device_token_view(token: DeviceToken) -> DeviceTokenView:
    """A device token without the token."""
    return DeviceTokenView.model_validate(_fields(token))


def made_token_view(made: MadeToken) -> MadeTokenView:
    """A fresh device token, shown this once."""
    return MadeTokenView.model_validate(_fields(made.token) | {"token": made.secret.reveal()})
