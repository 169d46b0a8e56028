"""From the publication of the deciding reading to the alarm row, through the real broker, database and stages."""

import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import paho.mqtt.client as mqtt

from benchmarks.table import Figure
from deploy.local.stack import LocalStack
from deploy.stages import verb_command
from lifeline import city
from lifeline.clock import SystemClock
from lifeline.errors import StoreError
from lifeline.mqtt import BrokerAddress
from lifeline.store.alarms import alarms
from lifeline.store.cities import load_pack
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store
from lifeline.store.stages import stages
from lifeline.supervise import Supervisor

TITLE = "from publishing to the alarm row (underpass sensors, water that rises 3 cm a minute)"
SENSORS = 100
RISE_M = (0.0, 0.02, 0.05)
"""Readings of the minutes before; the next one is the second above the blue level, and decides."""
DECIDING_M = 0.08
LIMIT_S = 2.0
_MINUTE_S = 60.0
_GIVE_UP_S = 20.0
_CITY = "220100"


def measure() -> list[Figure]:
    """The water rises under all SENSORS sensors for some minutes, as long as that takes; then each in turn sends the
    reading that decides. The row is seen by polling every few milliseconds."""
    with tempfile.TemporaryDirectory(prefix="lifeline-bench-") as folder:
        data = Path(folder)
        with LocalStack(data) as servers:
            migrate(servers.database_url)
            with Store(servers.database_url, name="lifeline-bench") as store:
                load_pack(store, city.load(_write_pack(data / "pack")), now=datetime.now(UTC))
                delays_s = _run(servers, store, data)
    shown = [("p50", 50), ("p95", 95), ("p99", 99)]
    missed = Figure("floods without an alarm", SENSORS - len(delays_s), "")
    if not delays_s:
        return [missed]
    return [
        *(
            Figure(f"{name} of {len(delays_s)} floods", float(np.percentile(delays_s, q)), "s", "limit", LIMIT_S)
            for name, q in shown
        ),
        missed,
    ]


def _write_pack(folder: Path) -> Path:
    """A city of underpass sensors and nothing else."""
    folder.mkdir()
    (folder / "city.toml").write_text(
        f'format = 1\ncode = "{_CITY}"\nname = {{ zh = "测速", en = "Bench" }}\nversion = "1"\n'
        'timezone = "Asia/Shanghai"\ncentre = { lon = 125.32, lat = 43.88 }\n\n[leak]\nexpected_pressure = "data"\n',
        encoding="utf-8",
    )
    (folder / "levels.toml").write_text(
        'version = "1"\n\n[[flood]]\nsite = "underpass"\nblue_m = 0.03\nyellow_m = 0.10\norange_m = 0.20\n'
        'red_m = 0.25\nsource = "benchmark"\n\n[[leak]]\nblue_m3_per_h = 2.0\nyellow_m3_per_h = 10.0\n'
        'orange_m3_per_h = 40.0\nred_m3_per_h = 150.0\nsource = "benchmark"\n',
        encoding="utf-8",
    )
    columns = (
        "sensor_id,device_id,channel,quantity,unit,zone_id,element,site,lon,lat,elevation_m,interval_s,range_min,range_max,"
        "name_zh,name_en"
    )
    rows = [
        f"B-{n:03},B-{n:03},water_depth,water_depth,m,,,underpass,125.32,43.88,0,60,0,5,桥下{n},Underpass {n}"
        for n in range(SENSORS)
    ]
    (folder / "sensors.csv").write_text("\n".join([columns, *rows, ""]), encoding="utf-8")
    return folder


def _run(servers: LocalStack, store: Store, data: Path) -> list[float]:
    """Delays of the floods that led to an alarm, in order."""
    env = {"LIFELINE_DATABASE_URL": servers.database_url, "LIFELINE_MQTT_URL": servers.mqtt_url}
    commands = [verb_command(stage, [stage], env, logs=data) for stage in ("ingest", "detect", "alerts")]
    stop = threading.Event()
    supervisor = Supervisor(commands, clock=SystemClock(), report=print)
    supervising = threading.Thread(target=supervisor.run, args=(stop,))
    supervising.start()
    address = BrokerAddress.parse(servers.mqtt_url)
    client = address.client("bench")
    client.connect(address.host, address.port)
    client.loop_start()
    try:
        _wait_for_stages(store, {"ingest", "detect", "alerts"})
        _rise(client)
        return [delay for n in range(SENSORS) if (delay := _flood(client, store, n)) is not None]
    finally:
        client.disconnect()
        client.loop_stop()
        stop.set()
        supervising.join()


def _rise(client: mqtt.Client) -> None:
    """Publishes what every sensor measures on the way, a reading a minute."""
    for depth_m in RISE_M:
        for n in range(SENSORS):
            _publish(client, n, depth_m=depth_m, at_s=time.time())
        time.sleep(_MINUTE_S)


def _flood(client: mqtt.Client, store: Store, n: int) -> float | None:
    """Seconds from publishing the deciding reading to the alarm row, None when none came."""
    _publish(client, n, depth_m=DECIDING_M, at_s=time.time())
    began = time.monotonic()
    while time.monotonic() - began < _GIVE_UP_S:
        if any(alarm.subject.endswith(f"B-{n:03}") for alarm in alarms(store, live_only=True, limit=5)):
            return time.monotonic() - began
        time.sleep(0.005)
    return None


def _publish(client: mqtt.Client, n: int, *, depth_m: float, at_s: float) -> None:
    record = {"bn": f"B-{n:03}:", "n": "water_depth", "u": "m", "v": depth_m, "t": at_s}
    client.publish(f"lifeline/1/{_CITY}/B-{n:03}/up/senml", orjson.dumps([record]), qos=1).wait_for_publish(10.0)


def _wait_for_stages(store: Store, names: set[str]) -> None:
    deadline = time.monotonic() + 60
    while not names <= {beat.stage for beat in stages(store)}:
        if time.monotonic() > deadline:
            raise StoreError(f"not all of {sorted(names)} came up", advice="see the logs that it printed")
        time.sleep(0.1)
