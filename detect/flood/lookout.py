"""What a city's sensors have said lately, kept for forecasts: depths, rain, manholes, air; fed by the detector."""

from math import nan
from typing import Any

from detect.flood.basins import Basins
from detect.flood.features import Memory, Surroundings
from detect.flood.fills import Fills
from detect.flood.rainfield import RainField, RainForecast
from detect.flood.sky import Sky
from detect.port import Floats
from lifeline.asset import Sensor, Site
from lifeline.units import Quantity


class Lookout:
    """Of the places in `sensors` (those of `place_numbers`); other sensors tell the weather and the drains."""

    def __init__(
        self,
        sensors: tuple[Sensor, ...],
        place_numbers: tuple[int, ...],
        links: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.numbers = place_numbers
        self.ids = tuple(sensors[n].sensor_id for n in place_numbers)
        self._place = {n: k for k, n in enumerate(place_numbers)}
        positions = tuple(sensors[n].position for n in place_numbers)
        gauges = [n for n, s in enumerate(sensors) if s.quantity is Quantity.RAIN_INTENSITY]
        levels = [n for n, s in enumerate(sensors) if s.quantity is Quantity.LEVEL and s.site is Site.MANHOLE]
        self._gauge = {n: k for k, n in enumerate(gauges)}
        self._level = {n: k for k, n in enumerate(levels)}
        self.memory = Memory(positions)
        self.rain = RainField(tuple(sensors[n] for n in gauges), positions)
        self.fills = Fills(tuple(sensors[n] for n in levels), self.ids, positions, links)

    def hear(self, number: int, at_s: float, value: float) -> None:
        """A reading of a gauge or a manhole, SI; others are passed over."""
        if number in self._gauge:
            self.rain.hear(self._gauge[number], at_s, value)
        elif number in self._level:
            self.fills.hear(self._level[number], at_s, value)

    def hear_depth(self, number: int, at_s: float, depth_m: float) -> None:
        """A trusted depth."""
        self.memory.hear(self._place[number], at_s, depth_m)

    def near_peak_m(self, number: int, now_s: float) -> float:
        """The highest that was lately trusted at the nearest places around one."""
        return self.memory.near_peak_m(self._place[number], now_s)

    def idle(self, now_s: float, forecast: RainForecast | None) -> bool:
        """Whether it is dry everywhere, has been for two hours, and no rain is foreseen: nothing to forecast."""
        return not self.memory.any_wet() and not self.rain.wet(now_s, forecast)

    def rows(self, now_s: float, sky: Sky, forecast: RainForecast | None) -> Floats:
        """Features of all places, (n_places, len(FEATURES))."""
        past, ahead = self.rain.at_places(now_s, forecast)
        air = sky.temperature_c(now_s)
        around = Surroundings(past, ahead, self.fills.at_places(now_s), nan if air is None else air)
        return self.memory.rows(list(range(len(self.ids))), now_s, around)

    def basins(self, now_s: float, forecast: RainForecast | None) -> Basins | None:
        """What stands behind standard basins under the rain of each place; None without gauges."""
        return self.rain.basins(now_s, forecast)

    def state(self) -> dict[str, Any]:
        """What is remembered; goes through JSON unchanged."""
        memory = {self.ids[int(n)]: saved for n, saved in self.memory.state().items()}
        return {"memory": memory, "rain": self.rain.state(), "fills": self.fills.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` gave; sensors that have gone are forgotten."""
        place = {sensor_id: str(k) for k, sensor_id in enumerate(self.ids)}
        self.memory.restore({place[i]: saved for i, saved in state["memory"].items() if i in place})
        self.rain.restore(state["rain"])
        self.fills.restore(state["fills"])
