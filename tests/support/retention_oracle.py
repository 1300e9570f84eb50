"""What a retention policy keeps, worked out a second time and in another way, for tests to compare with."""

import calendar
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention import RetentionPolicy

Span = tuple[int, ...]


@lru_cache(maxsize=20_000)
def spans(at: datetime, zone: str) -> dict[str, Span]:
    """The hour, day, week, month and year of a moment, as numbers that grow with time.

    An hour is named by the moment it began, so the two of a night when clocks go back are two.
    """
    local = at.astimezone(ZoneInfo(zone))
    monday = local.date() - timedelta(days=local.weekday())
    offset = local.utcoffset() or timedelta(0)
    wall = calendar.timegm(time.struct_time((*local.timetuple()[:4], 0, 0, 0, 0, 0)))
    return {
        "hourly": (wall - int(offset.total_seconds()), int(offset.total_seconds())),
        "daily": (local.toordinal(),),
        "weekly": (monday.toordinal(),),
        "monthly": (local.year * 12 + local.month,),
        "yearly": (local.year,),
    }


def kept(policy: RetentionPolicy, points: Sequence[RestorePoint], now: datetime) -> set[int]:
    """Numbers of the points that stay; holds are left out."""
    counted = {one.seq: one for one in points if one.counted is Counted.COUNTED}
    by_number = sorted(counted)[-policy.keep_last :]
    staying = set(by_number)
    for rule, count in policy.by_calendar.items():
        newest: dict[Span, int] = {}
        for seq, one in counted.items():
            span = spans(one.finished, policy.time_zone)[rule]
            newest[span] = max(seq, newest.get(span, 0))
        staying |= set(sorted(newest.values())[len(newest) - min(count, len(newest)) :])
    for one in points:
        young = now - one.finished <= policy.keep_within or now - one.finished < policy.min_age
        recent = one.seq not in counted and one.seq > min(by_number, default=0)
        if young or recent:
            staying.add(one.seq)
    return staying
