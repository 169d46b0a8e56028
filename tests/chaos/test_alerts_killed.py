"""The alerts process is killed in the middle, again and again, and the database under it: nothing is lost, nothing is
decided twice, and what was told twice says so by its key."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.database import LocalDatabase
from lifeline.errors import StoreError
from lifeline.finding import Phase
from lifeline.store import alarms, findings, notices, stages
from lifeline.store.notices import NoticeState
from lifeline.store.pool import Store
from tests.alert_parts import FLOOD, MailReceiver, WebReceiver, changed_policy, eventually, later, load_city

SUBJECTS = 60


@contextmanager
def alerts_process(
    folder: Path, database_url: str, web: WebReceiver, mail: MailReceiver, *, most: int
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts the stage as the command line does; what still runs at the end is killed. `most`: notices before they are
    put together."""
    config = folder / "lifeline.toml"
    config.write_text(
        f"""database_url = "{database_url}"
[alerts]
first_backoff_s = 0.05
longest_backoff_s = 0.5
delivery_timeout_s = 1.0
poll_s = 0.2
policy_file = "{changed_policy(folder, most=most, gap_s=1.0)}"
[[alerts.channels]]
name = "ops"
kind = "webhook"
address = "{web.url}"
[[alerts.channels]]
name = "duty"
kind = "smtp"
address = "duty@city.example"
smtp_url = "{mail.url}"
""",
        encoding="utf-8",
    )
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        log = (folder / f"alerts-{len(started)}.log").open("wb")
        with log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "lifeline", "alerts"],
                    env=os.environ | {"LIFELINE_CONFIG": str(config)},
                    stdout=log,
                    stderr=log,
                )
            )
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()


def pour(store: Store) -> None:
    """Findings of many subjects, one after another: each subject rises twice."""
    for step, depth_m in enumerate((0.1, 0.2, 0.3)):
        for number in range(SUBJECTS):
            phase = Phase.ONSET if step == 0 else Phase.UPDATE
            finding = later(replace(FLOOD, subject=f"flood:{number}"), step * 60, phase=phase, depth_m=depth_m)
            while True:
                try:
                    findings.commit(store, [finding], now=datetime.now(UTC))
                    break
                except StoreError:
                    time.sleep(0.2)
            time.sleep(0.04)


def check(store: Store, web: WebReceiver, mail: MailReceiver, *, duplicates: int) -> None:
    live = alarms.alarms(store, live_only=True, limit=1000)
    assert Counter(alarm.subject for alarm in live) == Counter({f"flood:{n}": 1 for n in range(SUBJECTS)})
    with store.transaction() as connection:
        row = connection.execute(
            """SELECT (SELECT count(*) FROM finding) AS findings, (SELECT count(*) FROM finding_decision) AS decisions,
                      (SELECT count(*) FROM alarm) AS alarms, (SELECT count(*) FROM alarm_event) AS events,
                      (SELECT count(*) FROM notice_event) AS told"""
        ).fetchone()
    assert row is not None
    assert row.findings == row.decisions == 3 * SUBJECTS
    assert row.alarms == SUBJECTS
    outbox = {n.notice_id: n for alarm in live for n in notices.notices_of(store, alarm.alarm_id)}.values()
    assert {notice.state for notice in outbox} == {NoticeState.DELIVERED}
    assert row.events == 3 * SUBJECTS, "each subject rises twice"
    assert row.told == 2 * row.events, "every event here is told once, on both channels"
    posts = Counter(post.key for post in web.taken())
    mails = Counter(str(one["Message-ID"]).strip("<").split("@")[0] for one in mail.mails)
    assert posts.keys() == {notice.idempotency_key for notice in outbox if notice.channel == "ops"}
    assert mails.keys() == {notice.idempotency_key for notice in outbox if notice.channel == "duty"}
    assert posts.total() + mails.total() - len(outbox) <= duplicates


def all_delivered(store: Store) -> bool:
    with store.transaction() as connection:
        row = connection.execute(
            """SELECT (SELECT count(*) FROM finding) - (SELECT count(*) FROM finding_decision)
                    + (SELECT count(*) FROM alarm_event WHERE told IS NULL)
                    + (SELECT count(*) FROM notice WHERE state = 'waiting') AS open"""
        ).fetchone()
    return row is not None and row.open == 0


def test_killed_again_and_again(database_url: str, store: Store, tmp_path: Path) -> None:
    fate = random.Random(7)
    with (
        WebReceiver() as web,
        MailReceiver() as mail,
        alerts_process(tmp_path, database_url, web, mail, most=10_000) as start,
    ):
        load_city(store)
        bad: list[int | str | tuple[int, dict[str, str]]] = [200, 200, 200, 429, 500, "close"]
        web.script = [fate.choice(bad) for _ in range(60)]
        mail.script = [fate.choice(["250 ok", "250 ok", "451 later"]) for _ in range(40)]
        kills = 0
        process = start()
        pouring = threading.Thread(target=pour, args=(store,))
        pouring.start()
        for _ in range(5):
            seen = len(web.posts)
            eventually(lambda seen=seen: len(web.posts) > seen or not pouring.is_alive())  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            process = start()
        pouring.join()
        eventually(lambda: all_delivered(store), within_s=60)
        eventually(lambda: any(beat.worker.endswith(f":{process.pid}") for beat in stages.stages(store)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, "told to stop, it ends what it holds and goes"
        # a kill can hit one delivery in hand on each lane: two channels, two lanes each
        check(store, web, mail, duplicates=4 * kills)


def test_two_processes_and_a_database_that_is_killed(own_database: LocalDatabase, tmp_path: Path) -> None:
    with (
        WebReceiver() as web,
        MailReceiver() as mail,
        Store(own_database.url, name="test") as store,
        alerts_process(tmp_path, own_database.url, web, mail, most=20) as start,
    ):
        load_city(store)
        processes = [start(), start()]
        pouring = threading.Thread(target=pour, args=(store,))
        pouring.start()
        for _ in range(2):
            seen = len(web.posts)
            eventually(lambda seen=seen: len(web.posts) > seen or not pouring.is_alive())  # type: ignore[misc]
            own_database.kill()
            own_database.start()
        pouring.join()

        def settled() -> bool:
            with suppress(StoreError):
                return all_delivered(store)
            return False

        eventually(settled, within_s=90)
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(20) for process in processes] == [0, 0]
        # an outcome that met the dead database is kept and written later: only what was never written is sent again
        check(store, web, mail, duplicates=16)
