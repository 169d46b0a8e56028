"""A living city on one machine: broker, database, all stages and simulated devices, from one command."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from deploy.guests import Guests, invite
from deploy.local.port import free_port, is_free
from deploy.local.stack import LocalStack, forget
from deploy.narrator import Narrator
from deploy.stages import stage_commands, verb_command
from ingest.backfill import backfill
from lifeline import city
from lifeline.city import CityPack
from lifeline.clock import Clock
from lifeline.errors import InstallError
from lifeline.settings import Settings
from lifeline.store.cities import load_pack
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store
from lifeline.store.readings import latest
from lifeline.store.sensors import sensors
from lifeline.supervise import Supervisor
from simulators.history import write_history
from simulators.inbox import MailInbox, WebhookInbox
from simulators.packs import PACKS

HISTORY_DAYS = 14
_HISTORY_STEP = timedelta(minutes=5)
_SEED = 20261123
_ASK_AGAIN_S = 0.2


class Demo:
    """`run` starts everything in order and stops everything before it returns."""

    def __init__(
        self,
        settings: Settings,
        *,
        data: Path | None,
        fresh: bool,
        scenario: str,
        crew: bool = True,
        clock: Clock,
        out: Console,
    ) -> None:
        """`crew`: a simulated one acknowledges every alarm after a while."""
        self._settings = settings
        self._data = (data or default_data_folder()).absolute()
        self._fresh = fresh
        self._scenario = scenario
        self._crew = crew
        self._clock = clock
        self._out = out
        self._started_at = clock.now()

    def run(self, stop: threading.Event, *, for_s: float = 0.0) -> None:
        """Until `stop` is set, or for `for_s` seconds after the stages have started. Raises LifelineError."""
        if self._fresh and self._data.exists():
            self._say(f"forgetting what {self._data} holds")
            forget(self._data)
        logs = self._data / "logs"
        try:
            logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InstallError(f"{logs} cannot be made: {error.strerror}", advice="name another with --data") from error
        with ExitStack() as stack:
            servers = stack.enter_context(LocalStack(self._data, report=self._say))
            applied = migrate(servers.database_url)
            if applied:
                self._say(f"schema: {len(applied)} migrations applied")
            store = stack.enter_context(Store(servers.database_url, name="lifeline-demo"))
            packs = self._load_packs(store)
            self._fill_history(store, packs, stop)
            if stop.is_set():
                return
            mails = stack.enter_context(MailInbox(self._say))
            hooks = stack.enter_context(WebhookInbox(self._say))
            wanted = self._settings.console.port
            port = wanted if wanted and is_free(wanted) else free_port()
            console_url = f"http://127.0.0.1:{port}"
            env = {
                "LIFELINE_CONFIG": str(self._write_settings(mails.url, hooks.url)),
                "LIFELINE_DATABASE_URL": servers.database_url,
                "LIFELINE_MQTT_URL": servers.mqtt_url,
                "LIFELINE_METRICS_PORT": "0",
                "LIFELINE_CONSOLE__PORT": str(port),
            }
            guests = invite(store, packs[0], now=self._clock.now())
            crew = ["--crew", console_url] if self._crew else []
            commands = [
                *stage_commands(env, logs=logs),
                verb_command(
                    "simulate",
                    ["simulate", "--scenario", self._scenario, *crew],
                    env | {"LIFELINE_CREW_TOKEN": guests.crew_token},
                ),
            ]
            narrator = Narrator(store, clock=self._clock, timezone=packs[0].timezone, report=self._say)
            stack.enter_context(_thread("narrator", narrator.run, stop))
            stack.enter_context(_thread("welcome", partial(self._welcome, console_url, guests, logs), stop))
            if for_s:
                timer = threading.Timer(for_s, stop.set)
                timer.start()
                stack.callback(timer.cancel)
            Supervisor(commands, clock=self._clock, report=self._say).run(stop)
            self._say("stopping the rest")
        self._say("everything has stopped; `lifeline demo` goes on with the same data, `--fresh` starts anew")

    def _welcome(self, url: str, guests: Guests, logs: Path, stop: threading.Event) -> None:
        """Says where to look, once somebody who looks there gets an answer."""
        while not stop.is_set():
            try:
                httpx.get(f"{url}/api/v1/health", timeout=2.0)
                break
            except httpx.TransportError:
                stop.wait(_ASK_AGAIN_S)
        else:
            return
        took_s = (self._clock.now() - self._started_at).total_seconds()
        self._say(f"the city lives after {took_s:.0f} s; logs in {logs}")
        lines = [f"\n  console   [bold]{url}[/]   (Ctrl-C stops everything)"]
        for guest in guests.people:
            lines.append(f"  as {guest.role:<9} [bold]{url}/enter/{guest.secret}[/]")
            lines.append(f"     {'':<9} (the link works once; later: {guest.login} / {guest.password})")
        self._out.print("\n".join(lines) + "\n")

    def _load_packs(self, store: Store) -> list[CityPack]:
        packs = [city.load(path) for path in PACKS]
        for pack in packs:
            load_pack(store, pack, now=self._clock.now())
            self._say(f"city pack {pack.code} {pack.name.zh} {pack.name.en}: {len(pack.sensors)} sensors")
        return packs

    def _fill_history(self, store: Store, packs: list[CityPack], stop: threading.Event) -> None:
        """Simulates the quiet time since the newest reading (two weeks at the most) and puts it through the gate."""
        now = self._clock.now()
        key_of = {sensor.sensor_id: sensor.sensor_key for sensor in sensors(store)}
        newest = {int(row["sensor_key"]): row["observed_at"].item() for row in latest(store)}
        folder = self._data / "history"
        folder.mkdir(exist_ok=True)
        with self._progress() as progress:
            for pack, path in zip(packs, PACKS, strict=True):
                ends = [newest[key] for s in pack.sensors if (key := key_of[s.sensor_id]) in newest]
                earliest = now - timedelta(days=HISTORY_DAYS)
                start = max(earliest, max(ends).replace(tzinfo=now.tzinfo) + _HISTORY_STEP) if ends else earliest
                if now - start < _HISTORY_STEP or stop.is_set():
                    continue
                file = folder / f"{pack.code}-{start:%Y%m%dT%H%M%SZ}.csv"
                task = progress.add_task(f"simulating {pack.name.en} since {start:%Y-%m-%d %H:%M}Z", total=1.0)
                write_history(
                    path,
                    file,
                    start=start,
                    end=now,
                    seed=_SEED,
                    progress=_mover(progress, task),
                )
                task = progress.add_task(f"backfilling {pack.name.en} through the gate", total=1.0)
                backfill(
                    store,
                    self._settings.ingest,
                    file,
                    progress=_mover(progress, task),
                )
                file.unlink()

    def _write_settings(self, mail_url: str, hook_url: str) -> Path:
        path = self._data / "lifeline.toml"
        path.write_text(
            f"""# Written by `lifeline demo` at every start.
[[alerts.channels]]
name = "duty-mail"
kind = "smtp"
address = "duty@lifeline.example"
smtp_url = "{mail_url}"

[[alerts.channels]]
name = "dispatch"
kind = "webhook"
address = "{hook_url}"
""",
            encoding="utf-8",
        )
        return path

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("  {task.description:<60}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=self._out,
        )

    def _say(self, line: str) -> None:
        self._out.print(f"  {line}", markup=False)


def _mover(progress: Progress, task: TaskID) -> Callable[[float], None]:
    return lambda share: progress.update(task, completed=share)


def default_data_folder() -> Path:
    """`$XDG_DATA_HOME/lifeline/demo`, else `~/.local/share/lifeline/demo`."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "lifeline" / "demo"


@contextmanager
def _thread(name: str, run: Callable[[threading.Event], None], stop: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=run, args=(stop,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5.0)
