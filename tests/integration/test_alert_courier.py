"""The courier on the real outbox with the channel's double: leases, back-off, order, and where notices end."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import channel_trial
from alerts.channels.double import ChannelDouble
from alerts.channels.port import Letter
from alerts.courier import Bell, Lane, Outage, backoff_s
from alerts.watchman import watch_channels
from lifeline.clock import SetClock
from lifeline.errors import DeliveryError
from lifeline.settings import AlertsSettings, ChannelSettings
from lifeline.store import findings, notices
from lifeline.store.notices import GOOD_NEWS, Draft, Notice, NoticeState
from lifeline.store.pool import Store
from tests.alert_parts import load_city

BEGIN = datetime(2026, 7, 20, tzinfo=UTC)
SETTINGS = AlertsSettings(first_backoff_s=1.0, longest_backoff_s=64.0, attempt_limit=5)
NEVER = threading.Event()


@pytest.fixture
def alarm_id(store: Store) -> int:
    """An alarm to tell of."""
    with store.transaction() as connection:
        connection.execute(
            """INSERT INTO finding (subject, kind, phase, city_code, detector, reason, began_at, detected_at, stored_at,
                   probability, sensor_ids, candidates, explanation)
               VALUES ('s', 'flood', 'onset', '220100', 'd', 'r', now(), now(), now(), 1, '{}', '[]', '{}')"""
        )
        row: Any = connection.execute(
            """INSERT INTO alarm (subject, city_code, kind, level, state, title_zh, title_en, began_at, opened_at,
                   probability, provisions, finding_id)
               SELECT subject, city_code, kind, 1, 'open', '', '', now(), now(), 1, '{}', finding_id FROM finding
               RETURNING alarm_id"""
        ).fetchone()
        return int(row.alarm_id)


def put(
    store: Store,
    alarm_id: int,
    *keys: str,
    channel: str = "ops",
    urgency: int = 4,
    address: str = "a",
    fallbacks: tuple[tuple[str, str], ...] = (),
) -> None:
    drafts = [
        Draft(
            alarm_id,
            (event_id_of(store, alarm_id),),
            "g",
            urgency,
            key,
            channel,
            address,
            key,
            "正文",
            {"key": key},
            fallbacks=fallbacks,
        )
        for key in keys
    ]
    with store.transaction() as connection:
        notices.add(connection, drafts, now=BEGIN)


def event_id_of(store: Store, alarm_id: int) -> int:
    with store.transaction() as connection:
        row: Any = connection.execute(
            """INSERT INTO alarm_event (alarm_id, at, actor, action, to_state, reason)
               VALUES (%s, now(), 'test', 'note', 'open', 'test') RETURNING event_id""",
            (alarm_id,),
        ).fetchone()
        return int(row.event_id)


class Desk:
    """A lane with its double and clock, and the notices by key."""

    def __init__(self, store: Store, alarm_id: int, *script: DeliveryError | None, name: str = "ops") -> None:
        self.store = store
        self.alarm_id = alarm_id
        self.channel = ChannelDouble(script)
        self.clock = SetClock(BEGIN)
        self.lane = Lane(store, name, self.channel, settings=SETTINGS, clock=self.clock, bell=Bell(), outage=Outage())

    def work(self) -> int:
        """Delivers what is due; how many attempts that took."""
        attempts = 0
        while self.lane.deliver_next(NEVER):
            attempts += 1
        return attempts

    def notice(self, key: str) -> Notice:
        return next(n for n in notices.notices_of(self.store, self.alarm_id) if n.idempotency_key == key)

    def taken(self) -> list[str]:
        return [letter.idempotency_key for letter in self.channel.letters]


def test_the_gravest_goes_first_and_good_news_never_overtakes_bad(store: Store, alarm_id: int) -> None:
    desk = Desk(store, alarm_id, None, None, DeliveryError("busy"))
    put(store, alarm_id, "blue", urgency=4)
    put(store, alarm_id, "good", urgency=GOOD_NEWS)
    put(store, alarm_id, "red", urgency=1)
    put(store, alarm_id, "orange", urgency=2)
    put(store, alarm_id, "good elsewhere", urgency=GOOD_NEWS, address="b")
    assert desk.work() == 4
    assert desk.taken() == ["red", "orange", "good elsewhere"], "blue was not taken, so its good news waits"
    desk.clock.advance(10)
    desk.work()
    assert desk.taken()[3:] == ["blue", "good"]


def test_failures_back_off_and_end_dead_with_the_last_reason(store: Store, alarm_id: int) -> None:
    desk = Desk(store, alarm_id, *(DeliveryError(f"busy {n}") for n in range(1, 9)))
    put(store, alarm_id, "key")
    for attempt in range(1, 5):
        assert desk.work() == 1
        notice = desk.notice("key")
        wait_s = (notice.next_attempt_at - desk.clock.now()).total_seconds()
        assert 0.5 * 2 ** (attempt - 1) <= wait_s <= 2 ** (attempt - 1)
        assert (notice.state, notice.attempts, notice.last_error) == (NoticeState.WAITING, attempt, f"busy {attempt}")
        assert desk.work() == 0
        desk.clock.set(notice.next_attempt_at)
    assert desk.work() == 1
    assert (desk.notice("key").state, desk.notice("key").last_error) == (NoticeState.DEAD, "busy 5")
    desk.clock.advance(86_400)
    assert desk.work() == 0
    assert notices.counts(store) == (0, 1)
    desk.channel.script.clear()
    assert notices.revive(store, now=desk.clock.now()) == 1
    desk.work()
    assert desk.taken() == ["key"]
    assert desk.notice("key").last_error == "busy 5", "what went wrong stays on record"


def test_a_permanent_refusal_ends_at_once_and_a_wish_to_wait_is_granted_within_bounds(
    store: Store, alarm_id: int
) -> None:
    desk = Desk(
        store, alarm_id, DeliveryError("never", permanent=True),
        DeliveryError("later", retry_after_s=30.0), DeliveryError("much later", retry_after_s=86_400.0),
    )  # fmt: skip
    put(store, alarm_id, "first")
    desk.work()
    assert desk.notice("first").state is NoticeState.DEAD
    put(store, alarm_id, "second")
    for expected in (30.0, SETTINGS.longest_backoff_s):
        desk.work()
        assert (desk.notice("second").next_attempt_at - desk.clock.now()).total_seconds() == expected
        desk.clock.advance(expected)


def test_a_channel_that_breaks_counts_as_a_failure(store: Store, alarm_id: int) -> None:
    class Broken(ChannelDouble):
        def deliver(self, letter: Letter) -> None:
            del letter
            raise ZeroDivisionError("oops")

    desk = Desk(store, alarm_id)
    lane = Lane(store, "ops", Broken(), settings=SETTINGS, clock=desk.clock, bell=Bell(), outage=Outage())
    put(store, alarm_id, "key")
    assert lane.deliver_next(NEVER)
    assert desk.notice("key").last_error == "ZeroDivisionError: oops"


def test_a_channel_takes_no_more_than_its_allowance_and_the_gravest_first(store: Store, alarm_id: int) -> None:
    desk = Desk(store, alarm_id)
    desk.channel.per_minute = 6.0
    put(store, alarm_id, *(f"blue {n}" for n in range(9)))
    desk.work()
    assert len(desk.taken()) == 6, "a minute's worth at once"
    put(store, alarm_id, "red", urgency=1)
    desk.clock.advance(9)
    desk.work()
    assert len(desk.taken()) == 6
    desk.clock.advance(2)
    desk.work()
    assert desk.taken()[6:] == ["red"]
    for _ in range(60):
        desk.clock.advance(1)
        desk.work()
    assert len(desk.taken()) == 10
    assert {notice.attempts for notice in notices.notices_of(store, alarm_id)} == {1}, "waiting is no attempt"


def test_what_a_channel_does_not_take_goes_to_the_next_one_and_says_so(store: Store, alarm_id: int) -> None:
    settings = SETTINGS.model_copy(update={"fallback_attempts": 2})
    away = Desk(store, alarm_id, *(DeliveryError("away") for _ in range(9)))
    gone = Desk(store, alarm_id, DeliveryError("no such user", permanent=True), name="second")
    last = Desk(store, alarm_id, name="third")
    for desk in (away, gone, last):
        desk.lane._settings = settings
    put(store, alarm_id, "key", fallbacks=(("second", "b"), ("third", "c")))
    assert away.work() == 1
    for desk in (away, gone, last):
        desk.clock.advance(10)
    assert away.work() == 1
    assert (gone.work(), last.work()) == (1, 1)
    (letter,) = last.channel.letters
    assert letter.address == "c"
    assert letter.idempotency_key == letter.payload["idempotency_key"] != "key"
    states = [(n.channel, n.state.value) for n in notices.notices_of(store, alarm_id)]
    assert states == [("ops", "moved"), ("second", "moved"), ("third", "delivered")]
    troubled = notices.troubled(store, since=BEGIN - timedelta(days=1))
    assert {name: error for name, (_, error, _) in troubled.items()} == {"ops": "away", "second": "no such user"}
    away.channel.script.clear()
    put(store, alarm_id, "another")
    away.work()
    assert set(notices.troubled(store, since=BEGIN - timedelta(days=1))) == {"second"}, "it works again"


def test_after_an_outage_what_waits_goes_at_once(store: Store, alarm_id: int) -> None:
    desk = Desk(store, alarm_id, *(DeliveryError("away") for _ in range(6)))
    put(store, alarm_id, "one", "two", "three")
    for _ in range(2):
        desk.work()
        desk.clock.advance(2)
    desk.work()
    assert sorted(desk.taken()) == ["one", "three", "two"]


def test_one_bad_notice_among_good_ones_does_not_come_back_early(store: Store, alarm_id: int) -> None:
    desk = Desk(store, alarm_id)

    def picky(letter: Letter) -> None:
        if letter.idempotency_key == "bad":
            raise DeliveryError("HTTP 500")

    desk.channel.deliver = picky  # type: ignore[method-assign]
    put(store, alarm_id, "bad", urgency=1)
    for number in range(20):
        put(store, alarm_id, f"good {number}")
        desk.work()
    assert desk.notice("bad").attempts == 1


def test_a_lease_keeps_others_away_and_an_outcome_after_its_end_changes_nothing(store: Store, alarm_id: int) -> None:
    desk = Desk(store, alarm_id)
    put(store, alarm_id, "key")
    (held,) = notices.lease(store, channel="ops", now=BEGIN, lease_s=30, limit=5)
    assert desk.work() == 0
    desk.clock.advance(30)
    assert desk.work() == 1, "the first courier is taken for dead"
    notices.failed(store, held, next_attempt_at=BEGIN, error="late")
    notices.dead(store, held, error="late")
    assert desk.notice("key").state is NoticeState.DELIVERED
    put(store, alarm_id, "again")
    (held,) = notices.lease(store, channel="ops", now=desk.clock.now(), lease_s=30, limit=5)
    later = desk.clock.now() + timedelta(seconds=30)
    (taken,) = notices.lease(store, channel="ops", now=later, lease_s=30, limit=5)
    notices.dead(store, held, error="late")
    assert desk.notice("again").state is NoticeState.WAITING, "only who holds the lease gives up"
    notices.delivered(store, held, now=later)
    assert desk.notice("again").state is NoticeState.DELIVERED, "what arrived has arrived"
    notices.failed(store, taken, next_attempt_at=BEGIN, error="late")
    assert desk.notice("again").state is NoticeState.DELIVERED


def test_several_couriers_deliver_each_notice_once(store: Store, alarm_id: int) -> None:
    keys = [f"key {number}" for number in range(200)]
    put(store, alarm_id, *keys)
    desks = [Desk(store, alarm_id) for _ in range(4)]
    threads = [threading.Thread(target=desk.work) for desk in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while desks[0].work():
        pass
    assert sorted(key for desk in desks for key in desk.taken()) == sorted(keys)


def test_the_same_key_is_one_notice_and_a_channel_that_is_gone_is_said(store: Store, alarm_id: int) -> None:
    put(store, alarm_id, "key", "key")
    put(store, alarm_id, "orphan", channel="fax")
    assert len(notices.notices_of(store, alarm_id)) == 2
    assert notices.bury(store, channels=["ops"]) == 1
    desk = Desk(store, alarm_id)
    assert desk.notice("orphan").state is NoticeState.DEAD
    assert "fax" in (desk.notice("orphan").last_error or "")
    assert desk.work() == 1


@given(
    attempts=st.integers(1, 10_000), first_s=st.floats(0.01, 60), longest_s=st.floats(0.01, 3600),
    jitter=st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_backoff_stays_within_bounds_and_grows(attempts: int, first_s: float, longest_s: float, jitter: float) -> None:
    wait_s = backoff_s(attempts, first_s=first_s, longest_s=longest_s, jitter=jitter)
    assert 0 < wait_s <= longest_s
    assert wait_s >= min(first_s, longest_s) / 2
    assert backoff_s(attempts + 1, first_s=first_s, longest_s=longest_s, jitter=jitter) >= wait_s


def test_a_channel_is_tried_once_a_day_and_one_that_fails_twice_is_an_alarm(store: Store) -> None:
    load_city(store)
    clock, channel = SetClock(BEGIN), ChannelDouble()
    ops = ChannelSettings(name="ops", kind="webhook", address="http://127.0.0.1:9/")

    def turn(after: timedelta) -> int:
        clock.advance(after.total_seconds())
        channel_trial.tick(store, {"ops": channel}, AlertsSettings(channels=(ops,)), clock)
        watch_channels(store, clock)
        return len(channel.attempts)

    def said() -> list[tuple[str, str]]:
        return [(one.phase.value, one.reason) for one in findings.findings_after(store, 0, 10)]

    assert turn(timedelta(0)) == 0, "a channel that is new is not tried at once"
    assert turn(timedelta(hours=24)) == 1
    assert turn(timedelta(hours=23)) == 1
    channel.script += [DeliveryError("away"), DeliveryError("away")]
    assert turn(timedelta(hours=1)) == 2
    assert said() == []
    assert turn(timedelta(minutes=10)) == 3
    assert said() == [("onset", "test-failed")]
    assert turn(timedelta(minutes=10)) == 4
    assert said() == [("onset", "test-failed"), ("end", "delivers-again")]
    (first, *_) = channel.letters
    assert first.payload["test"] is True
    assert first.payload["events"] == []
    assert first.subject_line.startswith("【测试】")
