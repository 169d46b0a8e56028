"""Drills: a made-up finding that goes the whole way, and the scorecard of its steps. Pure."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lifeline.alarm import AlarmAction
from lifeline.asset import Name
from lifeline.errors import SettingsError
from lifeline.finding import FindingKind

BUILT_IN = Path(__file__).with_name("drill.toml")
ALARM_STEPS = {
    "opened": AlarmAction.OPEN,
    "acknowledged": AlarmAction.ACKNOWLEDGE,
    "dispatched": AlarmAction.DISPATCH,
    "accepted": AlarmAction.ACCEPT,
    "on-site": AlarmAction.ARRIVE,
    "mitigated": AlarmAction.MITIGATE,
    "verified": AlarmAction.VERIFY,
    "closed": AlarmAction.CLOSE,
}
"""Steps that are events of the alarm; the others are `told` (first notice), `offered` (first crew), `planned`."""
STEPS = ("opened", "told", "planned", "acknowledged", "dispatched", "offered", *list(ALARM_STEPS)[3:])


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is made up; `limits_s` by step, in seconds after the finding; a step without one is not part of it."""

    name: str
    title: Name
    kind: FindingKind
    site: str
    """quantity of the sensor at which it happens"""
    depth_m: float | None
    flow_m3_per_h: float | None
    evacuate_m: float
    """people within this must leave; 0: nobody"""
    limits_s: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the scorecard; `seconds` is None where it was not reached."""

    step: str
    seconds: float | None
    limit_s: float

    @property
    def met(self) -> bool:
        return self.seconds is not None and self.seconds <= self.limit_s


def scenarios(path: Path = BUILT_IN) -> dict[str, Scenario]:
    """The scenarios of a file by name. Raises SettingsError."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["scenario"]
        found = [
            Scenario(
                entry["name"], Name(entry["zh"], entry["en"]), FindingKind(entry["kind"]), entry["site"],
                entry.get("depth_m"), entry.get("flow_m3_per_h"), float(entry.get("evacuate_m", 0.0)),
                {step: float(entry["limits_s"][step]) for step in STEPS if step in entry["limits_s"]},
            )
            for entry in entries
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{path}: {error!r}", advice="compare it with alerts/drill.toml") from error
    return {one.name: one for one in found}


def scorecard(scenario: Scenario, began_at: datetime, moments: Mapping[str, datetime]) -> list[Step]:
    """Each step of the scenario with when it was reached.

    >>> from datetime import UTC, timedelta
    >>> zero = datetime(2026, 7, 1, tzinfo=UTC)
    >>> card = scorecard(scenarios()["burst"], zero, {"opened": zero + timedelta(seconds=2)})
    >>> (card[0].step, card[0].seconds, card[0].met, card[1].met)
    ('opened', 2.0, True, False)
    """
    return [
        Step(step, (moments[step] - began_at).total_seconds() if step in moments else None, limit)
        for step, limit in scenario.limits_s.items()
    ]
