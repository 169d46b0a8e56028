"""Stations that call a port, on a real broker and a real TimescaleDB: stored first, answered then, nothing lost."""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from deploy.local.broker import LocalBroker
from ingest.buffer import Buffer
from ingest.hj212.packet import build as hj212_packet
from ingest.line import READ_BYTES
from ingest.share import run
from ingest.sl651.dialect import Sl651Dialect
from ingest.sl651.frame import BEIJING, Control, Frame, build, parse
from ingest.tcp import Ports
from lifeline.clock import SystemClock
from lifeline.errors import SettingsError
from lifeline.settings import Settings
from lifeline.store.devices import devices
from lifeline.store.pool import Store
from lifeline.store.readings import conservation
from lifeline.store.rejects import newest_rejects
from tests.ingesting import CITY, IngestProcess, Published, lawful, open_session, running, stored, wait_for

NOW_S = int(time.time()) // 60 * 60
STATIONS = [f"22010200{number:02X}" for number in range(0x2A, 0x2E)]
MN = "220102A8900016F00016002A"
HOST = "127.0.0.1"
SHORT_S = 0.7


def load_stations(store: Store) -> None:
    """The stations with a level `Z` each, and the site of MN with a flow `w00000-Rtd`."""
    channels = [(station, "Z", "level", "m", 100.0) for station in STATIONS] + [(MN, "w00000-Rtd", "flow", "l/s", 1.0)]
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO city VALUES (%s, '试', 'test', '1', 'UTC', 125, 43, '{}', '{}', '', now())", (CITY,)
        )
        for device, channel, quantity, unit, highest in channels:
            connection.execute(
                "INSERT INTO sensor (sensor_id, city_code, device_id, channel, quantity, unit, site, lon, lat,"
                " elevation_m, interval_s, range_min, range_max, name_zh, name_en)"
                " VALUES (%s, %s, %s, %s, %s, %s, 'junction', 125, 43, 0, 60, 0, %s, '', '')",
                (device, CITY, device, channel, quantity, unit, highest),
            )


def local(at_s: int, form: str) -> str:
    return datetime.fromtimestamp(at_s, BEIJING).strftime(form)


def timed(station: str, serial: int, at_s: int, level_mm: int) -> bytes:
    """A timed report of a level."""
    body = f"{serial:04X}{local(at_s, '%y%m%d%H%M%S')}F1F1{station}48F0F0{local(at_s, '%y%m%d%H%M')}3923{level_mm:08d}"
    return build(Frame(False, True, 1, station, "1234", 0x32, bytes.fromhex(body), Control.ETX))


def upload(at_s: int, flow_l_per_s: float) -> bytes:
    """Real-time data of a flow, with the wish for an answer."""
    time_of = local(at_s, "%Y%m%d%H%M%S")
    content = f"DataTime={time_of};w00000-Rtd={flow_l_per_s},w00000-Flag=N"
    return hj212_packet(f"QN={time_of}000;ST=32;CN=2011;PW=123456;MN={MN};Flag=5;CP=&&{content}&&")


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        return one.getsockname()[1], other.getsockname()[1]


@contextmanager
def ingest(broker: LocalBroker, store: Store, **own: object) -> Iterator[tuple[int, int]]:
    """The stage with both ports, ready."""
    sl651, hj212 = free_ports()
    settings = Settings(
        database_url=store.url, mqtt_url=broker.url, ingest={"sl651_port": sl651, "hj212_port": hj212, **own}
    )
    open_session(broker.url)
    with running(lambda stop: run(settings, stop=stop, clock=SystemClock())):
        wait_for(lambda: is_open(sl651) and is_open(hj212))
        yield sl651, hj212


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def call(port: int) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        assert more, "the port ended the connection"
        data += more
    return data


def test_the_answer_comes_after_the_commit_and_not_before(broker: LocalBroker, store: Store) -> None:
    load_stations(store)
    with ingest(broker, store) as (sl651, hj212), call(sl651) as station, call(hj212) as site:
        with store.transaction() as connection:
            connection.execute("LOCK TABLE reading IN ACCESS EXCLUSIVE MODE")
            station.sendall(timed(STATIONS[0], 7, NOW_S, 1250))
            site.sendall(upload(NOW_S, 12.5))
            for waiting in (station, site):
                waiting.settimeout(SHORT_S)
                with pytest.raises(TimeoutError):
                    waiting.recv(1)
                waiting.settimeout(60)
        answer = parse(exactly(station, 25))
        assert (answer.is_uplink, answer.station, answer.function) == (False, STATIONS[0], 0x32)
        assert (answer.body[:2], answer.end) == (b"\x00\x07", Control.EOT)
        assert b"CN=9014;" in site.recv(1000)
    assert stored(store) == {(STATIONS[0], NOW_S): 1.25, (MN, NOW_S): 0.0125}
    lawful(store)
    assert {device.device_id: device.city_code for device in devices(store)} == {STATIONS[0]: CITY, MN: CITY}


