"""Telling people: an outbox of files, and the channels mail and webhook."""

from bck_adapters.notify.outbox import FileOutbox

__all__ = ["FileOutbox"]
