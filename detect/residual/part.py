"""A zone as the residual detector holds it: what it consists of, what watches it, and what goes on in it."""

import numpy as np

from detect.port import History, Json, Scope
from detect.residual.event import Event, Leak
from detect.residual.model import Channels, ZoneModel
from detect.residual.place import Place, Plan
from detect.residual.watch import Frame, ZoneWatch
from lifeline.asset import Sensor, Zone
from lifeline.units import Quantity

_PAST_MOST = 100
_NOT_LEARNED_YET = 13.0 / 14.0
"""of what was accepted, after one more of a fortnight's days was learned from"""


class ZonePart:
    """One zone. `numbers` are its meters in, meters out and pressure sensors in the detector's `sensors`."""

    def __init__(self, zone: Zone, sensors: tuple[Sensor, ...], scope: Scope) -> None:
        number = {s.sensor_id: n for n, s in enumerate(sensors)}
        flows = {s.sensor_id for s in sensors if s.quantity is Quantity.FLOW}
        # without one of its meters a balance would be wrong: then there is none
        complete = bool(zone.inflow) and all(i in flows for i in (*zone.inflow, *zone.outflow))
        inflow = [number[i] for i in zone.inflow] if complete else []
        outflow = [number[i] for i in zone.outflow] if complete else []
        pressure = [n for n, s in enumerate(sensors) if s.quantity is Quantity.PRESSURE and s.zone_id == zone.zone_id]
        self.zone = zone
        self.city_code = scope.city_code
        self.numbers = [*inflow, *outflow, *pressure]
        self.channels = Channels(*(np.array(part, dtype=np.intp) for part in (inflow, outflow, pressure)))
        self.sensors = tuple(sensors[n] for n in self.numbers)
        self.sensor_ids = tuple(s.sensor_id for s in self.sensors)
        self.meter_ids = self.sensor_ids[: len(inflow) + len(outflow)]
        self.plan = Plan(zone, [sensors[n] for n in pressure], scope.assets)
        self.watch: ZoneWatch | None = None
        self.event: Event | None = None
        self.leak: Leak | None = None
        self.past: list[list[float]] = []
        """spans of event time of what is over, [begin_s, end_s]"""
        self.drop = np.nan
        self.drop_at_s = -np.inf

    def start(self, model: ZoneModel) -> None:
        """Watches by a new model; goes on with what the watch knew of the present, but for the level."""
        watch = ZoneWatch(self.channels, np.array([s.interval_s for s in self.sensors]), model)
        if self.watch is not None:
            watch.restore({**self.watch.to_json(), "level": watch.memory.level})
            # the new model has learned a day more of what people have found to be normal
            watch.memory.night_accepted *= _NOT_LEARNED_YET
        self.watch = watch

    def disturbed(self) -> list[list[float]]:
        """Spans of event time that must not be learned from."""
        open_since = [e.began_s for e in (self.event, self.leak) if e is not None]
        return self.past + [[began_s, np.inf] for began_s in open_since]

    def undisturbed(self, history: History) -> History:
        """History without this zone's readings of those spans; the same object where there are none."""
        keep = np.ones(len(history.at_s), dtype=bool)
        own = np.isin(history.sensor, self.numbers)
        for begin_s, end_s in self.disturbed():
            keep &= ~(own & (history.at_s >= begin_s) & (history.at_s <= end_s))
        return history if keep.all() else history.part(keep)

    def over(self, began_s: float, ended_s: float) -> None:
        """Notes that what began has ended."""
        self.past = [*self.past[1 - _PAST_MOST :], [began_s, ended_s]]

    def locate(self, event: Event, frame: Frame) -> Place:
        """Where the event is by its pressure drops so far."""
        assert self.watch is not None
        drops = event.drops_pa(len(self.channels.pressure))
        return self.plan.locate(drops, drops / frame.scale[1:], (event.flow or 0.0) * self.watch.model.inflow_drop)

    def to_json(self) -> Json:
        return {
            "sensor_ids": list(self.sensor_ids),
            "watch": self.watch.to_json() if self.watch else None,
            "event": self.event.to_json() if self.event else None,
            "leak": self.leak.to_json() if self.leak else None,
            "past": self.past,
            "drop": None if np.isnan(self.drop) else [self.drop, self.drop_at_s],
        }

    def restore(self, saved: Json) -> None:
        """Goes on from `to_json`; of a zone whose sensors have changed only what goes on in it is kept."""
        same = tuple(saved["sensor_ids"]) == self.sensor_ids
        self.past = saved["past"]
        self.leak = Leak(**saved["leak"]) if saved["leak"] else None
        self.event = Event(**saved["event"]) if saved["event"] else None
        if self.event is not None and not same:
            self.event.drops = []
        if same and self.watch is not None and saved["watch"] is not None:
            self.watch.restore(saved["watch"])
        if saved["drop"]:
            self.drop, self.drop_at_s = saved["drop"]


class Drops:
    """Pressure drops of zones at one time, and the mean of all but one of them."""

    def __init__(self, of_zone: dict[str, float]) -> None:
        self._of_zone, self._total = of_zone, sum(of_zone.values())

    def without(self, zone_id: str) -> float:
        """Mean over the other zones; NaN where there is none."""
        others = len(self._of_zone) - (zone_id in self._of_zone)
        return (self._total - self._of_zone.get(zone_id, 0.0)) / others if others else np.nan
