"""The newest flood forecast of each place, for the console and for who closes roads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("flood_forecasts")


@dataclass(frozen=True, slots=True)
class FloodForecast:
    """What is foreseen at one place. Tuples by level, blue to red, but quantiles: 10, 50, 90 % of the highest depth."""

    sensor_id: str
    city_code: str
    made_at: datetime
    rung: str
    """what it rests on: full, no-rain-forecast, linear, thresholds (docs/flood.md)"""
    model_id: int | None
    depth_m: float
    data_age_s: float
    levels_m: tuple[float, ...]
    probability_30: tuple[float, ...]
    probability_60: tuple[float, ...]
    quantiles_30_m: tuple[float, ...]
    quantiles_60_m: tuple[float, ...]
    crossing_min: tuple[float | None, ...]
    warned: str
    reasons: tuple[str, ...]
    closure: dict[str, Any] | None = None


def replace(connection: Connection, city_code: str, forecasts: Sequence[FloodForecast]) -> None:
    """Puts these in the place of all forecasts of a city, within the caller's transaction."""
    connection.execute(_SQL["clear"], {"city_code": city_code})
    if forecasts:
        with connection.cursor() as cursor:
            cursor.executemany(_SQL["add"], [_parameters(f) for f in forecasts])


def of_city(store: Store, city_code: str) -> list[FloodForecast]:
    """All forecasts of a city, the likeliest to reach its second level first. Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(_SQL["of_city"], {"city_code": city_code})
        return [_forecast(row) for row in rows]


def _forecast(row: Any) -> FloodForecast:
    values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in row]
    return FloodForecast(*values)


def _parameters(forecast: FloodForecast) -> dict[str, Any]:
    values = {name: getattr(forecast, name) for name in forecast.__slots__}
    return {
        name: Jsonb(value)
        if name == "closure" and value is not None
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }
