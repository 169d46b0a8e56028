"""One ingest process: a worker for each partition of its share, and for those of a process that dies.

A partition is held by a lock of the database that goes with its holder's connection, so a dead worker's is free at
once. A worker that stands still keeps its connection: after SILENT_S the others end it. Whoever takes a partition
connects with its session; the broker then ends the former holder's connection and sends again what it had not
acknowledged.
"""

import gc
import os
import socket
import threading
import time
from collections import Counter
from datetime import datetime

from ingest.layout import settle
from ingest.link import TakenOverError
from ingest.partition import Partition, moves
from ingest.worker import STAGE, Worker
from lifeline import metrics
from lifeline.clock import Clock
from lifeline.errors import SettingsError, StoreError
from lifeline.log import logger
from lifeline.mqtt import BrokerAddress
from lifeline.settings import Settings
from lifeline.store.partitions import Claims, Shares, layout
from lifeline.store.pool import Store
from lifeline.store.stages import beat

LOOK_S = 1.0
SILENT_S = 4.0
"""Longest silence of a living worker: it looks every LOOK_S."""
SILENT_LOOKS = 3
"""In so many looks in a row it must have been silent: a database that stood still made everybody silent."""
FREE_LOOKS = 2
"""So many looks a partition is free before another than its former holder takes it."""
GARBAGE_THRESHOLD = 50_000
"""Thousands of messages are in hand at a time and none of them is a cycle: the default of 700 costs a tenth."""
_GLANCE_S = 0.1
_LONGEST_HOST = 32
_log = logger("ingest")


def run(settings: Settings, *, stop: threading.Event, clock: Clock) -> None:
    """Runs until `stop`. Raises SettingsError at once, LinkError where the broker refuses for good."""
    address = BrokerAddress.parse(settings.require_mqtt())
    gc.set_threshold(GARBAGE_THRESHOLD)
    place = f"{socket.gethostname()[:_LONGEST_HOST]}:{os.getpid()}"
    worker = f"lifeline-ingest {place}"
    with Store(settings.require_database(), name=worker, connections=4 + settings.ingest.partitions) as store:
        settle(settings, address, store, clock, worker=worker, place=place, stop=stop)
        own = settings.ingest
        claims = Claims(store.url, client_id=own.client_id, of=own.partitions, worker=worker)
        Share(settings, address, store, clock, claims, place=place).run(stop)


class _Running:
    """A worker in a thread of its own."""

    def __init__(self, worker: Worker, name: str) -> None:
        self.failure: Exception | None = None
        self._worker = worker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def ask_to_stop(self) -> None:
        self._stop.set()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            self._worker.run(self._stop)
        except Exception as error:
            self.failure = error


class Share:
    """The partitions of one process."""

    def __init__(
        self, settings: Settings, address: BrokerAddress, store: Store, clock: Clock, claims: Claims, *, place: str
    ) -> None:
        self._settings = settings
        self._address = address
        self._store = store
        self._clock = clock
        self._claims = claims
        self._place = place
        self._of = settings.ingest.partitions
        self._running: dict[int, _Running] = {}
        self._free: Counter[int] = Counter()
        self._silent: Counter[str] = Counter()
        self._started_at: datetime = clock.now()
        self._has_run = False

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. Raises what a worker could not mend: LinkError, SettingsError."""
        try:
            while not stop.is_set():
                try:
                    self._look()
                except StoreError as error:
                    _log.warning("partitions are not looked after, will try again", error=str(error))
                self._wait(stop)
        finally:
            for running in self._running.values():
                running.ask_to_stop()
            for running in self._running.values():
                running.join()
            self._claims.close()

    def _wait(self, stop: threading.Event) -> None:
        """Until the next look is due, or a worker has ended."""
        due = time.monotonic() + LOOK_S
        while not stop.wait(_GLANCE_S) and time.monotonic() < due:
            if any(running.has_ended for running in self._running.values()):
                return

    def _look(self) -> None:
        shares = self._claims.look()
        for number in sorted(self._running):
            self._check(number, shares)
        self._fence(shares)
        free = self._free_for_long(shares)
        taken = set(range(self._of)) - free
        take, give = moves(shares.mine, taken | shares.mine, of=self._of, workers=len(shares.present))
        for number in give:
            self._end(number, "given to another worker")
        # held and not running: the database went away in between
        for number in sorted(shares.mine.union(take).difference(give, self._running)):
            self._begin(number)
        metrics.PARTITIONS.set(len(self._running))
        if not self._running:
            beat(
                self._store,
                stage=STAGE,
                worker=self._place,
                started_at=self._started_at,
                now=self._clock.now(),
                detail={"partitions": "none, stands by"},
            )

    def _check(self, number: int, shares: Shares) -> None:
        """Ends the worker of a partition that we have lost. Raises what a worker of ours could not mend."""
        running = self._running[number]
        if number not in shares.mine:
            self._end(number, "lost")
        elif running.has_ended:
            if running.failure is not None:
                raise running.failure
            self._end(number, "ended")
        failure = running.failure
        if failure is not None and not isinstance(failure, TakenOverError):
            raise failure

    def _fence(self, shares: Shares) -> None:
        """Ends the connections of workers that stand still: what they hold is free, what they write is undone."""
        others = [holder for number, holder in shares.holders.items() if number not in shares.mine]
        silent = {holder.worker: holder for holder in others if holder.silent_s > SILENT_S}
        self._silent = Counter({worker: self._silent[worker] + 1 for worker in silent})
        for worker, looks in list(self._silent.items()):
            if looks >= SILENT_LOOKS:
                ended = self._claims.fence(silent[worker])
                _log.warning("a silent worker is cut off", worker=worker, connections=ended)
                del self._silent[worker]

    def _free_for_long(self, shares: Shares) -> set[int]:
        self._free = Counter({n: self._free[n] + 1 for n in range(self._of) if n not in shares.holders})
        needed = FREE_LOOKS if self._of > 1 or self._has_run else 1
        return {number for number, looks in self._free.items() if looks >= needed}

    def _begin(self, number: int) -> None:
        if not self._claims.take(number):
            return
        if layout(self._store, self._settings.ingest.client_id) != self._of:
            self._claims.release(number)
            raise SettingsError(
                f"ingest.partitions is {self._of} here and something else at another worker",
                advice="give all workers the same number, then start them again",
            )
        partition = Partition(number, self._of)
        name = self._place if self._of == 1 else f"{self._place} {number + 1}/{self._of}"
        try:
            worker = Worker(
                self._settings,
                self._address,
                self._store,
                self._clock,
                name=name,
                partition=partition,
                permit=lambda: self._may_connect(number),
            )
        except SettingsError as error:
            self._claims.release(number)
            if not self._has_run and self._of == 1:
                raise
            _log.warning("a partition cannot be taken, will try again", partition=number, error=str(error))
            return
        _log.info("takes a partition", partition=number, of=self._of)
        if self._has_run:
            metrics.TAKEOVERS.inc()
        self._has_run = True
        self._running[number] = _Running(worker, f"ingest-{number}")

    def _end(self, number: int, why: str) -> None:
        if running := self._running.pop(number, None):
            running.ask_to_stop()
            running.join()
        _log.info("a partition is no longer ours", partition=number, why=why)
        self._claims.release(number)

    def _may_connect(self, number: int) -> bool:
        """False where the partition is another's. While the database is away nobody can have taken it."""
        try:
            return number in self._claims.look().mine
        except StoreError:
            return True
