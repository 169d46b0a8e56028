"""What people read: complete in both languages, one line where one line is asked for, nothing lost, nothing leaked."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import telling, text
from alerts.policy import Audience, Policy, load
from alerts.telling import Told
from lifeline.alarm import AlarmAction, AlarmState, Level
from lifeline.asset import Name
from lifeline.finding import Candidate, FindingKind
from lifeline.settings import ChannelSettings
from lifeline.store.notices import GOOD_NEWS, Draft
from tests.alert_parts import FLOOD, START
from tests.unit.test_alert_lifecycle import ALARM

SCENE = text.Scene(
    Name("长春", "Changchun"), "Asia/Shanghai", Name("南湖", "Nanhu"), Name("人民大街下穿桥", "Renmin St underpass")
)
POLICY = load()


def happening(action: AlarmAction = AlarmAction.OPEN, **changes: Any) -> text.Happening:
    given: dict[str, Any] = {"reason": "new", "actor": "system:alerts", "note": "", "finding": FLOOD, "scene": SCENE}
    given |= {"alarm": replace(ALARM, position=FLOOD.position), "action": action, "at": START} | changes
    return text.Happening(**given)


def channel(name: str = "ops", min_level: str = "blue", **changes: Any) -> ChannelSettings:
    return ChannelSettings(name=name, kind="webhook", address=f"http://{name}.example", min_level=min_level, **changes)


def _leaves(table: dict[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        found |= _leaves(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return found


def test_both_languages_say_the_same_things_about_the_same_values() -> None:
    zh, en = (_leaves(text.catalogue(language)) for language in text.LANGUAGES)
    assert zh.keys() == en.keys()
    assert {key for key in zh if text.fields(zh[key]) != text.fields(en[key])} == set()
    assert {kind.value for kind in FindingKind} == text.catalogue("zh")["title"].keys()
    for action, audience in POLICY.tell.items():
        if audience is not Audience.NOBODY:
            assert action.value in text.catalogue("zh")["lead"], action
            assert action.value in text.catalogue("zh")["event"], action


@pytest.mark.parametrize("kind", FindingKind)
def test_titles_name_place_and_kind(kind: FindingKind) -> None:
    name = text.title(replace(FLOOD, kind=kind), SCENE)
    assert name.zh.startswith("人民大街下穿桥：")
    assert name.en.startswith("Renmin St underpass: ")


def test_titles_name_the_size_where_it_was_measured() -> None:
    leak = replace(FLOOD, kind=FindingKind.LEAK, depth_m=None, flow_m3_per_h=12.4)
    assert text.title(FLOOD, SCENE) == Name("人民大街下穿桥：积水 20 厘米", "Renmin St underpass: standing water 20 cm")
    assert text.title(leak, replace(SCENE, sensor=None)).zh == "南湖：供水管道漏损 约 12 立方米/小时"
    assert text.title(replace(leak, flow_m3_per_h=float("nan")), SCENE).zh == "人民大街下穿桥：供水管道漏损"


def test_a_body_says_all_that_is_known_in_local_time() -> None:
    alarm = replace(ALARM, position=FLOOD.position, cleared_at=START + timedelta(hours=1))
    finding = replace(FLOOD, candidates=(Candidate("P-1", 0.6), Candidate("P-2", 0.3)))
    words = text.body(
        happening(alarm=alarm, finding=finding), "zh", level_reason="depth-yellow", link="https://ops.example/alarms/7"
    )
    for part in ("黄色 III级", "depth-yellow", "人民大街下穿桥（长春）", "125.32000", "20 厘米", "2026-07-20 16:00:00",
                 "2026-07-20 17:00:00", "90%", "P-1（60%）、P-2（30%）", "P6.5", "https://ops.example/alarms/7",
                 "警报编号：7，版本 2"):  # fmt: skip
        assert part in words
    assert "None" not in words
    assert "操作人" not in words


def test_good_news_says_so_and_who_brought_it() -> None:
    cancelled = happening(AlarmAction.CANCEL, actor="王芳", note="演练\n结束", reason="exercise")
    assert text.subject_line(cancelled, "zh") == "【已取消】积水"
    assert text.subject_line(happening(), "en") == "[YELLOW III] water"
    assert text.subject_line(happening(AlarmAction.ESCALATE), "en") == "[YELLOW III ESCALATED] water"
    words = text.body(cancelled, "zh", level_reason="", link="")
    assert "操作人：王芳\n说明：演练\n结束\n" in words
    assert "20 厘米" not in words


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=300)


@given(place=TEXTS, note=TEXTS, subject=TEXTS, link=TEXTS)
def test_whatever_people_write_a_title_is_one_line_and_a_note_is_whole(
    place: str, note: str, subject: str, link: str
) -> None:
    scene = replace(SCENE, sensor=Name(place, place))
    finding = replace(FLOOD, subject=subject, kind=FindingKind.OTHER)
    name = text.title(finding, scene)
    for one in (name.zh, name.en):
        assert one and one == " ".join(one.split())
        assert len(one) <= text.TITLE_LIMIT
    for language in text.LANGUAGES:
        seen = happening(alarm=replace(ALARM, title_zh=name.zh, title_en=name.en), note=note, scene=scene)
        line = text.subject_line(seen, language)
        assert line == " ".join(line.split())
        assert note in text.body(seen, language, level_reason="", link=link)


def test_bad_news_goes_to_the_channels_of_its_level_good_news_to_who_heard() -> None:
    channels = [channel("all"), channel("grave", "orange"), channel("gravest", "red")]
    orange = happening(alarm=replace(ALARM, level=Level.ORANGE))

    def told(one: text.Happening, *heard: str, policy: Policy = POLICY) -> tuple[Told, list[str]]:
        known = {(name, f"http://{name}.example") for name in heard}
        result = telling.tell(one, 5, policy=policy, channels=channels, heard=known, level_reason="", link="")
        return result.told, [draft.channel for draft in result.drafts]

    assert told(orange) == (Told.TOLD, ["all", "grave"])
    assert told(replace(orange, action=AlarmAction.CLEAR), "gravest") == (Told.TOLD, ["gravest"])
    assert told(replace(orange, action=AlarmAction.CANCEL)) == (Told.NOBODY_HEARD, [])
    assert told(replace(orange, action=AlarmAction.ACKNOWLEDGE)) == (Told.NOBODY_BY_POLICY, [])
    channels = channels[2:]
    assert told(orange) == (Told.NO_CHANNEL, [])


def test_keys_differ_by_event_channel_address_and_deployment_and_by_nothing_else() -> None:
    key = telling.idempotency_key
    first = key(ALARM, 5, channel())
    assert first == key(replace(ALARM, version=9, level=Level.RED, state=AlarmState.OPEN), 5, channel())
    others = {
        key(ALARM, 6, channel()),
        key(ALARM, 5, channel("other")),
        key(ALARM, 5, channel().model_copy(update={"address": "http://elsewhere"})),
        key(replace(ALARM, opened_at=START + timedelta(microseconds=1)), 5, channel()),
        key(replace(ALARM, subject="flood:CC-WD-04"), 5, channel()),
    }
    assert len(others | {first}) == 6


def test_the_document_is_plain_json_and_urgency_puts_red_first_and_good_news_last() -> None:
    def draft(action: AlarmAction, level: Level) -> Draft:
        seen = happening(action, alarm=replace(ALARM, level=level), finding=replace(FLOOD, depth_m=float("inf")))
        heard = {("ops", "http://ops.example")}
        return telling.tell(
            seen, 5, policy=POLICY, channels=[channel()], heard=heard, level_reason="depth-red", link=""
        ).drafts[0]

    red = draft(AlarmAction.OPEN, Level.RED)
    document = json.loads(json.dumps(red.payload, allow_nan=False))
    assert document["idempotency_key"] == red.idempotency_key
    assert document["alarm"]["depth_m"] is None
    assert (document["link"], document["body"]) == (None, red.body)
    assert red.urgency == 1 < draft(AlarmAction.ESCALATE, Level.BLUE).urgency < GOOD_NEWS
    assert draft(AlarmAction.CLEAR, Level.RED).urgency == GOOD_NEWS
