"""Where the end of the audit log is remembered outside the database."""

from bck_adapters.audit_head.file import FileHeadKeeper

__all__ = ["FileHeadKeeper"]
