"""Rules of the history machine about what people and policies keep: holds, time, any policy."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from bckcore.domain.restore_point import Counted
from bckcore.domain.retention import RetentionPolicy
from tests.property.history.machine import HistoryMachine
from tests.support.house import DOCS

hours = st.integers(0, 80).map(lambda number: timedelta(hours=number))
policies = st.builds(
    RetentionPolicy,
    keep_last=st.integers(1, 4),
    keep_hourly=st.integers(0, 3),
    keep_daily=st.integers(0, 3),
    keep_weekly=st.integers(0, 2),
    keep_monthly=st.integers(0, 2),
    keep_yearly=st.integers(0, 1),
    keep_within=hours,
    min_age=st.integers(0, 6).map(lambda number: timedelta(hours=number)),
    time_zone=st.sampled_from(("UTC", "Europe/Rome", "America/Sao_Paulo")),
)


class KeepingMachine(HistoryMachine):
    """Beside the life of the tree: time goes by, points are held and released, policies are any."""

    @rule(time=st.sampled_from((timedelta(hours=5), timedelta(days=1), timedelta(days=20))))
    def time_goes_by(self, time: timedelta) -> None:
        self.house.clock.advance(time.total_seconds())

    @rule(index=st.integers(0, 99), ends=st.one_of(st.none(), st.integers(1, 60)))
    def hold(self, index: int, ends: int | None) -> None:
        active = {held.point.seq for held in self.house.holds.list(DOCS) if held.active}
        free = [seq for seq in self.expected if seq not in active]
        if free:
            expires = None if ends is None else self.house.clock.now() + timedelta(hours=ends)
            point = str(free[index % len(free)])
            self.house.holds.hold(DOCS, point, reason="a test", owner="anna", expires=expires)

    @rule(index=st.integers(0, 99))
    def release(self, index: int) -> None:
        if held := self.house.holds.list(DOCS):
            self.house.holds.release(DOCS, str(held[index % len(held)].point.seq), by="anna")

    @rule(policy=policies)
    def prune_by_any_policy(self, policy: RetentionPolicy) -> None:
        before = {point.seq: point for point in self.house.points()}
        held = {one.point.seq for one in self.house.holds.list(DOCS) if one.active}
        now = self.house.clock.now()
        self.house.prune_by(policy)
        gone = before.keys() - {point.seq for point in self.house.points()}
        assert not gone & held, "a held point went"
        assert all(now - before[seq].finished >= policy.min_age for seq in gone), "a young point went"
        counted = [seq for seq, point in before.items() if point.counted is Counted.COUNTED]
        assert not gone & set(counted[-policy.keep_last :]), "one of the last points went"
        for seq in gone:
            del self.expected[seq]
        self.every_point_restores()
