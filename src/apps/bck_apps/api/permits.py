"""Permit: whether who is being answered still may have it, for answers that last."""

from collections.abc import Callable

import anyio

from bckcore.errors import AccessDeniedError, NotFoundError

PERMIT_SECONDS = 2.0


class Permit:
    """Looked at now and then: event streams and downloads may last for hours."""

    def __init__(self, check: Callable[[], object]) -> None:
        """``check`` raises AccessDeniedError or NotFoundError once it is over."""
        self._check = check
        self._looked = anyio.current_time()

    async def holds(self) -> bool:
        """False once it is over, PERMIT_SECONDS after that at the latest."""
        if anyio.current_time() - self._looked < PERMIT_SECONDS:
            return True
        try:
            await anyio.to_thread.run_sync(self._check)
        except (AccessDeniedError, NotFoundError):
            return False
        self._looked = anyio.current_time()
        return True
