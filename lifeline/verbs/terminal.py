"""What the verbs share: the terminal they print on, the store, the frame of a stage, progress, time zones."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.console import Console

from lifeline import log, metrics
from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.errors import SettingsError
from lifeline.settings import Settings
from lifeline.supervise import follow_supervisor, stop_on_signals

if TYPE_CHECKING:
    from lifeline.store.pool import Store

out = Console(soft_wrap=True, highlight=False)


def run_stage(name: str, run: Callable[..., None], settings: Settings) -> None:
    """Runs a stage until a signal or the end of its supervisor, with its log and its metrics."""
    follow_supervisor()
    log.configure(settings, stage=name)
    metrics.serve(settings.metrics_port)
    stop = threading.Event()
    stop_on_signals(stop)
    run(settings, stop=stop, clock=SystemClock())


def open_store() -> "Store":
    """The store of the settings. Raises SettingsError where no database is set, StoreError where none answers."""
    from lifeline.store.pool import Store

    return Store(settings_module.load().require_database())


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[float], None]]:
    """A bar on the terminal; what it gives takes the share done, 0 to 1."""
    from rich.progress import Progress

    with Progress(console=out) as bar:
        task = bar.add_task(name, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def time_zone(name: str) -> ZoneInfo:
    """The zone of `--tz`. Raises SettingsError for a name that is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError) as error:
        raise SettingsError(f"--tz {name!r} is no time zone", advice="write it as Asia/Shanghai") from error
