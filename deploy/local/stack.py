"""The private root, database and broker of one data folder, started in order and stopped in reverse."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from deploy.local import root
from deploy.local.broker import LocalBroker
from deploy.local.database import LocalDatabase


def forget(data_dir: Path) -> None:
    """Removes a data folder with everything in it. Raises StoreError or LinkError while a server runs on it."""
    if not data_dir.exists():
        return
    with ExitStack() as held:
        for kind, name in ((LocalDatabase, "database"), (LocalBroker, "broker")):
            if (data_dir / name).exists():
                held.enter_context(kind(root.location(), data_dir / name).alone())
        shutil.rmtree(data_dir)


class LocalStack:
    """Both servers of one machine; the same folder gives the same data and, while they are free, the same ports.

    >>> with LocalStack(Path("data"), report=print) as stack:  # doctest: +SKIP
    ...     print(stack.database_url, stack.mqtt_url)
    """

    def __init__(self, data_dir: Path, *, report: Callable[[str], None] = lambda _: None) -> None:
        self._data_dir = data_dir
        self._report = report
        self._open = ExitStack()

    def __enter__(self) -> Self:
        folder = root.ensure(self._report)
        with ExitStack() as opening:
            self.database = opening.enter_context(
                LocalDatabase(folder, self._data_dir / "database", report=self._report)
            )
            self.broker = opening.enter_context(LocalBroker(folder, self._data_dir / "broker", report=self._report))
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def database_url(self) -> str:
        """The address of the database, password included."""
        return self.database.url

    @property
    def mqtt_url(self) -> str:
        return self.broker.url
