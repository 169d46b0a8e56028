"""What the gate goes by, as the store has it now: sensors, how fast they may change, clocks that are behind."""

from collections.abc import Container

from ingest.gate import SensorTable
from lifeline.city.levels import Levels
from lifeline.errors import PackError
from lifeline.log import logger
from lifeline.store.cities import cities, levels
from lifeline.store.pool import Store
from lifeline.store.sensors import sensors

_log = logger("ingest")


def known(store: Store, behind: Container[tuple[str, str]] = ()) -> SensorTable:
    """The table of all cities; `behind`: city and id of devices whose clocks are behind. Raises StoreError."""
    limits = {city.code: _levels(store, city.code) for city in cities(store)}
    return SensorTable(
        sensors(store),
        rate_max=lambda sensor: None if (own := limits.get(sensor.city_code)) is None else own.rate_max(sensor),
        behind=behind,
    )


def _levels(store: Store, city_code: str) -> Levels | None:
    try:
        return levels(store, city_code)
    except PackError as error:
        # its readings are stored all the same, without a limit to their rates
        _log.warning("levels not read", city=city_code, error=str(error))
        return None
