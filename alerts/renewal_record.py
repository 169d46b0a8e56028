"""The pipes of a city with their history, as the record has them: what the renewal ledger ranks."""

from collections.abc import Sequence
from datetime import datetime

from alerts.renewal import Pipe, Ranked, rank
from lifeline.asset import Asset, AssetKind, Position
from lifeline.city.roads import distance_m
from lifeline.finding import FindingKind
from lifeline.store import cities
from lifeline.store.pool import Store
from lifeline.store.renewal import Seen, history

_FARTHEST_WATER_M = 300.0
_LEAST_YEARS = 0.1


def ledger(store: Store, city_code: str, now: datetime) -> list[Ranked]:
    """The ranked pipes of a city; empty where it has none. Raises StoreError."""
    record = history(store, city_code, until=now)
    pipes = []
    for asset in cities.assets(store, city_code, [AssetKind.PIPE]):
        here = _middle(asset)
        laid = asset.properties.get("year")
        pipes.append(
            Pipe(
                asset_id=asset.asset_id,
                length_m=float(asset.properties.get("length_m", 1.0)),
                material=str(asset.properties.get("material", "unknown")),
                laid=int(laid) if laid is not None and str(laid).isdigit() else None,
                breaks=record.events.get((asset.asset_id, FindingKind.BURST.value), 0),
                leaks=record.events.get((asset.asset_id, FindingKind.LEAK.value), 0),
                years=max(record.years, _LEAST_YEARS),
                frost_days=_nearest(here, record.frost, float("inf")),
                surcharge_hours=_nearest(here, record.surcharge, _FARTHEST_WATER_M),
                geometry=asset.geometry,
            )
        )
    return rank(pipes, now.year)


def _middle(asset: Asset) -> Position:
    course = asset.geometry["coordinates"]
    (lon_a, lat_a), (lon_b, lat_b) = course[0][:2], course[-1][:2]
    return Position((lon_a + lon_b) / 2, (lat_a + lat_b) / 2)


def _nearest(here: Position, seen: Sequence[Seen], within_m: float) -> float:
    near = min(((distance_m(here, one.position), one.per_year) for one in seen), default=(float("inf"), 0.0))
    return near[1] if near[0] <= within_m else 0.0
