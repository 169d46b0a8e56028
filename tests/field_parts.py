"""Parts for the tests of what people do in the field: an alarm that stands, words that a verb printed."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO

from rich.console import Console

from lifeline.alarm import Alarm, Level
from lifeline.asset import Name
from lifeline.finding import Finding
from lifeline.store import findings
from lifeline.store.decisions import docket
from lifeline.store.pool import Store
from tests.alert_parts import FLOOD, START


def open_alarm(store: Store, finding: Finding = FLOOD, *, level: Level = Level.YELLOW) -> Alarm:
    """An open alarm about `finding`, as the alerts stage opens it."""
    (finding_id,) = findings.commit(store, [finding], now=START)
    with docket(store, engine="test", now=START) as opened:
        stored = replace(finding, finding_id=finding_id)
        alarm, _ = opened.open(stored, level=level, title=Name("积水", "Flood"), actor="system:alerts", reason="new")
    return alarm


def terminal_words() -> tuple[Console, Callable[[], str]]:
    """A terminal, and what was printed on it so far."""
    written = StringIO()
    return Console(file=written, width=400, soft_wrap=True, highlight=False), written.getvalue
