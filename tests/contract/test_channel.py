"""Channels keep their promises: in memory, by SMTP and by HTTPS."""

import json

import pytest

from bck_adapters.memory import RecordingChannel
from bck_adapters.notify.mail import MailChannel, MailOptions
from bck_adapters.notify.webhook import WebhookChannel, WebhookOptions
from bck_adapters.testkit.contracts_channel import SECRET, ChannelContract
from bckcore.domain.secret import Secret
from tests.support.post import Ca, MailServer, WebServer


class MemorySide:
    def __init__(self):
        self.channel = RecordingChannel()

    def taken(self):
        return [(one.subject, one.text) for one in self.channel.digests]

    def refuse(self):
        self.channel.broken = "refused"

    fall_silent = refuse

    def take_again(self):
        self.channel.broken = ""


class MailSide:
    def __init__(self, server: MailServer):
        self.server = server
        options = MailOptions(
            server="localhost",
            port=server.port,
            encryption="starttls",
            user="bck",
            password_ref="password",
            sender="a@example.org",
            to=("b@example.org",),
            ca_file=str(server.ca.file if server.ca else ""),
            timeout_seconds=5,
        )
        self.channel = MailChannel(options, lambda ref: Secret(SECRET))

    def taken(self):
        return [(got.mail["Subject"], got.text) for got in self.server.received]

    def refuse(self):
        self.server.password = f"not {SECRET}"

    def fall_silent(self):
        self.server.misbehaves = lambda conversation: conversation.mail.stopping.wait()

    def take_again(self):
        self.server.password = SECRET


class WebSide:
    def __init__(self, server: WebServer):
        self.server = server
        options = WebhookOptions(
            url_ref="url",
            key_ref="key",
            ca_file=str(server.ca.file if server.ca else ""),
            timeout_seconds=5,
        )
        secrets = {"url": Secret(f"https://localhost:{server.port}/{SECRET}"), "key": Secret(SECRET)}
        self.channel = WebhookChannel(options, secrets.__getitem__)
        self.refused = 0

    def taken(self):
        documents = [json.loads(posted.body) for posted in self.server.requests[self.refused :]]
        return [(one["subject"], one["text"]) for one in documents]

    def refuse(self):
        self.server.script = [500] * 2
        self.refused = 2

    def fall_silent(self):
        self.server.misbehaves = lambda handler: self.server.stopping.wait()

    def take_again(self):
        self.server.script = []


class TestRecordingChannel(ChannelContract):
    @pytest.fixture
    def side(self):
        return MemorySide()


class TestMailChannel(ChannelContract):
    @pytest.fixture
    def side(self, tmp_path):
        with MailServer(ca=Ca(tmp_path), starttls=True, password=SECRET).listening() as server:
            yield MailSide(server)


class TestWebhookChannel(ChannelContract):
    @pytest.fixture
    def side(self, tmp_path):
        with WebServer(ca=Ca(tmp_path)).listening() as server:
            yield WebSide(server)
