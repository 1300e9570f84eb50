"""MailChannel: one mail per digest, handed to a mail server whose identity is proved, encrypted."""

import logging
import smtplib
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import IO, Any, Self

from bck_adapters.notify.deadline import Deadline, connected, leads_to_this_machine
from bckcore.domain.ids import SecretRef
from bckcore.domain.notice import Digest, harmless
from bckcore.domain.secret import Secret
from bckcore.errors import DeliveryFailedError

LARGEST_ANSWERS = 1_000_000
"""Bytes that a server may say in one conversation."""
LONGEST_REASON = 300

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOptions:
    """Where and how; the section ``[mail]`` of the settings."""

    server: str
    port: int
    encryption: str
    """``starttls``, ``tls``, or ``none`` on this machine only."""
    user: str
    password_ref: str
    sender: str
    to: tuple[str, ...]
    ca_file: str
    timeout_seconds: float

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Self:
        """From the settings."""
        return cls(**section)


class MailChannel:
    """Channel by SMTP. Nothing but the greeting goes over a connection that is not encrypted and proved."""

    def __init__(self, options: MailOptions, secret: Callable[[SecretRef], Secret[str]]) -> None:
        """``secret`` is asked for the password at each delivery."""
        self._options = options
        self._secret = secret

    def deliver(self, digest: Digest) -> None:
        """See the port."""
        options, password = self._options, self._password()
        message = mail_of(digest, options)
        deadline = Deadline(options.timeout_seconds)
        try:
            with deadline:
                refused = self._sent(message, password, deadline)
        except (smtplib.SMTPException, OSError) as exc:
            reason = "it took too long" if deadline.over else _reason(exc, password)
            # The original may hold what the server repeated, so it is not passed on.
            raise self._failed(reason) from None
        except (ValueError, TypeError) as exc:  # a name or password that SMTP has no form for
            raise self._failed(f"{type(exc).__name__}: a setting cannot be sent in SMTP") from None
        if refused:
            names = ", ".join(harmless(str(name), 100) for name in refused)
            _logger.warning("the mail server %s refused these recipients: %s", options.server, names)

    def _failed(self, reason: str) -> DeliveryFailedError:
        options = self._options
        return DeliveryFailedError(
            f"The mail server {options.server}, port {options.port}, did not take the message: {reason}."
        )

    def _password(self) -> Secret[str] | None:
        return self._secret(SecretRef(self._options.password_ref)) if self._options.user else None

    def _sent(
        self, message: EmailMessage, password: Secret[str] | None, deadline: Deadline
    ) -> Mapping[str, object]:
        """Send; the recipients that were refused while others were not."""
        options = self._options
        session = _Session(options, self._opened(deadline))
        try:
            if options.encryption == "starttls":
                session.starttls(context=_context(options))
            if password is not None:
                session.login(options.user, password.reveal())
            refused = session.send_message(message, options.sender, options.to)
        finally:
            with suppress(smtplib.SMTPException, OSError):
                session.quit() if not deadline.over else session.close()
        return refused

    def _opened(self, deadline: Deadline) -> socket.socket:
        options = self._options
        opened = connected(options.server, options.port, seconds=options.timeout_seconds, deadline=deadline)
        try:
            if options.encryption == "none" and not leads_to_this_machine(opened):
                raise OSError("without encryption only a server on this machine is spoken to")
            if options.encryption == "tls":
                return _context(options).wrap_socket(opened, server_hostname=options.server)
        except BaseException:
            opened.close()
            raise
        return opened


class _Session(smtplib.SMTP):
    """A conversation over a connection that was opened elsewhere; it does not listen for ever."""

    def __init__(self, options: MailOptions, opened: socket.socket) -> None:
        self._opened = opened
        self._heard = 0
        name = socket.gethostname()
        local = name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else "localhost"
        try:
            super().__init__(
                options.server, options.port, local_hostname=local, timeout=options.timeout_seconds
            )
        except BaseException:
            opened.close()
            raise

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # smtplib's own way in
        return self._opened

    def getreply(self) -> tuple[int, bytes]:
        """As smtplib does, but for one who never ends."""
        if self.file is None and self.sock is not None:
            self.file = _Counted(self.sock.makefile("rb"), self)
        return super().getreply()

    def hear(self, count: int) -> None:
        """Raises OSError when it was too much."""
        self._heard += count
        if self._heard > LARGEST_ANSWERS:
            raise OSError("it says too much")


class _Counted:
    """A file that counts what is read from it."""

    def __init__(self, file: IO[bytes], session: _Session) -> None:
        self._file = file
        self._session = session

    def readline(self, limit: int = -1) -> bytes:
        """As the file does. Raises OSError when it is too much."""
        line = self._file.readline(limit)
        self._session.hear(len(line))
        return line

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def mail_of(digest: Digest, options: MailOptions) -> EmailMessage:
    """The mail; every header is one line, whatever stands in the digest."""
    message = EmailMessage(policy=SMTP)
    message["From"] = options.sender
    message["To"] = ", ".join(options.to)
    message["Subject"] = harmless(digest.subject)
    message["Date"] = format_datetime(digest.at)
    message["Message-ID"] = f"<{digest.id}@{options.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(harmless(line, 2000) for line in digest.text.splitlines()) + "\n")
    return message


def _context(options: MailOptions) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if options.ca_file:
        context.load_verify_locations(options.ca_file)
    return context


def _reason(error: Exception, password: Secret[str] | None) -> str:
    """What went wrong, on one line, without the password in whatever form the server may repeat it."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said.decode("utf-8", "backslashreplace") if isinstance(said, bytes) else str(said)
        text = f"it answered {error.smtp_code} {text}"
    elif isinstance(error, smtplib.SMTPRecipientsRefused):
        text = f"it refused every recipient: {', '.join(map(str, error.recipients))}"
    elif isinstance(error, ssl.SSLCertVerificationError):
        text = f"its certificate is not trusted: {error.verify_message}"
    else:
        text = str(error) or type(error).__name__
    for form in _forms(password):
        text = text.replace(form, "***")
    return harmless(" ".join(text.split()), LONGEST_REASON).rstrip(".")


def _forms(password: Secret[str] | None) -> list[str]:
    if password is None or not password.reveal():
        return []
    plain = password.reveal()
    return [plain, b64encode(plain.encode()).decode("ascii"), b64encode(plain.encode()).decode().rstrip("=")]
