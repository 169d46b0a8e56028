"""Trained flood models: each is a version of its city, one of them in use."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("flood_models")


@dataclass(frozen=True, slots=True)
class FloodModel:
    """One version; `content` is what detect/flood/model_file.py writes and reads."""

    model_id: int
    city_code: str
    trained_at: datetime
    made_with: str
    sha256: str
    content: bytes
    figures: dict[str, Any]


def add(
    store: Store, *, city_code: str, content: bytes, sha256: str, made_with: str, figures: dict[str, Any], now: datetime
) -> int:
    """Stores a version and puts it in use; its number. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(_SQL["retire"], {"city_code": city_code})
        row = connection.execute(
            _SQL["add"],
            {
                "city_code": city_code, "trained_at": now, "made_with": made_with, "sha256": sha256,
                "content": content, "figures": Jsonb(figures),
            },
        ).fetchone()  # fmt: skip
        assert row is not None
        return int(row[0])


def in_use(store: Store, city_code: str) -> FloodModel | None:
    """The version in use, None where there is none. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["in_use"], {"city_code": city_code}).fetchone()
        return None if row is None else FloodModel(*row)


def number_in_use(store: Store, city_code: str) -> int | None:
    """The number of the version in use. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["number_in_use"], {"city_code": city_code}).fetchone()
        return None if row is None else int(row[0])
