"""The living cities: the world moves on with the clock, devices measure it and publish, events happen as they are due.

With a `speed` above 1 the world runs faster than the clock; the devices' time stamps stay those of the clock.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lifeline.asset import Sensor
from lifeline.city import CityPack, load
from lifeline.clock import Clock
from lifeline.mqtt import BrokerAddress
from lifeline.units import scale_to_si
from simulators.crew import Crew
from simulators.devices import Patience, Tally
from simulators.publish import Fleet
from simulators.scenario import Scenario
from simulators.senml import Sample
from simulators.world import World

SAMPLE_EVERY_S = 5.0
PUMP_EVERY_S = 0.5
FAREWELL_S = 3.0
"""How long the fleets wait at the end for receipts that are still under way."""
Report = Callable[[str], None]


class LivingCities:
    """Cities with their devices on a broker. `run` is all there is; `tally` counts what the devices did."""

    def __init__(
        self,
        packs: Sequence[CityPack],
        broker: BrokerAddress,
        scenario: Scenario,
        *,
        seed: int,
        clock: Clock,
        report: Report,
        sample_every_s: float | None = SAMPLE_EVERY_S,
        speed: float = 1.0,
        patience: Patience | None = None,
    ) -> None:
        """`sample_every_s` None: each sensor as often as its pack says."""
        self._clock, self._report = clock, report
        self._scenario, self._speed, self._sample_every_s = scenario, speed, sample_every_s
        self._packs = packs
        self._start = _whole_second(clock.now())
        self._world = World(packs, scenario, seed=seed, start=self._start)
        self._fleets = {
            pack.code: Fleet(
                pack.code,
                sorted({sensor.device_id for sensor in pack.sensors}),
                broker,
                client_id=f"lifeline-simulator-{pack.code}",
                patience=patience,
            )
            for pack in packs
        }
        self._next_sample = {sensor.sensor_id: self._start for pack in packs for sensor in pack.sensors}

    @property
    def tally(self) -> Tally:
        """What became of all readings so far."""
        return sum((fleet.tally for fleet in self._fleets.values()), Tally())

    def run(self, stop: threading.Event) -> Tally:
        """Until `stop` is set; the tally at the end. A broker that is away is waited for, the devices keep."""
        left = self._scenario.in_order
        with ExitStack() as stack:
            stack.callback(self._world.close)
            for fleet in self._fleets.values():
                stack.enter_context(fleet)
            self._report(f"simulating: {self._scenario.about}")
            link = _LinkWatch(self._fleets.values(), self._report)
            story_begins = self._clock.now()
            while not stop.is_set():
                now = self._clock.now()
                while left and story_begins + timedelta(seconds=left[0].after_s) <= now:
                    self._world.advance(self._world_time(now))
                    self._report(self._world.happen(left.pop(0), now))
                self._sample(now)
                for fleet in self._fleets.values():
                    fleet.pump()
                link.look()
                self._clock.wait(PUMP_EVERY_S, stop)
            for fleet in self._fleets.values():
                fleet.drain(FAREWELL_S / len(self._fleets))
        return self.tally

    def _world_time(self, now: datetime) -> datetime:
        return self._start + (now - self._start) * self._speed

    def _sample(self, now: datetime) -> None:
        """Every sensor whose time has come measures; a device sends what its sensors measured as one message."""
        due = [s for pack in self._packs for s in pack.sensors if self._next_sample[s.sensor_id] <= now]
        if not due:
            return
        truth = self._world.advance(self._world_time(now))
        messages: dict[tuple[str, str], list[Sample]] = {}
        for sensor in due:
            every_s = self._sample_every_s or sensor.interval_s
            self._next_sample[sensor.sensor_id] = _next_multiple(now, every_s)
            sent = self._world.measure(sensor.sensor_id, truth.get(sensor.sensor_id, 0.0), _whole_second(now))
            if sent is not None:
                messages.setdefault((sensor.city_code, sensor.device_id), []).append(_sample(sensor, *sent))
        for (city, device_id), samples in messages.items():
            self._fleets[city].take(device_id, samples)


class _LinkWatch:
    """Says once when the broker goes, and once when it is back."""

    def __init__(self, fleets: Iterable[Fleet], report: Report) -> None:
        self._fleets, self._report, self._was_online = list(fleets), report, False

    def look(self) -> None:
        online = all(fleet.online for fleet in self._fleets)
        if self._was_online and not online:
            self._report("the broker is away: devices keep their readings")
        elif online and not self._was_online:
            self._report("devices are connected")
        self._was_online = online


def run(
    folders: Sequence[Path],
    broker: BrokerAddress,
    scenario: Scenario,
    *,
    seed: int,
    clock: Clock,
    stop: threading.Event,
    report: Report,
    console_url: str | None = None,
    crew_token: str = "",
    sample_every_s: float | None = SAMPLE_EVERY_S,
    speed: float = 1.0,
) -> Tally:
    """Simulates the cities of these pack folders until `stop` is set, with a crew where `console_url` is given."""
    cities = LivingCities(
        [load(folder) for folder in folders],
        broker,
        scenario,
        seed=seed,
        clock=clock,
        report=report,
        sample_every_s=sample_every_s,
        speed=speed,
    )
    with _crew(console_url, crew_token, seed=seed, clock=clock, stop=stop, report=report):
        tally = cities.run(stop)
    report(
        f"devices took {tally.taken} readings: {tally.receipted} receipted, {tally.pending} without a receipt, "
        f"{tally.lost} lost at the device"
    )
    return tally


@contextmanager
def _crew(
    console_url: str | None, token: str, *, seed: int, clock: Clock, stop: threading.Event, report: Report
) -> Iterator[None]:
    if console_url is None:
        yield
        return
    crew = Crew(console_url, clock=clock, seed=seed, report=report, token=token)
    thread = threading.Thread(target=crew.run, args=(stop,), name="crew", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10.0)


def _sample(sensor: Sensor, when: datetime, value_si: float) -> Sample:
    scale = scale_to_si(sensor.unit, sensor.quantity)
    return Sample(when.timestamp(), sensor.channel, sensor.unit, (value_si - scale.offset) / scale.factor)


def _whole_second(when: datetime) -> datetime:
    return when.replace(microsecond=0)


def _next_multiple(now: datetime, every_s: float) -> datetime:
    """The first multiple of `every_s` since the epoch after `now`: sensors of one interval measure together."""
    return datetime.fromtimestamp((now.timestamp() // every_s + 1.0) * every_s, UTC)
