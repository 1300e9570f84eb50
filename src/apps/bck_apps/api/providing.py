"""What routes get from the container, without a thread for each."""

from typing import Any, Self, cast

from dependency_injector.wiring import Provide
from fastapi import Depends


class _Provide(Provide):  # type: ignore[misc,valid-type]  # for type checkers it is no class
    """FastAPI asks what is not ``async`` in a thread, which costs as much as a look into the database."""

    async def __call__(self) -> Self:
        return self


def provided(provider: Any) -> Any:
    """For a parameter of a function under ``@inject``: ``jobs: JobService = provided(Container.jobs)``."""
    return Depends(cast("Any", _Provide)[provider])
