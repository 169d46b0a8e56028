"""What stands, and what has changed, follows from what was read: sensors, alarms, rates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from console.api.events import messages
from console.sensing import SensorState, StateReason
from console.standing import Change, Inventory, Standing
from lifeline.alarm import AlarmState, Level
from lifeline.asset import Name, Position, Sensor, Site
from lifeline.finding import FindingKind
from lifeline.reading import Quality, QualityReason
from lifeline.store.cities import City
from lifeline.store.views import Latest, LiveAlarm
from lifeline.units import Quantity

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
CITY = City("220100", Name("长春", "Changchun"), "1", "Asia/Shanghai", Position(125.3, 43.9), {}, "x", NOW)
SENSOR = Sensor(
    sensor_id="WD-1",
    device_id="WD-1",
    channel="water_depth",
    quantity=Quantity.WATER_DEPTH,
    unit="cm",
    site=Site.ROAD,
    position=Position(125.3, 43.9),
    name=Name("一号", "One"),
    interval_s=60.0,
    range_min=0.0,
    range_max=3.0,
    city_code="220100",
    sensor_key=1,
)
ALARM = LiveAlarm(
    alarm_id=7,
    version=1,
    subject="flood:WD-1",
    city_code="220100",
    zone_id=None,
    kind=FindingKind.FLOOD,
    level=Level.RED,
    state=AlarmState.OPEN,
    title=Name("积水", "Water"),
    began_at=NOW,
    opened_at=NOW,
    cleared_at=None,
    probability=0.9,
    provisions=("P6.5",),
    position=None,
    finding_id=3,
    sensor_ids=("WD-1", "NOBODY"),
    area=None,
    candidates=(),
    flow_m3_per_h=None,
    depth_m=0.3,
)


def _latest(at: datetime, quality: Quality = Quality.GOOD, reason: QualityReason = QualityReason.OK) -> Latest:
    return Latest(1, at, 0.02, quality, reason)


def _standing() -> Standing:
    standing = Standing(silent_intervals=3.0)
    assert standing.take_inventory(Inventory((CITY,), {}, (SENSOR,)))
    return standing


def _state(standing: Standing) -> tuple[SensorState, StateReason]:
    one = standing.sensors["WD-1"]
    return one.state, one.reason


def test_a_sensor_that_never_reported_or_is_overdue_is_unknown() -> None:
    standing = _standing()
    standing.take_readings([], {}, now=NOW, everything=True)
    assert _state(standing) == (SensorState.SILENT, StateReason.NEVER)
    change = standing.take_readings([_latest(NOW)], {}, now=NOW, everything=False)
    assert change.readings
    assert _state(standing) == (SensorState.GOOD, StateReason.OK)
    for seconds, state in ((180, SensorState.GOOD), (181, SensorState.SILENT)):
        change = standing.take_readings([], {}, now=NOW + timedelta(seconds=seconds), everything=False)
        assert not change.readings
        assert _state(standing)[0] is state
    assert [one.state for one in change.sensors] == [SensorState.SILENT]
    assert standing.watch("220100").silent == standing.watch().silent == 1
    assert standing.watch().stale_after_s == 180.0


def test_doubtful_readings_make_a_doubtful_sensor() -> None:
    standing = _standing()
    standing.take_readings([_latest(NOW, Quality.DOUBTFUL, QualityReason.RATE_OF_CHANGE)], {}, now=NOW, everything=True)
    assert _state(standing) == (SensorState.DOUBTFUL, StateReason.QUALITY)


def test_a_newer_reading_of_the_same_state_is_no_change_of_the_sensor() -> None:
    standing = _standing()
    standing.take_readings([_latest(NOW)], {}, now=NOW, everything=True)
    later = NOW + timedelta(seconds=60)
    change = standing.take_readings([_latest(later)], {}, now=later, everything=False)
    assert (change.readings, change.sensors) == (True, ())
    assert not standing.take_readings([_latest(later)], {}, now=later, everything=False)


def test_alarms_mark_their_sensors_and_let_them_go() -> None:
    standing = _standing()
    standing.take_readings([_latest(NOW)], {}, now=NOW, everything=True)
    opened = standing.take_alarms([ALARM], {}, [], now=NOW)
    assert opened.alarms == (ALARM,)
    assert [one.level for one in opened.sensors] == [Level.RED]
    assert not standing.take_alarms([ALARM], {}, [], now=NOW)
    quiet = replace(ALARM, finding_id=4, depth_m=0.4)
    assert standing.take_alarms([quiet], {}, [], now=NOW).alarms == (quiet,)
    assert standing.take_alarms([quiet], {7: (1, 0, 0)}, [], now=NOW).noticed == (7,)
    silent = replace(ALARM, kind=FindingKind.SENSOR_SILENT, level=Level.BLUE)
    standing.take_alarms([silent], {7: (1, 0, 0)}, [], now=NOW)
    assert _state(standing) == (SensorState.SILENT, StateReason.FAULT)
    ended = standing.take_alarms([], {}, [], now=NOW)
    assert ended.ended == (7,)
    assert messages(ended, {ALARM.city_code})[0].startswith(b"event: ended")
    assert messages(ended, {"220400"}) == []
    assert [(one.level, one.state) for one in ended.sensors] == [(None, SensorState.GOOD)]


def test_the_rate_is_the_growth_of_the_counters_over_a_minute() -> None:
    standing = _standing()
    for second in range(0, 121, 10):
        standing.take_readings(
            [_latest(NOW)], {"220100": 5 * second}, now=NOW + timedelta(seconds=second), everything=False
        )
        if second == 0:
            assert standing.intake().per_minute is None
    assert standing.intake("220100").per_minute == 300.0
    assert standing.intake().newest_at == NOW
    assert standing.intake("220200").per_minute is None


def test_a_pack_loaded_anew_is_noticed_once() -> None:
    standing = _standing()
    standing.take_readings([_latest(NOW)], {}, now=NOW, everything=True)
    assert not standing.take_inventory(Inventory((CITY,), {}, (SENSOR,)))
    assert standing.take_inventory(Inventory((replace(CITY, sha256="y"),), {}, ()))
    standing.take_readings([], {}, now=NOW, everything=True)
    assert standing.sensors == {}
    assert standing.watch().sensors == 0


def test_an_empty_change_is_nothing_to_tell() -> None:
    assert not Change(NOW)
    assert Change(NOW, answering=False)
