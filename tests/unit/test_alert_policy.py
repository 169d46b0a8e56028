"""The policy: levels from measures, thresholds and doubt, each with its named reason; a wrong file names its fault."""

import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.assess import Ground, assess
from alerts.exposure import Around, CriticalUser, UserKind, users_of
from alerts.policy import BUILT_IN, Audience, Policy, load
from lifeline.alarm import AlarmAction, Level
from lifeline.asset import Name, Position, Site, ZoneKind
from lifeline.city.levels import Levels, Thresholds
from lifeline.errors import SettingsError
from lifeline.finding import PROVISIONS, Finding, FindingKind
from lifeline.provision import Provision
from tests.alert_parts import FLOOD

POLICY = load()
LEVELS = Levels(
    "test",
    {Site.UNDERPASS: Thresholds(0.05, 0.15, 0.27, 0.4, "depth source")},
    Thresholds(2, 10, 40, 150, "flow source"),
    {},
)
LEAK = replace(FLOOD, subject="leak:CC-DMA-1", kind=FindingKind.LEAK, depth_m=None, flow_m3_per_h=12.0)


@pytest.mark.parametrize(
    ("finding", "reason", "level"),
    [
        (replace(FLOOD, depth_m=0.04), "slight-blue", Level.BLUE),
        (replace(FLOOD, depth_m=0.05), "depth-blue", Level.BLUE),
        (replace(FLOOD, depth_m=0.27), "depth-orange", Level.ORANGE),
        (replace(FLOOD, depth_m=3.0), "depth-red", Level.RED),
        (replace(FLOOD, depth_m=None), "unmeasured-yellow", Level.YELLOW),
        (replace(FLOOD, depth_m=math.nan), "unmeasured-yellow", Level.YELLOW),
        (replace(FLOOD, depth_m=math.inf), "unmeasured-yellow", Level.YELLOW),
        (replace(FLOOD, depth_m=0.5, probability=0.4), "depth-orange-doubtful", Level.ORANGE),
        (replace(FLOOD, depth_m=0.05, probability=0.0), "depth-blue-doubtful", Level.BLUE),
        (LEAK, "flow-yellow", Level.YELLOW),
        (replace(LEAK, flow_m3_per_h=150.0), "flow-red", Level.RED),
        (replace(LEAK, kind=FindingKind.BURST, flow_m3_per_h=None), "unmeasured-orange", Level.ORANGE),
        (replace(LEAK, kind=FindingKind.BACKLOG), "kind-yellow", Level.YELLOW),
        (replace(LEAK, kind=FindingKind.OTHER), "kind-yellow", Level.YELLOW),
        (replace(LEAK, kind=FindingKind.SENSOR_SILENT), "kind-blue", Level.BLUE),
    ],
)
def test_level_and_reason(finding: Finding, reason: str, level: Level) -> None:
    assessed = assess(finding, POLICY, LEVELS, Site.UNDERPASS)
    assert (assessed.reason, assessed.level) == (reason, level)


def test_a_place_without_thresholds_has_a_rule_of_its_own() -> None:
    for levels, site in [(None, Site.UNDERPASS), (LEVELS, Site.ROAD), (LEVELS, None)]:
        assessed = assess(FLOOD, POLICY, levels, site)
        assert (assessed.ground, assessed.level) == (Ground.NO_THRESHOLDS, Level.YELLOW)


def test_the_source_is_the_thresholds_or_the_rules() -> None:
    assert assess(FLOOD, POLICY, LEVELS, Site.UNDERPASS).source == "depth source"
    assert assess(LEAK, POLICY, LEVELS, None).source == "flow source"
    assert assess(replace(FLOOD, depth_m=None), POLICY, LEVELS, None).source.startswith("project rule")


@given(deeper=st.floats(0, 5), depth=st.floats(0, 5), probability=st.floats(0, 1), less_sure=st.floats(0, 1))
def test_more_water_and_more_certainty_are_never_less_grave(
    deeper: float, depth: float, probability: float, less_sure: float
) -> None:
    depth, deeper = sorted((depth, deeper))
    less_sure, probability = sorted((probability, less_sure))
    grave = assess(replace(FLOOD, depth_m=deeper, probability=probability), POLICY, LEVELS, Site.UNDERPASS)
    light = assess(replace(FLOOD, depth_m=depth, probability=less_sure), POLICY, LEVELS, Site.UNDERPASS)
    assert grave.level <= light.level
    assert grave.eased <= light.eased
    assert grave.eased <= grave.level, "a level that stands is never taken down below what opens it"


def test_a_level_goes_down_only_below_the_margin() -> None:
    def eased(depth_m: float) -> Level:
        return assess(replace(FLOOD, depth_m=depth_m), POLICY, LEVELS, Site.UNDERPASS).eased

    assert eased(0.26) is Level.ORANGE
    assert eased(0.27 * 0.8) is Level.ORANGE
    assert eased(0.21) is Level.YELLOW


