"""What notices need of an installation: its settings, its vault, the channels that are wanted."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from bck_apps.wiring.plugins import OfferedNotifier
from bck_apps.wiring.settings import Settings
from bckcore.domain.ids import SecretRef
from bckcore.domain.notice import ALARMS, NoticeKind, TellingPlan
from bckcore.domain.secret import Secret
from bckcore.plugins.registry import AdapterContext
from bckcore.ports.clock import Clock
from bckcore.ports.notifier import Channel
from bckcore.ports.outbox import Outbox
from bckcore.ports.vault import Vault
from bckcore.services.notices import NoticeService


def notifier_context(
    context: AdapterContext, settings: Settings, vault: Callable[[], Vault]
) -> AdapterContext:
    """The context with what only notifiers are told. The vault is opened when a secret is asked for."""
    wanted = {
        "mail": settings.mail.model_dump() if settings.mail.server else None,
        "webhook": settings.webhook.model_dump(exclude={"enabled"}) if settings.webhook.enabled else None,
    }

    def secret(ref: SecretRef) -> Secret[str]:
        return vault().get(ref)

    options = {name: section for name, section in wanted.items() if section is not None}
    return replace(context, options=options, secret=secret)


def server_name(settings: Settings) -> str:
    """What people, and the files of PCs, call this server."""
    return settings.notify.server_name or socket.gethostname()


def telling_plan(settings: Settings) -> TellingPlan:
    """What is told, and when, as the settings want it."""
    notify = settings.notify
    return TellingPlan(
        kinds=frozenset({*ALARMS, *(NoticeKind(kind) for kind in notify.tell)}),
        language=notify.language,
        server=server_name(settings),
        gather=timedelta(seconds=notify.gather_seconds),
        quiet=timedelta(minutes=notify.quiet_minutes),
        give_up=timedelta(hours=notify.give_up_hours),
    )


def remind_after(settings: Settings) -> timedelta | None:
    """How often people are told again that a profile is stale; None for never."""
    return timedelta(days=settings.notify.remind_days) if settings.notify.remind_days else None


def made_notices(
    settings: Settings, outbox: Outbox, offered: Sequence[OfferedNotifier], clock: Clock
) -> NoticeService:
    """Notices for the channels among the notifiers that are offered."""
    channels = {one.name: one.notifier for one in offered if isinstance(one.notifier, Channel)}
    return NoticeService(outbox=outbox, channels=channels, plan=telling_plan(settings), clock=clock)
