"""Nobody answers: the line is called one after the other, links answer once, and silence is an alarm of its own."""

import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from alerts.decider import Decider
from alerts.inforce import Rules
from alerts.policy import BUILT_IN
from lifeline.alarm import AlarmAction, AlarmState, Level
from lifeline.answer_link import AnswerLink, AnswerLinkError, Refusal, sign, verify
from lifeline.asset import Name
from lifeline.clock import SetClock
from lifeline.errors import SettingsError
from lifeline.finding import FindingKind, Phase
from lifeline.settings import Settings
from lifeline.store import alarms, answers, audit, bulletins, dispatch, duty, findings, notices, warnings
from lifeline.store.answers import Outcome
from lifeline.store.pool import Store
from lifeline.warning import Hazard, WeatherWarning
from lifeline.work_order import Material, OrderAction
from tests.alert_parts import FLOOD, START, later, load_city

SECRET = "sixteen or more characters"
ROSTER = """
format = 1
version = "test"
timezone = "Asia/Shanghai"
source = "test"
[[person]]
id = "wang"
name = { zh = "王芳", en = "Wang Fang" }
contacts = [{ channel = "mail", address = "wang@city.example" }, { channel = "bot", address = "群" }]
[[person]]
id = "li"
name = { zh = "李明", en = "Li Ming" }
contacts = [{ channel = "mail", address = "li@city.example" }]
[[person]]
id = "head"
name = { zh = "处长", en = "Head" }
contacts = [{ channel = "mail", address = "head@city.example" }]
[[person]]
id = "hq"
name = { zh = "市指挥部", en = "Headquarters" }
contacts = [{ channel = "mail", address = "hq@city.example" }]
[[shift]]
role = "duty"
from = "00:00"
until = "00:00"
people = ["wang", "li"]
[[shift]]
role = "department"
from = "00:00"
until = "00:00"
people = ["head"]
[[shift]]
role = "headquarters"
from = "00:00"
until = "00:00"
people = ["hq"]
"""


