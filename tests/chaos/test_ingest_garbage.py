"""Malformed payloads of fuzzers among good readings: no crash, and every good reading is a row."""

import json
import random
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from deploy.local.broker import LocalBroker
from ingest.codecs import CODECS
from lifeline.errors import WireError
from lifeline.store.pool import Store
from tests.chaos.fuzzing import harvest
from tests.chaos.test_ingest_faults import DEVICES, NOW_S, readings
from tests.codec_samples import SAMPLES
from tests.ingesting import (
    CITY,
    IngestProcess,
    Publisher,
    lawful,
    load_devices,
    open_session,
    pack,
    stored,
    up,
    wait_for,
)

_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["bn", "n", "v", "t", "u"]), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("garbage", [900, pytest.param(100_000, marks=pytest.mark.slow)])
def test_fuzzed_payloads_among_good_messages(broker: LocalBroker, store: Store, tmp_path: Path, garbage: int) -> None:
    load_devices(store, DEVICES)
    _load_fuzzed(store)
    open_session(broker.url)
    sent = readings(0, 50)
    good = iter(sent.items())
    bad = [*_by_atheris(tmp_path / "found", garbage // 3), *_by_hypothesis(garbage // 3)]
    bad += [("senml", _damaged(random.Random(number))) for number in range(garbage - len(bad))]
    random.Random(1).shuffle(bad)
    with IngestProcess(store.url, broker.url) as worker, Publisher(broker.url) as publisher:
        for number, (form, payload) in enumerate(bad):
            device = SAMPLES[form].device_id if form in SAMPLES and number % 2 else f"D{1 + number % DEVICES}"
            publisher.send(f"lifeline/1/{CITY}/{device}/up/{form}", payload)
            if number % max(1, garbage // len(sent)) == 0 and (one := next(good, None)):
                (at_device, at), value = one
                publisher.send(up(at_device), pack(at_device, [(at, value)]))
            if number % 1_000 == 999:
                publisher.flush()
        for (device, at), value in good:
            publisher.send(up(device), pack(device, [(at, value)]))
        publisher.send(up("D1"), pack("D1", [(NOW_S + 60, 1.0)]), correlation=b"last")
        publisher.flush()
        wait_for(lambda: publisher.receipts == {"D1": ["last"]}, timeout_s=250)
        assert worker.stop() == 0  # it has run all the time: nothing starts it again
    there = stored(store)
    assert {key: there.get(key) for key in sent} == sent
    assert lawful(store).rejected >= garbage


def _load_fuzzed(store: Store) -> None:
    """The devices of the samples, so that what a fuzzer leaves whole of them comes to the gate."""
    with store.transaction() as connection:
        for sample in {sample.device_id: sample for sample in SAMPLES.values()}.values():
            connection.execute(
                "INSERT INTO sensor (sensor_id, city_code, device_id, channel, quantity, unit, site, lon, lat,"
                " elevation_m, interval_s, range_min, range_max, name_zh, name_en)"
                " VALUES (%(id)s, %(city)s, %(id)s, %(name)s, 'level', 'm', 'junction', 125, 43, 0, 60, 0, 9, '', '')"
                " ON CONFLICT DO NOTHING",
                {"id": sample.device_id, "city": CITY, "name": sample.rows[0][0]},
            )


def _by_atheris(file: Path, count: int) -> list[tuple[str, bytes]]:
    """What a coverage-guided fuzzer found of the binary codecs; fails where one of them did not keep its promise."""
    pytest.importorskip("atheris", reason="the fuzzer has no build for this machine")
    argv = [sys.executable, "-m", "tests.chaos.fuzzing", str(file), str(count), "1"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    return list(harvest(file))


def _by_hypothesis(count: int) -> list[tuple[str, bytes]]:
    """JSON of the wrong shape, and good payloads of each format with a piece put in, taken out or changed."""
    found: list[tuple[str, bytes]] = []

    @seed(1)
    @settings(max_examples=min(count, 2_000), database=None, deadline=None)
    @given(_JSON, st.sampled_from(sorted(SAMPLES)), st.integers(0, 200), st.integers(0, 8), st.binary(max_size=8))
    def make(document: object, form: str, at: int, length: int, piece: bytes) -> None:
        whole = SAMPLES[form].payload
        found.append(("senml", json.dumps(document).encode()))
        found.append((form, whole[:at] + piece + whole[at + length :]))

    make()
    bad = [one for one in found if not _is_clean(*one)]
    return [bad[number % len(bad)] for number in range(count)]


def _is_clean(form: str, payload: bytes) -> bool:
    try:
        decoded = CODECS.find(form).decode(payload, device_id=SAMPLES[form].device_id, received_s=float(NOW_S))
    except WireError:
        return False
    return not decoded.faults


def _damaged(chance: random.Random) -> bytes:
    """A SenML payload that is damaged somewhere: other bytes, cut, or a field turned into something else."""
    records = orjson.loads(pack("D1", [(NOW_S - 10, 1.0), (NOW_S - 20, 2.0)]))
    kind = chance.randrange(3)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 80))
    if kind == 1:
        whole = orjson.dumps(records)
        return whole[: chance.randrange(1, len(whole))]
    for record in records:
        record[chance.choice(["v", "t", "bn", "n"])] = chance.choice([None, "x", [], {}, True])
    return orjson.dumps(records)
