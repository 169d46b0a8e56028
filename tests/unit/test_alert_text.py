"""What people read: complete in both languages, one line where one line is asked for, nothing lost, nothing leaked."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import text
from alerts.policy import Audience, load
from alerts.telling import Case, Receiver, Told, idempotency_key, tell
from lifeline.alarm import Alarm, AlarmAction, AlarmState, Level
from lifeline.asset import Name
from lifeline.finding import Candidate, FindingKind
from lifeline.settings import ChannelSettings
from lifeline.store.notices import GOOD_NEWS
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
    for table in ("title", "kind"):
        assert {kind.value for kind in FindingKind} == text.catalogue("zh")[table].keys() - {"mixed"}
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
    link = "https://ops.example/alarms/7"
    words = text.body([happening(alarm=alarm, finding=finding, level_reason="depth-yellow", link=link)], "zh")
    for part in ("黄色 III级", "depth-yellow", "人民大街下穿桥（长春）", "125.32000", "20 厘米", "2026-07-20 16:00:00",
                 "2026-07-20 17:00:00", "90%", "P-1（60%）、P-2（30%）", "P6.5", "https://ops.example/alarms/7",
                 "警报编号：7，版本 2"):  # fmt: skip
        assert part in words
    assert "None" not in words
    assert "操作人" not in words


def test_good_news_says_so_and_who_brought_it() -> None:
    cancelled = happening(AlarmAction.CANCEL, actor="王芳", note="演练\n结束", reason="exercise")
    assert text.subject_line([cancelled], "zh") == "【已取消】积水"
    assert text.subject_line([happening()], "en") == "[YELLOW III] water"
    assert text.subject_line([happening(AlarmAction.ESCALATE)], "en") == "[YELLOW III ESCALATED] water"
    words = text.body([cancelled], "zh")
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
    for title in (name.zh, name.en):
        assert title and title == " ".join(title.split())
        assert len(title) <= text.TITLE_LIMIT
    for language in text.LANGUAGES:
        one = happening(alarm=replace(ALARM, title_zh=name.zh, title_en=name.en), note=note, scene=scene, link=link)
        for seen in ([one], [one, one]):
            line = text.subject_line(seen, language)
            assert line == " ".join(line.split())
            assert note in text.body(seen, language)
            assert link in text.body(seen, language)


def case(one: text.Happening, *heard: str, events: tuple[int, ...] = (5,)) -> Case:
    known = {(name, f"http://{name}.example") for name in heard}
    return Case(one, events, POLICY.audience(one.action), known)


def test_bad_news_goes_to_the_channels_of_its_level_good_news_to_who_heard() -> None:
    channels = [channel("all"), channel("grave", "orange"), channel("gravest", "red")]
    orange = happening(alarm=replace(ALARM, level=Level.ORANGE))
    over = replace(orange, action=AlarmAction.CLEAR)

    def told(one: Case) -> tuple[Told, list[str]]:
        telling = tell([one], [Receiver.of(each) for each in channels], group="g")
        return telling.told[5], [draft.channel for draft in telling.drafts]

    assert told(case(orange)) == (Told.TOLD, ["all", "grave"])
    assert told(case(orange, "gravest")) == (Told.TOLD, ["all", "grave", "gravest"]), "who heard hears on"
    assert told(case(over, "gravest")) == (Told.TOLD, ["gravest"])
    assert told(case(replace(orange, action=AlarmAction.CANCEL))) == (Told.NOBODY_HEARD, [])
    channels = channels[2:]
    assert told(case(orange)) == (Told.NO_CHANNEL, [])


def test_a_batch_is_one_notice_for_each_channel_about_what_reaches_it_the_gravest_first() -> None:
    levels = [Level.BLUE, Level.RED, Level.YELLOW, Level.ORANGE]
    cases = [
        case(
            happening(alarm=replace(ALARM, alarm_id=number, level=level, title_zh=f"积水{number}")),
            events=(number, 10 + number),
        )
        for number, level in enumerate(levels)
    ]
    over = happening(AlarmAction.CLEAR, alarm=replace(ALARM, alarm_id=4, level=Level.RED, title_zh="积水4"))
    cases.append(case(over, "all", events=(4,)))
    telling = tell(cases, [Receiver.of(channel("all")), Receiver.of(channel("grave", "orange"))], group="220100/flood")
    everything, grave = telling.drafts
    assert telling.told == dict.fromkeys((0, 1, 2, 3, 4, 10, 11, 12, 13), Told.TOLD)
    assert everything.subject_line == "【红色 I级】长春：4 处积水警报（红 1、橙 1、黄 1、蓝 1）"
    assert (everything.alarm_id, everything.urgency, everything.group_key) == (1, 1, "220100/flood")
    assert [event["alarm"]["alarm_id"] for event in everything.payload["events"]] == [1, 3, 2, 0, 4]
    places = [everything.body.index(f"积水{number}") for number in (1, 3, 2, 0, 4)]
    assert places == sorted(places)
    assert "5. 【已解除】积水4" in everything.body
    assert grave.event_ids == (1, 3, 11, 13)
    assert grave.subject_line == "【红色 I级】长春：2 处积水警报（红 1、橙 1）"
    assert text.subject_line([over, over], "en") == "[CLEARED] Changchun: 2 flood alarms"
    assert tell([cases[4]], [Receiver.of(channel("all"))], group="g").drafts[0].urgency == GOOD_NEWS


def test_keys_differ_by_event_channel_address_and_deployment_and_by_nothing_else() -> None:
    def key(alarm: Alarm = ALARM, events: tuple[int, ...] = (5,), to: ChannelSettings | None = None) -> str:
        return idempotency_key([case(happening(alarm=alarm), events=events)], Receiver.of(to or channel()))

    assert key() == key(replace(ALARM, version=9, level=Level.RED, state=AlarmState.OPEN))
    others = {
        key(events=(6,)),
        key(events=(5, 6)),
        key(to=channel("other")),
        key(to=channel().model_copy(update={"address": "http://elsewhere"})),
        key(replace(ALARM, opened_at=START + timedelta(microseconds=1))),
        key(replace(ALARM, subject="flood:CC-WD-04")),
    }
    assert len(others | {key()}) == 7


def test_the_document_is_plain_json_whatever_was_measured() -> None:
    seen = happening(alarm=ALARM, finding=replace(FLOOD, depth_m=float("inf")), level_reason="depth-red")
    (draft,) = tell([case(seen)], [Receiver.of(channel())], group="g").drafts
    document = json.loads(json.dumps(draft.payload, allow_nan=False))
    assert document["idempotency_key"] == draft.idempotency_key
    assert document["body"] == draft.body
    (event,) = document["events"]
    assert (event["alarm"]["depth_m"], event["link"]) == (None, None)
    (draft,) = tell([case(replace(seen, finding=None))], [Receiver.of(channel())], group="g").drafts
    assert draft.payload["events"][0]["finding"] is None