class Desk:
    """The decider with a roster, on a clock of its own; nothing is delivered, the outbox is looked at."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.roster = folder / "roster.toml"
        self.roster.write_text(ROSTER, encoding="utf-8")
        self.policy = folder / "policy.toml"
        self.policy.write_text(BUILT_IN.read_text(encoding="utf-8"), encoding="utf-8")
        channels: list[dict[str, Any]] = [
            {"name": "mail", "kind": "smtp", "address": "ops@city.example", "smtp_url": "smtp://127.0.0.1:1"},
            {"name": "bot", "kind": "webhook", "address": "http://127.0.0.1:1/"},
        ]
        self.settings = Settings(
            alerts={
                "channels": channels,
                "roster_file": str(self.roster),
                "policy_file": str(self.policy),
                "answer_secret": SecretStr(SECRET),
                "console_url": "https://ops.example",
            }
        )
        self.clock = SetClock(START)
        self.rules = Rules(self.settings.alerts, store)
        self.decider = Decider(store, self.settings, self.rules, self.clock)

    def found(self, *made: Any) -> None:
        findings.commit(self.store, list(made), now=self.clock.now())
        self.work()

    def work(self) -> None:
        while self.decider.work():
            pass

    def wait(self, seconds: float, *, step: float = 15.0) -> None:
        for _ in range(int(seconds / step)):
            self.clock.advance(step)
            self.work()

    def called(self) -> list[tuple[str, str]]:
        (alarm,) = [a for a in alarms.alarms(self.store, live_only=True) if a.kind is FindingKind.FLOOD]
        return [(call.person, call.reason) for call in duty.calls_of(self.store, alarm.alarm_id)]

    def notices(self, address: str) -> list[Any]:
        with self.store.transaction() as connection:
            return connection.execute(
                "SELECT body, subject_line, payload, fallbacks FROM notice WHERE address = %s ORDER BY notice_id",
                (address,),
            ).fetchall()

    def link(self, address: str) -> uuid.UUID:
        """The newest link that was sent to an address."""
        url: str = self.notices(address)[-1].payload["answer"]
        return verify(url.rsplit("/", 1)[1], SECRET, self.clock.now()).link_id


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    load_city(store)
    return Desk(store, tmp_path)


RED = replace(FLOOD, depth_m=0.5)


def test_the_line_is_called_one_after_the_other_and_silence_is_an_alarm(desk: Desk) -> None:
    desk.found(RED)
    assert desk.called() == [("wang", "on-duty")]
    assert desk.notices("wang@city.example")[0].fallbacks == [{"channel": "bot", "address": "群"}]
    desk.wait(119, step=119)
    assert len(desk.called()) == 1
    desk.wait(361)
    assert desk.called() == [
        ("wang", "on-duty"), ("li", "unanswered"), ("head", "unanswered"), ("hq", "unanswered"),
    ]  # fmt: skip
    assert "请接手" in desk.notices("li@city.example")[0].subject_line
    desk.wait(150)
    (silence,) = [a for a in alarms.alarms(desk.store, live_only=True) if a.kind is FindingKind.UNANSWERED]
    assert (silence.level, silence.subject) == (Level.RED, "unanswered:220100")
    outcome, _ = answers.answer(
        desk.store, desk.link("hq@city.example"), takes=True, remote="10.0.0.1", now=desk.clock.now()
    )
    assert outcome is Outcome.TAKEN
    desk.wait(30)
    assert alarms.alarm(desk.store, silence.alarm_id).cleared_at is not None, "somebody has answered"
    (flood,) = [a for a in alarms.alarms(desk.store, live_only=True) if a.kind is FindingKind.FLOOD]
    assert flood.state is AlarmState.ACKNOWLEDGED
    assert alarms.events(desk.store, flood.alarm_id)[-1].actor == "市指挥部"
    assert audit.verify(desk.store).sound


def test_a_link_answers_once_and_an_acknowledgement_without_consequence_lapses(desk: Desk) -> None:
    desk.found(RED)
    link_id = desk.link("wang@city.example")
    link, (alarm,) = answers.look(desk.store, link_id)
    assert (link.name, alarm.state) == ("王芳", AlarmState.OPEN), "looking changes nothing"
    assert answers.answer(desk.store, link_id, takes=True, remote="r", now=desk.clock.now())[0] is Outcome.TAKEN
    with pytest.raises(AnswerLinkError) as refusal:
        answers.answer(desk.store, link_id, takes=True, remote="r", now=desk.clock.now())
    assert refusal.value.refusal is Refusal.USED
    answers.refused(desk.store, refusal.value, remote="r", now=desk.clock.now())
    assert [one.outcome for one in answers.answers(desk.store)] == ["used", "taken"]
    desk.wait(585)
    assert alarms.alarm(desk.store, alarm.alarm_id).state is AlarmState.ACKNOWLEDGED
    desk.wait(45)
    assert alarms.alarm(desk.store, alarm.alarm_id).state is AlarmState.OPEN
    assert alarms.events(desk.store, alarm.alarm_id)[-1].reason == "nothing-followed"
    desk.wait(150)
    assert ("li", "unanswered") in desk.called(), "the line begins again"


def test_who_cannot_come_has_the_next_one_called_at_once(desk: Desk) -> None:
    desk.found(RED)
    desk.wait(15)
    assert answers.answer(desk.store, desk.link("wang@city.example"), takes=False, remote="r", now=desk.clock.now())[
        0
    ] is (Outcome.DECLINED)
    desk.work()
    assert desk.called() == [("wang", "on-duty"), ("li", "declined")]
    alarm = alarms.alarms(desk.store, live_only=True)[0]
    alarms.act(desk.store, alarm.alarm_id, AlarmAction.DISPATCH, actor="李明", version=alarm.version,
               now=desk.clock.now(), reason="person")  # fmt: skip
    link = desk.link("li@city.example")
    assert answers.answer(desk.store, link, takes=True, remote="r", now=desk.clock.now()) == (Outcome.TOO_LATE, [])


def test_wrong_links_are_refused() -> None:
    link = AnswerLink(uuid.uuid4(), START + timedelta(hours=1))
    token = sign(link, SECRET)
    assert verify(token, SECRET, START) == link
    for wrong, refusal in (
        (token[:-1] + ("A" if token[-1] != "A" else "B"), Refusal.FORGED),
        (sign(link, SECRET + "x"), Refusal.FORGED),
        ("", Refusal.FORGED),
        ("é" * 51, Refusal.FORGED),
        (token + "A", Refusal.FORGED),
    ):
        with pytest.raises(AnswerLinkError) as refused:
            verify(wrong, SECRET, START)
        assert refused.value.refusal is refusal
    with pytest.raises(AnswerLinkError) as refused:
        verify(token, SECRET, START + timedelta(hours=1))
    assert refused.value.refusal is Refusal.EXPIRED
    with pytest.raises(AnswerLinkError):
        verify(token, "", START)


def test_a_storm_calls_a_person_about_all_of_it(desk: Desk) -> None:
    desk.found(*(replace(FLOOD, subject=f"flood:{n}") for n in range(120)))
    desk.wait(3600)
    own = desk.notices("li@city.example")
    assert 1 <= len(own) <= 3, "yellow: after 15 minutes, together"
    assert sum(len(one.payload["events"]) for one in own) >= 120
    assert "另有" in own[0].body


def test_a_bad_file_names_its_line_and_changes_nothing_also_after_a_restart(desk: Desk) -> None:
    desk.work()
    sound = desk.roster.read_text(encoding="utf-8")
    desk.roster.write_text(sound.replace('from = "00:00"', 'from = "25:00"', 1), encoding="utf-8")
    desk.policy.write_text(desk.policy.read_text(encoding="utf-8").replace('"blue"', '"green"', 1), encoding="utf-8")
    desk.work()
    assert desk.rules.roster is not None
    said = " ".join(desk.rules.faults)
    assert "policy.toml:16:1: rule.0.slight" in said
    assert "shift.0.from" in said
    desk.found(RED)
    assert desk.called() == [("wang", "on-duty")]
    again = Rules(desk.settings.alerts, desk.store)
    assert again.roster == desk.rules.roster, "what was in force is, after a restart with a bad file too"
    assert len(again.faults) == 2
    desk.roster.write_text(sound.replace('"wang", "li"', '"li", "wang"'), encoding="utf-8")
    desk.work()
    assert desk.rules.roster.shift[0].people == ("li", "wang"), "taken up without a restart"
    with pytest.raises(SettingsError, match=r"rule\.0\.slight"):
        desk.roster.write_text(sound.replace('from = "00:00"', 'from = "25:00"', 1), encoding="utf-8")
        Rules(desk.settings.alerts, None)


def test_a_rainstorm_warning_raises_floods_and_only_while_it_is_in_force(desk: Desk) -> None:
    warning = WeatherWarning(
        "w-1", "met", Hazard.RAINSTORM, Level.RED, "Actual", "Alert", ("220100",), START, START,
        START + timedelta(hours=3), "暴雨红色预警",
    )  # fmt: skip
    desk.found(replace(FLOOD, subject="flood:dry"))
    assert warnings.put(desk.store, warning, content="<x/>", by="王芳", now=START)
    assert not warnings.put(desk.store, warning, content="<x/>", by="王芳", now=START), "the same again"
    desk.clock.advance(30)
    desk.found(later(replace(FLOOD, subject="flood:wet", began_at=START), 30, phase=Phase.ONSET))
    by_subject = {a.subject: a for a in alarms.alarms(desk.store, live_only=True)}
    assert by_subject["flood:dry"].level is Level.YELLOW
    assert by_subject["flood:wet"].level is Level.ORANGE
    with desk.store.transaction() as connection:
        reasons = [row.level_reason for row in connection.execute("SELECT level_reason FROM finding_decision")]
    assert reasons == ["depth-yellow", "depth-orange+rainstorm"]
    lifted = replace(
        warning, identifier="w-2", msg_type="Cancel", sent=START + timedelta(seconds=60), references=("w-1",)
    )
    warnings.put(desk.store, lifted, content="<x/>", by="王芳", now=desk.clock.now())
    desk.clock.advance(60)
    desk.found(later(replace(FLOOD, subject="flood:after"), 90, phase=Phase.ONSET))
    after = next(a for a in alarms.alarms(desk.store, live_only=True) if a.subject == "flood:after")
    assert after.level is Level.YELLOW


def test_the_public_is_told_as_an_exercise_until_somebody_signs(desk: Desk) -> None:
    def feed(status: str | None = None) -> list[tuple[str, str, str]]:
        published = bulletins.feed(desk.store, now=desk.clock.now(), in_force=False, status=status)
        return [(one.status, one.msg_type, one.approved_by) for one in reversed(published)]

    desk.found(RED)
    assert feed() == [("Exercise", "Alert", "")]
    (one,) = bulletins.feed(desk.store, now=desk.clock.now())
    assert one.headline.startswith("【演练】")
    bulletins.approve(desk.store, one.alarm_id, by="张局长", now=desk.clock.now())
    desk.work()
    assert feed("Actual") == [("Actual", "Alert", "张局长")]
    desk.clock.advance(700)
    desk.found(later(RED, 700, depth_m=0.3))
    desk.clock.advance(60)
    desk.found(later(RED, 760, phase=Phase.END, depth_m=0.0))
    desk.wait(200)
    assert [one[1] for one in feed("Exercise")] == ["Alert", "Update", "Cancel"]
    assert len(feed("Actual")) == 1, "nothing is meant without a signature"
    bulletins.approve(desk.store, one.alarm_id, by="张局长", now=desk.clock.now())
    desk.work()
    assert [kind for _, kind, _ in feed("Actual")] == ["Alert", "Cancel"]
    assert bulletins.feed(desk.store, now=desk.clock.now()) == []
    bulletins.approve(desk.store, one.alarm_id, by="张局长", now=desk.clock.now())
    desk.work()
    assert len(feed("Actual")) == 2, "there is nothing to say"


def test_what_flickers_is_held_back_and_what_lasts_is_told(desk: Desk) -> None:
    fault = replace(FLOOD, subject="fault:A", kind=FindingKind.SENSOR_FAULT, depth_m=None)
    desk.found(fault)
    (held,) = alarms.alarms(desk.store, live_only=True)
    assert held.state is AlarmState.CANDIDATE
    desk.clock.advance(10)
    desk.found(later(fault, 10, phase=Phase.END))
    assert alarms.alarm(desk.store, held.alarm_id).state is AlarmState.CLOSED
    assert desk.notices("ops@city.example") == []
    began = desk.clock.now() + timedelta(hours=2)
    desk.clock.set(began)
    desk.found(replace(fault, began_at=began, detected_at=began))
    desk.wait(75)
    assert len(desk.notices("ops@city.example")) == 1
    assert alarms.alarms(desk.store, live_only=True)[0].state is AlarmState.OPEN


def test_a_crew_is_told_once_of_each_offer_at_the_contact_of_its_pack(desk: Desk) -> None:
    with desk.store.transaction() as connection:
        connection.execute(
            """INSERT INTO crew (crew_id, city_code, name_zh, name_en, district, lon, lat, skills, people, contact)
               VALUES ('CC-CR-1', '220100', '一队', 'Crew 1', '220102', 125.3, 43.9, '{flood}', 4,
                   'mailto:cr-1@city.example?subject=x'),
                   ('CC-CR-2', '220100', '二队', 'Crew 2', '220102', 125.3, 43.9, '{flood}', 4, 'tel:+86-431-1')"""
        )
    alerts = desk.settings.alerts.model_copy(update={"crew_channels": {"mailto": "mail"}})
    settings = desk.settings.model_copy(update={"alerts": alerts})
    desk.decider = Decider(desk.store, settings, desk.rules, desk.clock)
    desk.found(RED)
    (alarm,) = alarms.alarms(desk.store, live_only=True)
    pump = Material(Name("水泵", "pump"), "2")
    order = dispatch.open_order(
        desk.store, alarm.alarm_id, skills=("flood",), materials=(pump,), who="li", reason="r", now=desk.clock.now()
    )
    for crew in ("CC-CR-1", "CC-CR-2"):
        dispatch.offer(
            desk.store, order.order_id, crew_id=crew, answer_by=START + timedelta(minutes=5), minutes=7.0, reasons=(),
            who="li", now=desk.clock.now(),
        )  # fmt: skip
        desk.work()
        desk.wait(30)
        dispatch.by_system(
            desk.store, order.order_id, OrderAction.TIME_OUT, now=desk.clock.now(), reason="late", who="li"
        )
    (told,) = desk.notices("cr-1@city.example")
    assert told.subject_line.startswith(f"【派单 {order.order_id}】【红色 I级】")
    for words in ("一队：请接单", "7 分钟", "- 水泵 2", "2026-07-20 16:05:00", "https://ops.example/crew"):
        assert words in told.body, told.body
    assert told.payload["order"]["crew_id"] == "CC-CR-1"
    assert [one.address for one in notices.notices_of(desk.store, alarm.alarm_id)].count("cr-1@city.example") == 1
    assert desk.notices("+86-431-1") == [], "no channel takes such a contact"
    unknown = alerts.model_copy(update={"crew_channels": {"mailto": "nobody"}})
    with pytest.raises(SettingsError, match="nobody"):
        Decider(desk.store, desk.settings.model_copy(update={"alerts": unknown}), desk.rules, desk.clock)
