"""Roll-ups are right after late data, once and in portions; retention removes readings and the law still adds up."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO

import numpy as np
import numpy.typing as npt
import pytest
from rich.console import Console

from ingest import upkeep
from lifeline.clock import SetClock
from lifeline.errors import StoreError
from lifeline.settings import RetentionSettings, Settings
from lifeline.store import rollups
from lifeline.store.health import edition
from lifeline.store.pool import Connection, Store
from lifeline.store.readings import READING, add, conservation
from lifeline.store.retention import Kind, Outcome, holdings, keep_compressed, remove
from lifeline.store.rollups import ROLLUP, Width, roll_up, rollup
from lifeline.verbs.retention import retention_command
from tests.ingesting import load_devices

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
Rows = npt.NDArray[np.void]


def rows(
    keys: Sequence[int], seconds: Sequence[float], values: Sequence[float], *, quality: int = 0, received: float = 0
) -> Rows:
    made = np.zeros(len(keys), READING)
    start = np.datetime64(START.replace(tzinfo=None), "us")
    made["sensor_key"] = keys
    made["observed_at"] = start + (np.array(seconds) * 1e6).astype("m8[us]")
    made["received_at"] = start + np.timedelta64(int(received * 1e6), "us")
    made["value"] = values
    made["quality"] = quality
    return made


def scatter(seed: int, number: int, *, days: float = 10, keys: int = 5) -> Rows:
    """Readings of all sensors in no order, some doubtful, some bad."""
    random = np.random.default_rng(seed)
    seconds = random.choice(int(days * 86_400), number, replace=False)
    made = rows(random.integers(1, keys + 1, number).tolist(), seconds.tolist(), random.normal(size=number).tolist())
    made["quality"] = random.choice([0, 0, 0, 1, 2], number)
    return made


def put(store: Store, made: Rows) -> None:
    """Stores readings as ingest does, with the tally that the law counts."""
    with store.transaction() as connection:
        add(connection, made)
        connection.execute(
            "INSERT INTO device_total (device_id, received, stored) VALUES ('', %(n)s, %(n)s) ON CONFLICT (device_id)"
            " DO UPDATE SET received = device_total.received + %(n)s, stored = device_total.stored + %(n)s",
            {"n": len(made)},
        )


def catch_up(store: Store, *, portion_readings: int = 20_000) -> int:
    """Rolls up all that there is; the number of buckets that changed."""
    changed = 0
    for width in Width:
        while True:
            portion = roll_up(store, width, portion_readings=portion_readings)
            changed += portion.buckets
            if not portion.more:
                break
    return changed


def kept(store: Store, width: Width) -> Rows:
    return rollup(store, range(1, 10), START - timedelta(days=400), START + timedelta(days=400), width=width)


def expected(made: Rows, width: Width) -> Rows:
    """The same by numpy alone."""
    step = np.timedelta64(width.span, "us")
    made = np.sort(made, order=["sensor_key", "observed_at"])
    epoch = np.datetime64(0, "us")
    began = epoch + (made["observed_at"] - epoch) // step * step
    buckets = sorted(set(zip(made["sensor_key"].tolist(), began.tolist(), strict=True)))
    found = np.zeros(len(buckets), ROLLUP)
    for i, (key, at) in enumerate(buckets):
        inside = made[(made["sensor_key"] == key) & (began == np.datetime64(at, "us"))]
        values = inside["value"][inside["quality"] <= 1]
        nothing = (np.nan,) * 4
        stats = (values.min(), values.max(), values.mean(), values[-1]) if len(values) else nothing
        found[i] = (key, at, len(inside), *stats, np.mean(inside["quality"] == 0))
    return found


def assert_right(store: Store, made: Rows) -> None:
    for width in Width:
        found, want = kept(store, width), expected(made, width)
        for name in ("sensor_key", "began_at", "readings"):
            assert found[name].tolist() == want[name].tolist()
        for name in ("min", "max", "mean", "last", "good_share"):
            np.testing.assert_allclose(found[name], want[name], rtol=1e-12, atol=1e-12)


@pytest.fixture
def city(store: Store) -> Store:
    load_devices(store, 5)
    return store


def test_late_data_change_old_buckets_and_nothing_changes_twice(city: Store) -> None:
    made = scatter(1, 4_000)
    put(city, made[:2_000])
    assert catch_up(city) > 0
    assert_right(city, made[:2_000])
    assert catch_up(city) == 0
    put(city, made[2_000:])
    catch_up(city)
    assert_right(city, made)
    with city.transaction() as connection:
        connection.execute("UPDATE rollup_job SET history_from = '-infinity'")
    assert catch_up(city) == 0
    assert_right(city, made)


def test_a_bucket_of_bad_readings_alone_has_no_value(city: Store) -> None:
    put(city, rows([1, 1, 2], [0, 1, 0], [5.0, 6.0, 7.0], quality=2))
    catch_up(city)
    found = kept(city, Width.HOUR)
    assert found["readings"].tolist() == [2, 1]
    assert found["good_share"].tolist() == [0, 0]
    assert np.isnan(found[["min", "max", "mean", "last"]].tolist()).all()


def test_interrupted_between_and_within_portions(city: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scatter(2, 3_000)
    catch_up(city)
    for part in np.array_split(made, 6):
        put(city, part)
    assert roll_up(city, Width.MINUTE, portion_readings=500).more
    # more of the same reception comes between two portions
    late = rows([1, 2], [900_001, 900_002], [1.0, 2.0])
    put(city, late)
    done = rollups._recompute

    def killed(connection: Connection, *rest: object) -> int:
        done(connection, *rest)  # type: ignore[arg-type]  # as it came
        raise StoreError("gone after the roll-ups were written")

    with monkeypatch.context() as patch:
        patch.setattr(rollups, "_recompute", killed)
        with pytest.raises(StoreError):
            roll_up(city, Width.MINUTE, portion_readings=500)
    catch_up(city, portion_readings=500)
    assert_right(city, np.concatenate([made, late]))


def test_two_jobs_at_a_time_do_no_harm(city: Store) -> None:
    made = scatter(3, 3_000)
    for part in np.array_split(made, 10):
        put(city, part)
    both = [threading.Thread(target=catch_up, args=(city,), kwargs={"portion_readings": 300}) for _ in range(2)]
    for job in both:
        job.start()
    for job in both:
        job.join()
    catch_up(city, portion_readings=300)
    assert_right(city, made)


@pytest.mark.parametrize("away", ["for days", "restored elsewhere"])
def test_a_lost_position_is_found_again_from_the_readings(city: Store, away: str) -> None:
    old, new = scatter(4, 500), rows([1, 2, 3], [-40 * 86_400, 30, 60 * 86_400], [1, 2, 3], received=86_400)
    put(city, old)
    catch_up(city)
    put(city, new)
    with city.transaction() as connection:
        connection.execute("UPDATE rollup_job SET committed_at = %s", (START + timedelta(hours=12),))
        if away == "for days":
            connection.execute("UPDATE rollup_job SET position = 3")
            connection.execute("UPDATE arrival SET committed_at = now() - interval '2 days'")
        else:
            connection.execute("UPDATE rollup_job SET position = position + 1000000")
    catch_up(city)
    assert_right(city, np.concatenate([old, new]))


def test_a_year_is_read_by_the_index(city: Store) -> None:
    hours = np.arange(0, 366 * 24, 6)
    put(city, np.concatenate([rows([key] * len(hours), (hours * 3600).tolist(), hours.tolist()) for key in (1, 2, 3)]))
    catch_up(city)
    query = {"sensor_keys": [2], "start": START, "end": START + timedelta(days=366)}
    copy = rollups._statement("rollup", Width.HOUR)
    select = copy[copy.index(b"(") + 1 : copy.rindex(b") TO STDOUT")]
    with city.transaction() as connection:
        connection.execute("ANALYZE rollup_hour")
        plan = "\n".join(row[0] for row in connection.execute(b"EXPLAIN " + select, query))
    assert "Index" in plan
    assert "Seq Scan" not in plan
    found = rollup(city, [2], START, START + timedelta(days=366), width=Width.HOUR)
    assert found["last"].tolist() == hours.tolist()


def test_retention_removes_whole_chunks_and_keeps_the_law_and_the_roll_ups(city: Store) -> None:
    made = scatter(5, 2_000, days=40)
    put(city, made)
    (waiting, *_) = remove(city, Kind.READING, older_than=START + timedelta(days=20), now=NOW)
    assert waiting.outcome is Outcome.NOT_ROLLED_UP
    catch_up(city)
    steps = remove(city, Kind.READING, older_than=START + timedelta(days=20), now=NOW)
    assert {step.outcome for step in steps} == {Outcome.REMOVED}
    law = conservation(city)
    assert law.holds
    assert law.purged == sum(step.readings for step in steps) > 0
    assert law.rows == len(made) - law.purged
    assert remove(city, Kind.READING, older_than=START + timedelta(days=20), now=NOW) == []
    # a straggler for a time that is gone: stored, counted, and no roll-up made of it alone
    before = expected(made, Width.HOUR)
    busy = before[before["readings"] >= 2][0]
    straggler = rows([busy["sensor_key"]], [0.0], [99.0])
    straggler["observed_at"] = busy["began_at"] + np.timedelta64(1, "us")
    put(city, straggler)
    catch_up(city)
    hour = kept(city, Width.HOUR)
    np.testing.assert_array_equal(hour["readings"], before["readings"])
    assert 99.0 not in hour["last"]
    assert conservation(city).holds
    assert remove(city, Kind.MINUTE, older_than=START + timedelta(days=20), now=NOW)
    assert kept(city, Width.MINUTE)["began_at"].min() >= np.datetime64("2026-03-12")
    assert len(kept(city, Width.HOUR)) == len(before)


def test_the_verb_shows_what_there_is_and_does_the_job(city: Store) -> None:
    if edition(city).license != "apache":
        pytest.skip("shows what the Apache edition does; this server is of the community edition")
    assert keep_compressed(city, after=timedelta(days=14)) is False
    put(city, scatter(6, 1_000, days=20))
    text = StringIO()
    out = Console(file=text, width=160)
    settings = RetentionSettings(reading_days=80)
    assert retention_command(city, settings, out, apply_now=False, now=NOW) == 0
    assert "1,000" in text.getvalue()
    assert "no compression" in text.getvalue()
    assert retention_command(city, settings, out, apply_now=True, now=NOW) == 0
    assert "chunks before 2026-03-12 removed" in text.getvalue()
    law = conservation(city)
    assert law.holds
    assert law.purged > 0
    sizes = {holding.kind: holding for holding in holdings(city)}
    assert sizes[Kind.READING].rows == law.rows
    assert sizes[Kind.HOUR].rows == len(kept(city, Width.HOUR))


def test_upkeep_rolls_up_and_removes_by_itself(city: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scatter(7, 1_000, days=20)
    put(city, made)
    stop = threading.Event()

    class Running(SetClock):
        """A minute passes at each look; the quarter of an hour is the end."""

        def now(self) -> datetime:
            self.advance(60)
            if super().now() > NOW + timedelta(minutes=15):
                stop.set()
            return super().now()

    monkeypatch.setattr(upkeep, "LOOK_S", 0.0)
    upkeep.run(city, Settings(retention=RetentionSettings(reading_days=80)), stop=stop, clock=Running(NOW))
    assert len(kept(city, Width.QUARTER)) == len(expected(made, Width.QUARTER))
    law = conservation(city)
    assert law.holds
    assert law.purged > 0
