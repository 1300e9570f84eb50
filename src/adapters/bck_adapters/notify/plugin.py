"""What is offered to tell people. Nothing of it is imported before it is made: mail and TLS take time."""

from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret
from bckcore.errors import NotFoundError
from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import AdapterContext, NotifierFactories
from bckcore.ports.notifier import Channel


@hookimpl
def bck_notifiers() -> NotifierFactories:
    """``mail`` and ``webhook``; each only where the settings want it."""
    return {"mail": _mail, "webhook": _webhook}


def _mail(context: AdapterContext) -> Channel | None:
    section = context.options.get("mail")
    if section is None:
        return None
    from bck_adapters.notify.mail import MailChannel, MailOptions

    return MailChannel(MailOptions.of(section), context.secret or _no_vault)


def _webhook(context: AdapterContext) -> Channel | None:
    section = context.options.get("webhook")
    if section is None:
        return None
    from bck_adapters.notify.webhook import WebhookChannel, WebhookOptions

    return WebhookChannel(WebhookOptions.of(section), context.secret or _no_vault)


def _no_vault(ref: SecretRef) -> Secret[str]:
    raise NotFoundError(f"There is no vault to find {ref} in.")