def test_frames_torn_glued_and_among_garbage(broker: LocalBroker, store: Store) -> None:
    load_stations(store)
    chance = random.Random(651)
    sent: Published = {}
    with ingest(broker, store) as (sl651, _), contextlib.ExitStack() as stack:
        for number, name in enumerate(STATIONS):
            stream = b""
            for i in range(30):
                sent[name, NOW_S - 60 * i] = (1000 * number + i) / 1000
                stream += timed(name, i + 1, NOW_S - 60 * i, 1000 * number + i)
                stream += chance.choice([b"", b"", b"\x7e", b"\x7e\x7e\x01\x22", bytes(chance.randbytes(9))])
            station = stack.enter_context(call(sl651))
            while stream:
                size = chance.randrange(1, 200)
                station.sendall(stream[:size])
                stream = stream[size:]
            exactly(station, 25 * 30)
    assert stored(store) == sent
    law = lawful(store)
    assert law.stored == len(sent)
    assert law.rejected
    assert {reject.reason.value for reject in newest_rejects(store)} == {"malformed"}


def test_who_is_not_known_is_answered_and_kept(broker: LocalBroker, store: Store) -> None:
    load_stations(store)
    with ingest(broker, store) as (sl651, hj212):
        with call(sl651) as stranger:
            stranger.sendall(timed("2201020FFF", 1, NOW_S, 5))
            exactly(stranger, 25)
        with call(hj212) as browser:
            browser.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with call(sl651) as flood, pytest.raises(OSError):
            while True:
                flood.sendall(b"\x55" * 4096)
        wait_for(lambda: {d.device_id for d in devices(store)} >= {"2201020FFF", "hj212-port", "sl651-port"})
    reasons = {(reject.device_id, reject.reason.value) for reject in newest_rejects(store)}
    assert reasons >= {("2201020FFF", "unknown-device"), ("hj212-port", "malformed"), ("sl651-port", "malformed")}
    lawful(store)


def test_stations_that_repeat_until_they_are_answered_lose_nothing_when_ingest_is_killed(
    broker: LocalBroker, store: Store
) -> None:
    load_stations(store)
    sl651, hj212 = free_ports()

    def report(name: str, number: int) -> None:
        for i in range(40):
            frame = timed(name, i + 1, NOW_S - 60 * i, 1000 * number + i)
            answered = False
            while not answered:
                with contextlib.suppress(OSError, AssertionError), call(sl651) as station:
                    station.settimeout(3)
                    station.sendall(frame)
                    answered = parse(exactly(station, 25)).body[:2] == frame[14:16]
                if not answered:
                    time.sleep(0.05)
            time.sleep(0.05)

    callers = [threading.Thread(target=report, args=(name, number)) for number, name in enumerate(STATIONS)]
    sent = {
        (name, NOW_S - 60 * i): (1000 * number + i) / 1000 for number, name in enumerate(STATIONS) for i in range(40)
    }
    open_session(broker.url)
    with IngestProcess(store.url, broker.url, sl651_port=str(sl651), hj212_port=str(hj212)) as process:
        for caller in callers:
            caller.start()
        for kills in (1, 2):
            wait_for(lambda kills=kills: conservation(store).stored >= 30 * kills)  # type: ignore[misc]
            process.kill()
            process.start()
        for caller in callers:
            caller.join(120)
            assert not caller.is_alive()
    assert stored(store) == sent
    law = lawful(store)
    assert (law.stored, law.conflict, law.rejected) == (len(sent), 0, 0)


def test_while_the_buffer_is_full_nothing_is_read() -> None:
    buffer = Buffer(messages=10, bytes_=10_000_000)
    ports = Ports(buffer, SystemClock())
    (port, _) = free_ports()
    ports.listen(HOST, port, Sl651Dialect)
    frame, count = timed(STATIONS[0], 1, NOW_S, 5), 30_000
    one_read = READ_BYTES // len(frame) + 1
    try:
        with running(ports.run), call(port) as station:
            sender = threading.Thread(target=station.sendall, args=(frame * count,))
            sender.start()
            wait_for(lambda: buffer.is_full)
            time.sleep(SHORT_S)
            assert buffer.held <= 10 + one_read
            taken = 0
            while taken < count:
                messages = buffer.take(1000, 10.0)
                assert messages
                taken += len(messages)
                buffer.settle(messages)
            sender.join(60)
    finally:
        ports.close()
    assert buffer.held == 0


def test_a_port_that_is_taken_ends_the_stage_with_advice(broker: LocalBroker, store: Store) -> None:
    with socket.create_server((HOST, 0)) as taken:
        settings = Settings(database_url=store.url, mqtt_url=broker.url, ingest={"sl651_port": taken.getsockname()[1]})
        with pytest.raises(SettingsError, match=r"ingest\.sl651_port"):
            run(settings, stop=threading.Event(), clock=SystemClock())
