"""Whatever a page says is in both catalogues, with the same values to put in, and nothing else is."""

import re
from pathlib import Path

import pytest

from alerts.assignment import Reason as AssignmentReason
from console.pages.registers import WARNED
from console.sensing import SensorState, StateReason
from console.texts import Language, Texts
from detect.flood.foresight import ForesightReason
from detect.flood.levels import FloodReason
from detect.flood.street_burst import StreetBurstReason
from detect.heating import HeatingReason
from detect.leak.telling import LeakReason
from detect.leak.trust import TrustReason
from detect.leak.upkeep import UpkeepReason
from detect.pressure.report import PressureReason
from detect.residual.event import ResidualReason
from detect.silence import SilenceReason
from ingest.backlog import BacklogReason
from lifeline.alarm import AlarmAction, AlarmState, Level
from lifeline.answer_link import Refusal
from lifeline.asset import AssetKind
from lifeline.city.people import Grade, Skill
from lifeline.finding import FindingKind
from lifeline.person import Role
from lifeline.shelter import Season, ShelterMode, ShelterState
from lifeline.store.answers import Outcome
from lifeline.store.calls import Lack
from lifeline.store.notices import NoticeState
from lifeline.units import Quantity
from lifeline.work_order import OrderAction, OrderState

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "console"
FAULTS = sorted(
    {
        kind
        for path in (ROOT / "lifeline", CONSOLE)
        for file in path.rglob("*.py")
        for kind in re.findall(
            r'CredentialError\([^()]*(?:\([^()]*\)[^()]*)*\bkind="([a-z]+)"', file.read_text(encoding="utf-8")
        )
    }
)
"""What can be wrong with a password, a code, a link, an account."""
GROUPS: dict[str, list[str]] = {
    "state": [one.value for one in AlarmState],
    "action": [one.value for one in AlarmAction],
    "level": [str(one.value) for one in Level],
    "level.full": [str(one.value) for one in Level],
    "sensor.state": [one.value for one in SensorState],
    "sensor.reason": [one.value for one in StateReason],
    "quantity": [*(one.value for one in Quantity), "balance"],
    "notice": [one.value for one in NoticeState],
    "map.kind": [one.value for one in AssetKind if one.value in {"pump", "valve", "tank", "reservoir", "outfall"}],
    "map": [
        "zones",
        "pipes",
        "drains",
        "sensors",
        "shelters",
        "crews",
        "water",
        "on_duty",
        "off_duty",
        "findings",
        "good",
        "doubtful",
        "silent",
    ],
    "kind": [one.value for one in FindingKind],
    "list": [
        "live",
        "ended",
        "state",
        "level",
        "kind",
        "warned",
        "at",
        "persons",
        "opened",
        "mode",
        "task",
        "done",
        "who",
        "what",
        "note",
        "detail",
        "crew",
        "minutes",
        "outcome",
        "why",
        "alarm",
        "sensor",
        "number",
        "quantity",
        "subject",
        "from",
        "until",
        "reason",
    ],
    "page": [
        "situation",
        "history",
        "sensors",
        "shelters",
        "crews",
        "orders",
        "zones",
        "storms",
        "past",
        "evacuations",
        "silences",
        "report",
        "search",
        "audit",
    ],
    "queue": ["sound_on", "sound_off"],
    "answer": [*(one.value for one in Outcome), *(one.value for one in Refusal)],
    "curve": ["observed", "expected", "threshold", "fan_low", "fan_middle", "fan_high"],
    "rule": [
        one.value
        for reasons in (
            FloodReason,
            SilenceReason,
            ResidualReason,
            LeakReason,
            UpkeepReason,
            TrustReason,
            PressureReason,
            HeatingReason,
            BacklogReason,
            ForesightReason,
            StreetBurstReason,
        )
        for one in reasons
    ],
    "field": ["crew", "warden", "online", "offline", "loading", "nothing_kept"],
    "field.do": [
        "accept",
        "decline",
        "on-my-way",
        "arrive",
        "mitigate",
        "note",
        "help",
        "photo",
        "opened",
        "full",
        "reopened",
        "count",
        "current",
        "need",
    ],
    "call": ["help", "need"],
    "lack": [one.value for one in Lack],
    "order.state": [one.value for one in OrderState],
    "order.action": [one.value for one in OrderAction],
    "zone.kind": ["dma", "catchment", "heating"],
    "storm.warned": list(WARNED),
    "skill": [one.value for one in Skill],
    "grade": [one.value for one in Grade],
    "dispatch": [
        "skilled",
        "no-skilled-crew",
        "shortest-way",
        "less-busy",
        "across-border",
        "no-open-road",
        "asked-again",
    ],
    "offer": ["waiting", "accepted", "declined", "timed-out", "withdrawn"],
    "silence": ["holds", "over"],
    "crew": ["on-duty", "off-duty"],
    "refused": [
        "state",
        "over",
        "needs-reason",
        "needs-end",
        "nobody",
        "no-checklist",
        "converting",
        "no-count",
        "silence-span",
        "crew-busy",
        "not-with-crew",
        "own-work",
        "not-yours",
        "gone",
    ],
    "evacuation": ["running", "over", "order", "exercise", "order_confirm", "exercise_confirm"],
    "goes": [one.value for one in AssignmentReason],
    "trail": [
        "shelter-state",
        "shelter-count",
        "shelter-convert",
        "shelter-task",
        "call-add",
        "call-answer",
        "silence-add",
        "silence-end",
        "evacuation-order",
        "evacuation-plan",
        "evacuation-move",
        "evacuation-end",
        "shelter-conversion-done",
        "shelter-conversion-cancelled",
        "bulletin-approve",
        "warning-import",
        "crew-duty",
        "device-adopt",
        "device-release",
        "device-forget",
        "device-retire",
        "drill-start",
        "drill-end",
        "photo-add",
        "link-use",
        "person-add",
        "person-change",
        "person-enter-link",
        "person-password",
        "person-reset",
        "person-totp",
        "session-open",
        "session-end",
        "session-refused",
        "token-add",
        "token-revoke",
        "roster-in-force",
        "policy-in-force",
        "answer-taken",
        "answer-declined",
        "answer-too-late",
        "verdict-confirmed",
        "verdict-false",
        "verdict-unusual-use",
    ],
    "trail_key": [
        "mode",
        "to_mode",
        "note",
        "people",
        "promised_hours",
        "exercise",
        "task",
        "reason",
        "why",
        "city_code",
        "cities",
        "until",
        "alarm_id",
        "shelter_id",
        "call_id",
        "silence_id",
        "crew_id",
        "photo_id",
        "plan_id",
        "level",
        "kind",
        "what",
        "roles",
        "login",
        "name",
        "address",
        "done_at",
        "cells",
        "opens",
        "unassigned",
        "cell_id",
        "special",
        "under_way",
        "arrived",
        "from",
        "to",
        "version",
        "status",
        "title",
        "on_duty",
        "read_only",
        "days",
    ],
    "shelter.to": [one.value for one in ShelterState],
    "shelter.state": [one.value for one in ShelterState],
    "shelter.mode": [one.value for one in ShelterMode],
    "shelter.season": [one.value for one in Season],
    "shelter.exposure": ["dry", "threatened", "flooded", "unknown"],
    "role": [one.value for one in Role],
    "door.fault": FAULTS,
    "bar": ["connected", "disconnected", "store_away"],
}
"""Keys that are put together from a value."""
_LITERAL = re.compile(
    r"""(?:texts\(|WantingError\(|texts\(request\)\(|_texts\(|Mark\(|texts\[|say\()\s*["']([a-z_]+\.[a-z_.]*[a-z_0-9])["']|["']((?:detail|list|report|field|bar|page|notice|silence|evacuation|convert|past)\.[a-z_0-9]+)["']"""
)


def _used() -> set[str]:
    literal = {
        plain or detail
        for path in [*CONSOLE.rglob("*.py"), *CONSOLE.rglob("*.js"), *CONSOLE.rglob("*.html")]
        for plain, detail in _LITERAL.findall(path.read_text(encoding="utf-8"))
    }
    literal = {key for key in literal if not key.endswith((".js", ".css"))}
    return literal | {f"{group}.{value}" for group, values in GROUPS.items() for value in values}


def _entries(language: Language) -> dict[str, str]:
    texts = Texts.of(language)
    return {key: texts(key) for key in texts.every_key()}


def test_both_catalogues_have_what_is_used_and_nothing_else() -> None:
    used = _used()
    for language in Language:
        keys = set(_entries(language))
        assert used - keys == set(), language
        assert keys - used == set(), language


def test_both_languages_put_in_the_same_values() -> None:
    chinese, english = _entries(Language.ZH), _entries(Language.EN)
    values = re.compile(r"\{(\w+)\}")
    for key, text in chinese.items():
        assert text.strip(), key
        assert english[key].strip(), key
        assert sorted(values.findall(text)) == sorted(values.findall(english[key])), key


def test_a_text_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        Texts.of(Language.ZH)("detail.nonsense")
