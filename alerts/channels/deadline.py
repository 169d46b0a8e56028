"""A limit for the whole of a delivery: time-outs of single reads do not stop a receiver that answers byte by byte."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def deadline(seconds: float, abort: Callable[[], object]) -> Iterator[threading.Event]:
    """Calls `abort` from another thread when the block takes longer than `seconds`; the event is set then."""
    passed = threading.Event()

    def strike() -> None:
        passed.set()
        abort()

    timer = threading.Timer(seconds, strike)
    timer.daemon = True
    timer.start()
    try:
        yield passed
    finally:
        timer.cancel()
        timer.join()
