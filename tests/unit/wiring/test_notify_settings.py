"""Settings of messages: what cannot work is refused at the start, and secrets are only named."""

import json
from pathlib import Path
from typing import Any

import pytest

from bck_adapters.clock import SystemClock
from bck_adapters.memory import MemoryOutbox, MemoryVault, RecordingNotifier
from bck_adapters.notify.mail import MailChannel
from bck_adapters.notify.plugin import bck_notifiers
from bck_adapters.notify.webhook import WebhookChannel
from bck_apps.cli.admin import masked
from bck_apps.wiring.notices import made_notices, notifier_context, remind_after, telling_plan
from bck_apps.wiring.plugins import OfferedNotifier
from bck_apps.wiring.settings import FILE_NAME, MailSettings, NotifySettings, Settings, WebhookSettings, load
from bckcore.domain.notice import ALARMS, NoticeKind
from bckcore.domain.target import Target
from bckcore.errors import InvalidInputError
from bckcore.plugins.registry import AdapterContext
from bckcore.ports.notifier import Channel

MAIL = '[mail]\nserver = "localhost"\nsender = "a@example.org"\nto = ["b@example.org"]\n'


def loaded(home: Path, text: str) -> Settings:
    (home / FILE_NAME).write_text(text)
    return load(home)


@pytest.mark.parametrize(
    "more",
    [
        'sender = "a@example.org\\r\\nBcc: c@example.org"',
        'sender = "Ann <a@example.org>"',
        'sender = ""',
        "to = []",
        'to = ["b@example.org", "c@example.org\\nBcc: d@example.org"]',
        'to = ["b@example.org, c@example.org"]',
        'encryption = "none"\nserver = "mail.example.org"',
        'encryption = "maybe"',
        "port = 0",
        "timeout_seconds = 0",
    ],
)
def test_mail_that_cannot_work_or_would_not_be_safe_is_refused(tmp_path: Path, more: str) -> None:
    names = {line.partition(" ")[0] for line in more.splitlines()}
    kept = [line for line in MAIL.splitlines() if line.partition(" ")[0] not in names]
    with pytest.raises(InvalidInputError):
        loaded(tmp_path, "\n".join([*kept, more]))


def test_mail_with_server_sender_and_recipients_is_taken(tmp_path: Path) -> None:
    assert loaded(tmp_path, MAIL).mail.encryption == "starttls"
    assert loaded(tmp_path, MAIL + 'encryption = "none"\n').mail.encryption == "none"


def test_what_is_told_may_be_chosen(tmp_path: Path) -> None:
    plan = telling_plan(loaded(tmp_path, '[notify]\ntell = ["succeeded", "stale"]\nlanguage = "it"\n'))
    chosen = {NoticeKind.SUCCEEDED, NoticeKind.STALE}
    assert (plan.kinds, plan.language) == (ALARMS | chosen, "it")
    usual = telling_plan(Settings())
    left_out = {NoticeKind.SUCCEEDED, NoticeKind.UNREACHABLE, NoticeKind.TEST}
    assert usual.kinds == frozenset(NoticeKind) - left_out
    assert usual.server
    with pytest.raises(InvalidInputError, match=r"notify\.tell"):
        loaded(tmp_path, '[notify]\ntell = ["everything"]\n')


def test_reminders_come_weekly_and_may_be_switched_off() -> None:
    reminded = remind_after(Settings())
    assert reminded is not None
    assert reminded.days == 7
    assert remind_after(Settings(notify=NotifySettings(remind_days=0))) is None


def context(home: Path, settings: Settings) -> AdapterContext:
    plain = AdapterContext(
        home=home, runtime_dir=home, target=Target(root=home), database_url="memory:", clock=SystemClock()
    )
    return notifier_context(plain, settings, MemoryVault)


def offered(home: Path, settings: Settings) -> dict[str, Any]:
    told = context(home, settings)
    return {name: factory(told) for name, factory in bck_notifiers().items()}


def test_a_channel_is_made_where_the_settings_want_it_and_nothing_is_connected_to(tmp_path: Path) -> None:
    assert offered(tmp_path, Settings()) == {"mail": None, "webhook": None}
    mail = MailSettings(server="mail.example", sender="a@example.org", to=("b@example.org",))
    made = offered(tmp_path, Settings(mail=mail, webhook=WebhookSettings(enabled=True, signed=True)))
    assert isinstance(made["mail"], MailChannel)
    assert isinstance(made["webhook"], WebhookChannel)
    assert all(isinstance(channel, Channel) for channel in made.values())


def test_only_channels_get_messages(tmp_path: Path) -> None:
    mail = MailSettings(server="mail.example", sender="a@example.org", to=("b@example.org",))
    settings = Settings(mail=mail)
    channel = offered(tmp_path, settings)["mail"]
    notifiers = [
        OfferedNotifier(plugin="notify", name="mail", notifier=channel),
        OfferedNotifier(plugin="x", name="journal", notifier=RecordingNotifier()),
    ]
    assert made_notices(settings, MemoryOutbox(), notifiers, SystemClock()).channels == ["mail"]


def test_settings_that_are_shown_name_where_secrets_are(tmp_path: Path) -> None:
    shown = masked(json.loads(Settings().model_dump_json()))
    mail, webhook = shown["mail"], shown["webhook"]
    assert isinstance(mail, dict)
    assert isinstance(webhook, dict)
    assert (mail["password_ref"], webhook["url_ref"]) == ("notify/mail-password", "notify/webhook-url")
