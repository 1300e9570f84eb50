"""The HTTP API: HTTPS with a certificate of our own, JSON, problem documents, server-sent events."""

from bck_apps.api.main import create_app
from bck_apps.api.serve import Address, listening, serve_on

__all__ = ["Address", "create_app", "listening", "serve_on"]
