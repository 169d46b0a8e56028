"""A fleet on a real broker: nothing is let go before its receipt, whatever happens to the broker in between."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from deploy.local.broker import LocalBroker
from lifeline.city import load
from lifeline.clock import SystemClock
from lifeline.errors import LinkError
from lifeline.mqtt import BrokerAddress
from simulators.crew import Crew
from simulators.devices import Patience
from simulators.packs import CHANGCHUN
from simulators.publish import Fleet
from simulators.run import LivingCities
from simulators.scenario import Scenario
from simulators.senml import Sample

DEVICES = [f"CC-L-{number}" for number in range(101, 108)]
SAMPLE = Sample(1_795_428_300.0, "pressure", "Pa", 310_000.0)
ENOUGH_S = 30.0


class Receiver:
    """The other end, made from the wire document alone: takes every message and sends its receipt where told to."""

    def __init__(self, broker: BrokerAddress) -> None:
        self.answer = True
        self.seen: list[tuple[str, str, list[dict[str, Any]]]] = []
        self.states: dict[str, bool] = {}
        self._client = broker.client("receiver")
        self._client.on_connect = lambda client, *_: client.subscribe(
            [("lifeline/1/+/+/up/#", 1), ("lifeline/1/+/+/state", 1)]
        )
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def ids(self) -> set[tuple[str, str]]:
        return {(device, message_id) for device, message_id, _ in self.seen}

    def _take(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        _, _, city, device, *rest = message.topic.split("/")
        if rest == ["state"]:
            self.states[device] = json.loads(message.payload)["online"]
            return
        assert rest == ["up", "senml"] and message.properties is not None
        message_id = getattr(message.properties, "CorrelationData").decode()  # noqa: B009  set by paho at run time
        self.seen.append((device, message_id, json.loads(message.payload)))
        if self.answer:
            client.publish(f"lifeline/1/{city}/{device}/receipt", json.dumps({"stored": [message_id]}), 1)


@pytest.fixture
def address(broker: LocalBroker) -> BrokerAddress:
    return BrokerAddress.parse(broker.url)


@pytest.fixture
def receiver(address: BrokerAddress) -> Iterator[Receiver]:
    one = Receiver(address)
    yield one
    one.close()


def fleet_of(address: BrokerAddress, **more: Any) -> Fleet:
    return Fleet("220100", DEVICES, address, client_id="fleet", patience=Patience(0.3, 2.0), **more)


def wait_until(truth: Callable[[], bool], also: Callable[[], object] = lambda: None) -> None:
    end_s = time.monotonic() + ENOUGH_S
    while not truth():
        assert time.monotonic() < end_s, "waited too long"
        also()
        time.sleep(0.02)


def test_all_is_receipted_and_each_device_says_that_it_is_there(address: BrokerAddress, receiver: Receiver) -> None:
    with fleet_of(address) as fleet:
        fleet.wait_online(ENOUGH_S)
        for _ in range(100):
            for name in DEVICES:
                fleet.take(name, [SAMPLE])
        assert fleet.drain(ENOUGH_S)
        tally = fleet.tally
        assert (tally.taken, tally.published, tally.receipted, tally.lost) == (700, 700, 700, 0)
        assert len(receiver.ids) == 700 and {one.receipted for one in fleet.tallies.values()} == {100}
        wait_until(lambda: receiver.states == dict.fromkeys(DEVICES, True))
    wait_until(lambda: receiver.states == dict.fromkeys(DEVICES, False))


def test_without_receipts_the_same_messages_come_again_unchanged(address: BrokerAddress, receiver: Receiver) -> None:
    receiver.answer = False
    with fleet_of(address) as fleet:
        fleet.wait_online(ENOUGH_S)
        for name in DEVICES:
            fleet.take(name, [SAMPLE])
        wait_until(lambda: min(Counter(name for name, _, _ in receiver.seen).values(), default=0) >= 3, fleet.pump)
        assert len(receiver.ids) == len(DEVICES) and fleet.tally.pending == len(DEVICES)
        assert len({json.dumps(pack) for name, _, pack in receiver.seen if name == DEVICES[0]}) == 1
        receiver.answer = True
        assert fleet.drain(ENOUGH_S) and fleet.tally.receipted == len(DEVICES)


def test_a_killed_broker_loses_nothing_and_a_full_device_says_what_it_lost(
    broker: LocalBroker, address: BrokerAddress, receiver: Receiver
) -> None:
    with fleet_of(address, capacity=50) as fleet:
        fleet.wait_online(ENOUGH_S)
        for _ in range(20):
            for name in DEVICES:
                fleet.take(name, [SAMPLE])
        fleet.pump()
        broker.kill()
        for _ in range(20):
            for name in DEVICES:
                fleet.take(name, [SAMPLE])
            fleet.pump()
        for _ in range(60):
            fleet.take(DEVICES[0], [SAMPLE])
        broker.start()
        assert fleet.drain(ENOUGH_S)
        tally = fleet.tally
        assert tally.taken == 7 * 40 + 60 == tally.receipted + tally.lost
        assert tally.lost == fleet.tallies[DEVICES[0]].lost >= 80 - 50  # taken while away, less what it can keep
        assert len(receiver.ids) >= tally.receipted


def test_a_second_fleet_of_the_same_name_ends_the_first(address: BrokerAddress) -> None:
    with fleet_of(address) as first:
        first.wait_online(ENOUGH_S)
        with fleet_of(address) as second:
            second.wait_online(ENOUGH_S)
            with pytest.raises(LinkError, match="another simulator speaks for city 220100"):
                wait_until(lambda: False, first.pump)
            assert second.online


def test_no_broker_is_said_with_what_to_do() -> None:
    with fleet_of(BrokerAddress("127.0.0.1", 1, False)) as fleet:
        fleet.take(DEVICES[0], [SAMPLE])
        assert fleet.pump() == 0
        with pytest.raises(LinkError, match=r"no broker at 127\.0\.0\.1:1"):
            fleet.wait_online(0.2)
        assert fleet.tally.pending == 1


def test_a_living_city_publishes_what_its_burst_does(address: BrokerAddress, receiver: Receiver) -> None:
    pack = load(CHANGCHUN)
    scenario = Scenario.model_validate(
        {
            "about": "a burst",
            "events": [
                {"after_s": 4.0, "what": "burst", "pipe": "CC-P-1084", "diameter_mm": 32.0},
                {"after_s": 4.0, "what": "fault", "sensor": "CC-WD-02", "kind": "drop-out"},
            ],
        }
    )
    lines: list[str] = []
    stop = threading.Event()
    city = LivingCities([pack], address, scenario, seed=1, clock=SystemClock(), report=lines.append, sample_every_s=1.0)

    def inflows() -> list[float]:
        return [pack[0]["v"] for name, _, pack in list(receiver.seen) if name == "CC-IN-01"]

    running = threading.Thread(target=city.run, args=(stop,))
    running.start()
    try:
        wait_until(lambda: len(lines) >= 4)
        after_burst = len(inflows())
        wait_until(lambda: len(inflows()) > after_burst + 3)
    finally:
        stop.set()
        running.join(ENOUGH_S)
    assert lines[:2] == ["simulating: a burst", "devices are connected"]
    assert lines[2].startswith("burst opened at pipe CC-P-1084, 4")
    rise_m3_per_h = 3600.0 * (inflows()[-1] - inflows()[0])
    assert 30.0 < rise_m3_per_h < 60.0
    tally = city.tally
    assert tally.taken == tally.receipted and tally.lost == 0
    records = {(record.get("bn", pack[0]["bn"]) + record["n"]) for _, _, pack in receiver.seen for record in pack}
    assert records == {f"{sensor.device_id}:{sensor.channel}" for sensor in pack.sensors}
    counts = Counter(name for name, _, _ in receiver.seen)
    assert counts["CC-WD-02"] < counts["CC-WD-01"]


def test_the_crew_acknowledges_each_open_alarm_once_after_a_human_while() -> None:
    asked: list[str] = []
    bodies: list[dict[str, Any]] = []
    alarm = {"alarm_id": 7, "version": 3, "title": {"zh": "爆管", "en": "Burst"}}

    class Console(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self._answer(200, {"items": [] if len(bodies) > 1 else [alarm], "next": None})

        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            asked.append(self.path)
            self._answer(409 if len(bodies) == 1 else 200, {})

        def _answer(self, code: int, body: dict[str, Any]) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Console)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lines: list[str] = []
    crew = Crew(
        f"http://127.0.0.1:{server.server_port}", clock=SystemClock(), seed=1, report=lines.append, delay_s=(0.3, 0.4)
    )
    crew.look()
    assert bodies == [] and asked == ["/api/v1/alarms?state=open"]
    wait_until(lambda: bool(lines), crew.look)
    assert bodies[0] == {"note": "收到 / on it", "version": 3} and len(bodies) == 2
    assert "/api/v1/alarms/7/acknowledge" in asked
    assert lines == ["crew: acknowledged alarm 7: 爆管 / Burst"]
    server.shutdown()
    server.server_close()
    crew.look()
    crew.look()
    assert len(lines) == 2 and lines[1].startswith("crew: the console does not answer")
