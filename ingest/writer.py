"""The writer: one transaction per batch, in which every offered row is stored, a duplicate or a conflict."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.batch import Batch
from ingest.quarantine import Quarantine
from lifeline.errors import StoreError
from lifeline.store.devices import add_tallies, device_keys, note_states
from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.readings import CONFLICT, CollisionError, add, add_conflicts, existing
from lifeline.store.rejects import add_rejects

STORED, DUPLICATE, CONFLICTING = 0, 1, 2
"""What became of an offered row."""


@dataclass(frozen=True, slots=True)
class Written:
    """Readings of one batch by what became of them."""

    stored: int
    duplicate: int
    conflict: int
    rejected: int


@dataclass(frozen=True, slots=True)
class _KnownDevice:
    """A device that is in the store."""

    key: int
    city_code: str | None


class Writer:
    """Stores batches. The same batch twice changes nothing but the count of duplicates."""

    def __init__(self, store: Store, quarantine: Quarantine | None = None) -> None:
        """`quarantine`: the limits of unknown senders; none: a batch has no such senders."""
        self._store = store
        self._quarantine = quarantine
        self._devices: dict[str, _KnownDevice] = {}

    def write(self, offered: Batch, *, also: Callable[[Connection, Written], None] | None = None) -> Written:
        """Stores `offered` in one transaction, in which `also` may write more; returns after its commit.

        First it assumes that every reading is new, which is fastest; when one is not, it asks which are there. Raises
        StoreError, and then nothing is stored, unless it was the answer to the commit that was lost: the same batch
        again, with `may_collide`, is right in either case.
        """
        batch, look_first = offered, offered.may_collide
        while True:
            try:
                with self._store.transaction() as connection:
                    if self._quarantine is not None:
                        batch = self._quarantine.admit(connection, offered)
                    new = self._unknown_devices(connection, batch)
                    keys = [(new.get(name) or self._devices[name]).key for name in batch.device_ids]
                    written = _write(connection, batch, keys, look_first=look_first)
                    if also is not None:
                        also(connection, written)
                self._devices |= new
                return written
            except CollisionError:
                look_first = True
            except StoreError:
                self._devices.clear()  # what comes back may be another database
                raise

    def _unknown_devices(self, connection: Connection, batch: Batch) -> dict[str, _KnownDevice]:
        """The devices of `batch` that are new to us or have changed their city, now recorded."""
        wanted: dict[str, str | None] = {}
        for name, city_code in zip(batch.device_ids, batch.city_codes, strict=True):
            known = self._devices.get(name)
            if known is None or (city_code is not None and city_code != known.city_code):
                wanted[name] = city_code if city_code is not None else wanted.get(name)
        keys = device_keys(connection, wanted)
        return {name: _KnownDevice(key, wanted[name]) for name, key in keys.items()}


def _write(connection: Connection, batch: Batch, keys: list[int], *, look_first: bool) -> Written:
    fate = _settle(connection, batch.rows, look_first=look_first)
    tallies = batch.tallies
    tallies["device_key"] = keys
    for outcome, kind in (("stored", STORED), ("duplicate", DUPLICATE), ("conflict", CONFLICTING)):
        tallies[outcome] = np.bincount(batch.owner[fate == kind], minlength=len(tallies))
    add_rejects(connection, batch.rejects)
    add_tallies(connection, tallies)
    note_states(connection, [(keys[position], state) for position, state in batch.states.items()])
    written = Written(*(int(tallies[outcome].sum()) for outcome in ("stored", "duplicate", "conflict", "rejected")))
    if written.stored:
        notify(connection, Topic.READING)
    return written


def _settle(connection: Connection, rows: npt.NDArray[np.void], *, look_first: bool) -> npt.NDArray[np.int8]:
    """Stores the new ones of `rows`; what became of each, (n,) of the three fates above."""
    fate = np.full(len(rows), DUPLICATE, np.int8)
    if not len(rows):
        return fate
    first_of = _first_of_each(rows)
    is_first = first_of == np.arange(len(rows))
    kept_value = rows["value"][first_of]
    is_new = is_first
    if look_first:
        firsts = np.flatnonzero(is_first)
        found, stored_values = existing(connection, rows[firsts])
        there = np.zeros(len(rows), np.bool_)
        there[firsts[found]] = True
        value_there = np.zeros(len(rows))
        value_there[firsts[found]] = stored_values
        kept_value = np.where(there[first_of], value_there[first_of], kept_value)
        is_new = is_first & ~there
    add(connection, rows[is_new])
    fate[is_new] = STORED
    differs = np.flatnonzero(~is_new & (rows["value"] != kept_value))
    if len(differs):
        conflicts = np.empty(len(differs), CONFLICT)
        for name in ("sensor_key", "observed_at", "received_at"):
            conflicts[name] = rows[name][differs]
        conflicts["stored_value"] = kept_value[differs]
        conflicts["offered_value"] = rows["value"][differs]
        fate[differs[add_conflicts(connection, conflicts)]] = CONFLICTING
    return fate


def _first_of_each(rows: npt.NDArray[np.void]) -> npt.NDArray[np.intp]:
    """(n,) for each row the position of the first with its sensor and instant: its own, unless it repeats one."""
    order = np.lexsort((rows["observed_at"], rows["sensor_key"]))
    sensor, instant = rows["sensor_key"][order], rows["observed_at"][order]
    opens = np.ones(len(rows), np.bool_)
    opens[1:] = (sensor[1:] != sensor[:-1]) | (instant[1:] != instant[:-1])
    first_of = np.empty(len(rows), np.intp)
    first_of[order] = order[np.maximum.accumulate(np.where(opens, np.arange(len(rows)), 0))]
    return first_of
