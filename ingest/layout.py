"""Divides the devices into another number of partitions without losing a message or the order of a sensor.

First every new session is opened, so that from then on it queues; then the former ones take nothing new, are stored to
the last message and ended. What came in between is in both, and is a duplicate the second time.
"""

import contextlib
import threading

from ingest.partition import Partition
from ingest.session import end_session, open_session
from ingest.worker import Worker
from lifeline.clock import Clock
from lifeline.errors import LinkError, StoreError
from lifeline.log import logger
from lifeline.mqtt import BrokerAddress
from lifeline.settings import Settings
from lifeline.store.partitions import Claims, layout, set_layout
from lifeline.store.pool import Store

LOOK_S = 1.0
_DRAIN_LOOK_S = 0.05
_log = logger("ingest")


def settle(
    settings: Settings,
    address: BrokerAddress,
    store: Store,
    clock: Clock,
    *,
    worker: str,
    place: str,
    stop: threading.Event,
) -> None:
    """Returns when the sessions are divided as the settings say, or at `stop`.

    Waits for the workers of the former layout to end, for the database and for the broker. `worker` is this one's name
    as the holder of locks, `place` in its heartbeat.
    """
    client_id, of = settings.ingest.client_id, settings.ingest.partitions
    mover = _Mover(settings, address, store, clock, worker=worker, place=place)
    while not stop.is_set():
        try:
            former = layout(store, client_id)
            if former == of or mover.move(former, stop):
                return
        except (StoreError, LinkError) as error:
            _log.warning("the layout of partitions is not settled, will try again", error=str(error))
        clock.wait(LOOK_S, stop)


class _Mover:
    """Moves from one layout to another; broken off anywhere, it can begin again."""

    def __init__(
        self, settings: Settings, address: BrokerAddress, store: Store, clock: Clock, *, worker: str, place: str
    ) -> None:
        self._settings = settings
        self._address = address
        self._store = store
        self._clock = clock
        self._worker = worker
        self._place = place

    def move(self, former: int, stop: threading.Event) -> bool:
        """True when the move is done; False while another worker holds a partition of the former layout."""
        client_id, of = self._settings.ingest.client_id, self._settings.ingest.partitions
        with contextlib.closing(Claims(self._store.url, client_id=client_id, of=former, worker=self._worker)) as claims:
            if not all(claims.take(number) for number in range(former)):
                holders = sorted({holder.worker for holder in claims.look().holders.values()})
                _log.warning("waits for the workers of the former layout", former=former, wanted=of, holders=holders)
                return False
            if layout(self._store, client_id) != former:
                return False  # another worker has moved meanwhile
            _log.info("divides the devices anew", former=former, wanted=of)
            for number in range(of):
                open_session(self._address, Partition(number, of).client_id(client_id))
            for number in range(former):
                self._drain(Partition(number, former), stop)
                if stop.is_set():
                    return False
                end_session(self._address, Partition(number, former).client_id(client_id))
            set_layout(self._store, client_id, of)
            return True

    def _drain(self, partition: Partition, stop: threading.Event) -> None:
        """Stores all that is queued for `partition`, unless `stop` comes first. Raises LinkError."""
        worker = Worker(
            self._settings,
            self._address,
            self._store,
            self._clock,
            name=self._place,
            partition=partition,
            drain=True,
        )
        done = threading.Event()

        def watch() -> None:
            while not (worker.is_drained or stop.is_set() or done.wait(_DRAIN_LOOK_S)):
                pass
            done.set()

        watcher = threading.Thread(target=watch, name="ingest-drain")
        watcher.start()
        try:
            worker.run(done)
        finally:
            done.set()
            watcher.join()
