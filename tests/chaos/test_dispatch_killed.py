"""Two alerts processes dispatch, and one after the other is killed in the middle of it: no order is lost, none is made
twice, and no crew is asked about two orders at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lifeline.alarm import AlarmAction, Level
from lifeline.city.pack import load
from lifeline.errors import LifelineError
from lifeline.store import alarms, audit, cities, work_orders
from lifeline.store.pool import Store
from lifeline.work_order import OrderAction, OrderState
from simulators.packs import PACKS
from tests.alert_parts import FLOOD, eventually
from tests.field_parts import open_alarm

ALARMS = 14
_NEXT = {
    OrderState.OFFERED: OrderAction.ACCEPT,
    OrderState.ACCEPTED: OrderAction.ARRIVE,
    OrderState.ON_SITE: OrderAction.MITIGATE,
    OrderState.MITIGATED: OrderAction.VERIFY,
    OrderState.VERIFIED: OrderAction.CLOSE,
}


def _crews_at_work(store: Store, over: threading.Event) -> None:
    """Crews do what they are asked, somebody else verifies; what went on without them is no fault of theirs."""
    while not over.wait(0.05):
        for order in work_orders.orders(store, live_only=True):
            step = _NEXT.get(order.state)
            with suppress(LifelineError):
                if step is not None:
                    who = "核查员" if step in (OrderAction.VERIFY, OrderAction.CLOSE) else str(order.crew_id)
                    work_orders.act(store, order.order_id, step, who=who, now=datetime.now(UTC))


def _start(config: Path, number: int) -> subprocess.Popen[bytes]:
    with (config.parent / f"alerts-{number}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "lifeline", "alerts"],
            env=os.environ | {"LIFELINE_CONFIG": str(config)},
            stdout=log,
            stderr=log,
        )


def test_no_order_is_lost_and_nobody_is_sent_twice(database_url: str, store: Store, tmp_path: Path) -> None:
    for folder in PACKS:
        cities.load_pack(store, load(folder), now=datetime.now(UTC))
    config = tmp_path / "lifeline.toml"
    config.write_text(f'database_url = "{database_url}"\n[field]\ndispatch_s = 0.1\n', encoding="utf-8")
    over = threading.Event()
    crews = threading.Thread(target=_crews_at_work, args=(store, over))
    running = [_start(config, number) for number in range(2)]
    try:
        crews.start()
        for number in range(ALARMS):
            alarm = open_alarm(store, replace(FLOOD, subject=f"flood:{number}"), level=Level.ORANGE)
            alarms.act(
                store, alarm.alarm_id, AlarmAction.DISPATCH, actor="li", version=alarm.version, now=datetime.now(UTC),
                reason="by-person",
            )  # fmt: skip
        for number in range(2):
            before = _asked(store)
            eventually(lambda before=before: _asked(store) > before or _all_closed(store), within_s=60)  # type: ignore[misc]
            victim = running[number % 2]
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            running[number % 2] = _start(config, number + 2)
        eventually(lambda: _all_closed(store), within_s=90)
    finally:
        over.set()
        crews.join()
        for process in running:
            process.kill()
            process.wait()
    _check(store)


def _asked(store: Store) -> int:
    with store.transaction() as connection:
        return int(connection.execute("SELECT count(*) AS asked FROM work_offer").fetchone().asked)  # type: ignore[union-attr]


def _all_closed(store: Store) -> bool:
    made = work_orders.orders(store, live_only=False)
    time.sleep(0.1)
    return len(made) >= ALARMS and all(order.state is OrderState.CLOSED for order in made)


def _check(store: Store) -> None:
    made = work_orders.orders(store, live_only=False)
    assert sorted(order.alarm_id for order in made) == sorted(
        alarm.alarm_id for alarm in alarms.alarms(store, live_only=False, limit=100)
    ), "one order for each alarm"
    for order in made:
        steps = [event.action for event in work_orders.events(store, order.order_id)]
        assert steps.count(OrderAction.OPEN) == steps.count(OrderAction.ACCEPT) == 1, steps
        outcomes = [offer.outcome for offer in work_orders.offers(store, order.order_id)]
        assert outcomes.count("accepted") == 1, "nobody else was sent"
    asked: dict[str, str] = {}
    for entry in audit.entries(store, action="order.%", limit=10_000)[
        ::-1
    ]:  # in the order in which they were committed
        if entry.action == "order.offer":
            crew = entry.detail["note"].partition(":")[0]
            assert crew not in asked, f"{crew} is asked about {asked[crew]} and {entry.subject} at once"
            asked[crew] = entry.subject
        elif entry.action in ("order.accept", "order.time-out"):
            assert asked.pop(entry.detail["crew_id"]) == entry.subject
    assert audit.verify(store).sound
