"""What the store remembers of a city's sensors, as the even samples that the leak core is fed with."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import numpy as np

from detect.leak.city import LEAST_SLOT_S, Instruments
from detect.leak.slots import Slots
from detect.port import Floats
from lifeline.store import history, sensors
from lifeline.store.pool import Store


def samples_of(
    store: Store, instruments: Instruments, *, days: float, progress: Callable[[float], None] = lambda _: None
) -> Iterator[tuple[int, Floats]]:
    """Samples (time_s, (n_sensors,) in the core's units) of the newest `days`, in order; none without readings.

    Sensors are known to the store by their sensor_id. Raises StoreError.
    """
    city = instruments.sensors[0].city_code
    key_of = {s.sensor_id: s.sensor_key for s in sensors.sensors(store, city_code=city)}
    keys = [key_of.get(s.sensor_id, 0) for s in instruments.sensors]
    span = history.span(store, keys)
    if span is None:
        return
    begin = max(span[0], span[1] - timedelta(days=days))
    place = {key: n for n, key in enumerate(keys)}
    slots = Slots(len(keys), instruments.slot_s)
    start = begin
    while start < span[1]:
        stop = min(start + timedelta(days=1), span[1] + timedelta(seconds=1))
        rows = history.means(store, keys, start, stop, interval_s=LEAST_SLOT_S)
        rows = rows[np.argsort(rows["at_s"], kind="stable")]
        number = np.array([place[int(key)] for key in rows["sensor_key"]], dtype=np.intp)
        values = rows["value"] * instruments.per_si[number]
        yield from slots.add(number, rows["at_s"], values, now_s=stop.timestamp(), count=rows["readings"])
        start = stop
        progress(min((start - begin) / max(span[1] - begin, timedelta(seconds=1)), 1.0))
