"""What DBOS knows of jobs, in words that need no DBOS."""

from dataclasses import dataclass
from enum import Enum


class Standing(Enum):
    """What DBOS knows of a job."""

    COMING = "coming"
    """It waits in the queue of its node, or is just being handed over."""
    ELSEWHERE = "elsewhere"
    """Another node has it."""
    ENDED = "ended"
    """It was offered, and that is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many jobs wait to be offered, and how many are."""

    queued: int
    offered: int