def test_every_kind_has_a_rule_and_provisions_and_every_rule_its_source() -> None:
    for kind in FindingKind:
        assert POLICY.rule_of(kind).source
        assert PROVISIONS[kind]
    assert POLICY.audience(AlarmAction.OPEN) is Audience.REACHED
    assert POLICY.audience(AlarmAction.ACKNOWLEDGE) is Audience.NOBODY


@pytest.mark.parametrize(
    ("pattern", "new", "said"),
    [
        (r"slight = \"blue\"", 'slight = "green"', r"rule\.0\.slight: .*one of red, orange, yellow, blue"),
        (r"kind = \"flood\"", 'kind = "gas-leak"', r"rule\.0\.kind: .*one of burst, leak"),
        (r"kind = \"leak\"", 'kind = "burst"', r"one \[\[rule\]\] for kind 'burst', there are 2"),
        (r"measure = \"depth\"", "measure = 3", r"rule\.0\.measure"),
        (r"settle_s = 120.0", "settle_s = -1.0", r"rhythm\.settle_s"),
        (r"settle_s = 120.0", 'settle_s = "120"', r"rhythm\.settle_s"),
        (r"settle_s = 120.0", "settle_seconds = 120.0", r"rhythm\.settle_seconds"),
        (r"cancel = \"heard\"", 'cancel = "all"', r"tell\.cancel: .*one of reached, heard, nobody"),
        (r"cancel = \"heard\"", 'abolish = "heard"', r"tell\.abolish"),
        (r"format = 2", "format = 1", r"policy.toml:3:1: format"),
        (r"format = 2", "format = ", r"policy.toml:3:"),
    ],
)
def test_a_wrong_policy_names_file_and_field(tmp_path: Path, pattern: str, new: str, said: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(re.sub(pattern, new, BUILT_IN.read_text(encoding="utf-8"), count=1), encoding="utf-8")
    with pytest.raises(SettingsError, match=said) as refusal:
        load(path)
    assert str(path) in str(refusal.value)


def test_a_policy_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for name in ("bytes.toml", "missing.toml"):
        with pytest.raises(SettingsError, match=name):
            load(tmp_path / name)
    assert isinstance(POLICY, Policy)


HERE = Position(125.32, 43.88)
NEAR = Position(125.32, 43.8815)  # 167 m north
FAR = Position(125.32, 43.89)


def around(*users: tuple[UserKind, Position], people: float = 0, **given: object) -> Around:
    known = [CriticalUser(f"u{n}", kind, Name("u", "u"), "220100", at) for n, (kind, at) in enumerate(users)]
    cells = np.array([[HERE.lon, HERE.lat, people]])
    return Around("220100", "Asia/Shanghai", known, cells, **given)  # type: ignore[arg-type]


WINTER, SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)
BURST = replace(LEAK, kind=FindingKind.BURST, position=HERE)


@pytest.mark.parametrize(
    ("finding", "near", "zone", "reason"),
    [
        (FLOOD, around((UserKind.HOSPITAL, NEAR)), None, "depth-orange+hospital"),
        (FLOOD, around((UserKind.HOSPITAL, FAR)), None, "depth-yellow"),
        (FLOOD, around((UserKind.POWER, NEAR)), None, "depth-yellow"),
        (replace(FLOOD, position=None), around((UserKind.HOSPITAL, NEAR)), None, "depth-yellow"),
        (replace(FLOOD, depth_m=0.3), around((UserKind.HOSPITAL, NEAR)), None, "depth-orange+hospital"),
        (replace(FLOOD, depth_m=0.06), around((UserKind.SCHOOL, NEAR), (UserKind.HOSPITAL, NEAR)), None,
         "depth-orange+hospital+school"),
        (BURST, around(people=5000), None, "flow-orange+many-people"),
        (BURST, around(people=4999), None, "flow-yellow"),
        (replace(LEAK, detected_at=WINTER), around(), ZoneKind.HEATING, "flow-orange+heating-winter"),
        (replace(LEAK, detected_at=SUMMER), around(), ZoneKind.HEATING, "flow-yellow"),
        (replace(LEAK, detected_at=WINTER), around(), ZoneKind.DMA, "flow-yellow"),
    ],
)  # fmt: skip
def test_whom_it_touches_makes_it_graver(finding: Finding, near: Around, zone: ZoneKind | None, reason: str) -> None:
    assessed = assess(finding, POLICY, LEVELS, Site.UNDERPASS, near, zone)
    assert assessed.reason == reason
    assert assessed.eased <= assessed.level
    if "heating" in reason:
        assert Provision.P11_2 in assessed.provisions


def test_critical_users_of_a_file_with_a_fault_name_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("user_id,kind,name_zh,name_en,city,lon,lat\nH1,hospital,医院,Hospital,220100,125.3,43.9\n", "utf-8")
    assert users_of(path)[0].kind is UserKind.HOSPITAL
    path.write_text("user_id,kind,name_zh,name_en,city,lon,lat\nH1,clinic,医院,Hospital,220100,425.3,43.9\n", "utf-8")
    with pytest.raises(SettingsError, match=r"users.csv:2:2: kind: .*users.csv:2:6: lon"):
        users_of(path)
