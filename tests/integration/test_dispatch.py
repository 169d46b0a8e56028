"""Work orders on a real database: one per alarm, crew after crew, acts of phones done once, verified by another."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from alerts import dispatch, shelters_rules
from alerts.dispatch_desk import Desk
from lifeline.alarm import AlarmAction, AlarmState, Level
from lifeline.asset import Position
from lifeline.city.pack import load
from lifeline.errors import IllegalTransitionError, SettingsError, StaleVersionError
from lifeline.store import alarms, audit, crews, findings, work_orders
from lifeline.store import dispatch as offers_of
from lifeline.store.cities import load_pack
from lifeline.store.pool import Store
from lifeline.store.work_orders import act
from lifeline.work_order import OrderAction, OrderPhoto, OrderState, WorkOrder
from tests.alert_parts import FLOOD, START, later
from tests.field_parts import open_alarm
from tests.packs import write_tiny_pack

NOW = START + timedelta(minutes=1)
A = OrderAction
CREWS = (
    "crew_id,name_zh,name_en,district,lon,lat,skills,people,contact\n"
    "{p}-CR-1,一队,Crew 1,220100,{lon},43.88,{skills},4,x:1\n"
    "{p}-CR-2,二队,Crew 2,220100,{far},43.88,flood,4,x:2\n"
)


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    for code, prefix, lon in (("220100", "CC", 125.32), ("220300", "SP", 125.60)):
        folder = write_tiny_pack(tmp_path / prefix, code, prefix=prefix, lon=lon)
        text = CREWS.format(p=prefix, lon=lon, far=lon + 0.02, skills="leak" if prefix == "SP" else "flood;pump")
        (folder / "crews.csv").write_text(text, encoding="utf-8")
        load_pack(store, load(folder), now=START)
    return Desk(store, dispatch.load(dispatch.BUILT_IN), shelters_rules.load(shelters_rules.BUILT_IN))


def _dispatched(store: Store, desk: Desk) -> WorkOrder:
    alarm = open_alarm(store)
    alarms.act(store, alarm.alarm_id, AlarmAction.DISPATCH, actor="li", version=1, now=NOW, reason="by-person")
    for _ in range(3):
        desk.tick(NOW)
    (order,) = work_orders.orders(store, live_only=True)
    return order


def test_from_dispatch_to_closed_with_every_step_in_alarm_and_trail(store: Store, desk: Desk) -> None:
    order = _dispatched(store, desk)
    assert (order.state, order.crew_id, order.due_what) == (OrderState.OFFERED, "CC-CR-1", "answer")
    assert order.skills == ("pump", "flood")
    assert order.materials
    (offer,) = work_orders.offers(store, order.order_id)
    assert {"skilled", "shortest-way"} <= set(offer.reasons)
    steps = [(A.ACCEPT, "zhao"), (A.ARRIVE, "zhao"), (A.MITIGATE, "zhao"), (A.VERIFY, "qian"), (A.CLOSE, "qian")]
    for number, (action, who) in enumerate(steps, start=2):
        crew = "CC-CR-1" if who == "zhao" else None
        if action is A.VERIFY:
            for name, of_crew in (("zhao", None), ("sun", "CC-CR-1")):
                with pytest.raises(IllegalTransitionError, match="cannot verify"):
                    act(store, order.order_id, A.VERIFY, who=name, crew_id=of_crew, now=NOW)
        at = NOW + timedelta(minutes=number)
        done = act(store, order.order_id, action, who=who, crew_id=crew, now=at, note="完成" * 5000 + "\0\n")
        desk.tick(at)
    assert (done.state, done.doer, done.verifier) == (OrderState.CLOSED, "zhao", "qian")
    alarm = alarms.alarm(store, order.alarm_id)
    assert alarm.state is AlarmState.CLOSED
    trail = [entry.action for entry in audit.entries(store, subject=f"order:{order.order_id}")][::-1]
    assert trail == ["order.open", "order.offer", "order.accept", "order.arrive", "order.mitigate", "order.verify",
                     "order.close"]  # fmt: skip
    assert audit.verify(store).sound
    assert not desk.tick(NOW + timedelta(days=1))


def test_crew_after_crew_is_asked_and_nobody_is_left_out(store: Store, desk: Desk) -> None:
    order = _dispatched(store, desk)
    act(store, order.order_id, A.DECLINE, who="zhao", crew_id="CC-CR-1", now=NOW, note="车坏了")
    desk.tick(NOW)
    second = work_orders.order(store, order.order_id)
    assert second.crew_id == "CC-CR-2"
    with pytest.raises(IllegalTransitionError, match="not with crew CC-CR-1"):
        act(store, order.order_id, A.ACCEPT, who="zhao", crew_id="CC-CR-1", now=NOW)
    late = (second.due_at or NOW) + timedelta(seconds=1)
    desk.tick(late)
    third = work_orders.order(store, order.order_id)
    assert (third.state, third.crew_id) == (OrderState.OFFERED, "SP-CR-2"), "the neighbour's skilled crew"
    assert "across-border" in work_orders.offers(store, order.order_id)[-1].reasons
    desk.tick((third.due_at or NOW) + timedelta(seconds=1))
    offers = work_orders.offers(store, order.order_id)
    assert [offer.outcome for offer in offers] == ["declined", "timed-out", "timed-out", "waiting"]
    assert "asked-again" in offers[-1].reasons
    notes = [event.note for event in alarms.events(store, order.alarm_id) if event.action is AlarmAction.NOTE]
    assert any("车坏了" in note for note in notes)


def test_an_act_of_a_phone_is_done_once_however_often_it_is_sent(store: Store, desk: Desk) -> None:
    order = _dispatched(store, desk)
    key = uuid4()
    way: dict[str, Any] = {
        "who": "zhao",
        "crew_id": "CC-CR-1",
        "client_action_id": key,
        "done_at": NOW - timedelta(minutes=3),
    }
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(act(store, order.order_id, A.ACCEPT, now=NOW, **way)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.state for answer in answers] == [OrderState.ACCEPTED] * 4
    accepts = [e for e in work_orders.events(store, order.order_id) if e.action is A.ACCEPT]
    assert len(accepts) == 1
    assert work_orders.order(store, order.order_id).accepted_at == way["done_at"]
    with pytest.raises(IllegalTransitionError, match="used for something else"):
        act(store, order.order_id, A.ARRIVE, who="zhao", now=NOW, client_action_id=key)
    with pytest.raises(StaleVersionError):
        act(store, order.order_id, A.ARRIVE, who="zhao", now=NOW, version=1)
    photo = OrderPhoto(order.order_id, "ab" * 32, NOW, NOW, "zhao", "image/jpeg", 1000, Position(125.3, 43.9))
    assert [work_orders.add_photo(store, photo), work_orders.add_photo(store, photo)] == [True, False]
    assert work_orders.photos(store, order.order_id) == [photo]


def test_time_limits_and_their_breach_are_noted_once(store: Store, desk: Desk) -> None:
    order = _dispatched(store, desk)
    act(store, order.order_id, A.ACCEPT, who="zhao", now=NOW)
    desk.tick(NOW)
    due = work_orders.order(store, order.order_id)
    assert (due.due_what, due.due_at) == ("arrive", NOW + timedelta(minutes=60))
    for minutes in (61, 62, 63):
        desk.tick(NOW + timedelta(minutes=minutes))
    breaches = [e for e in work_orders.events(store, order.order_id) if e.action is A.BREACH]
    assert [(e.reason, e.who) for e in breaches] == [("arrive-late", "system:dispatch")]


def test_what_is_not_mended_goes_out_again(store: Store, desk: Desk) -> None:
    order = _dispatched(store, desk)
    for action in (A.ACCEPT, A.ARRIVE, A.MITIGATE):
        act(store, order.order_id, action, who="zhao", now=NOW)
    act(store, order.order_id, A.REJECT, who="qian", now=NOW, note="还在漏")
    assert alarms.alarm(store, order.alarm_id).state is AlarmState.DISPATCHED
    desk.tick(NOW)
    again = work_orders.order(store, order.order_id)
    assert (again.state, again.doer) == (OrderState.OFFERED, None)
    act(store, order.order_id, A.ACCEPT, who="zhao", now=NOW)
    act(store, order.order_id, A.HAND_BACK, who="zhao", now=NOW, note="缺泵")
    desk.tick(NOW)
    assert work_orders.order(store, order.order_id).crew_id == "CC-CR-2"


def test_the_order_follows_an_alarm_that_goes_on_by_hand(store: Store, desk: Desk) -> None:
    order = _dispatched(store, desk)
    alarm = alarms.alarm(store, order.alarm_id)
    for action in (AlarmAction.ACCEPT, AlarmAction.ARRIVE):
        alarm = alarms.act(store, alarm.alarm_id, action, actor="li", version=alarm.version, now=NOW, reason="by-hand")
    for _ in range(3):
        desk.tick(NOW)
    assert work_orders.order(store, order.order_id).state is OrderState.ON_SITE
    alarms.act(store, alarm.alarm_id, AlarmAction.CANCEL, actor="li", version=alarm.version, now=NOW, reason="false")
    desk.tick(NOW)
    ended = work_orders.order(store, order.order_id)
    assert ended.state is OrderState.CANCELLED
    assert work_orders.events(store, order.order_id)[-1].reason == "alarm-cancelled"


def test_two_dispatchers_make_one_order_and_one_offer(store: Store, desk: Desk) -> None:
    alarm = open_alarm(store)
    alarms.act(store, alarm.alarm_id, AlarmAction.DISPATCH, actor="li", version=1, now=NOW, reason="by-person")
    threads = [threading.Thread(target=desk.tick, args=(NOW,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.tick(NOW)
    (order,) = work_orders.orders(store, live_only=False)
    assert [offer.outcome for offer in work_orders.offers(store, order.order_id)] == ["waiting"]


def test_a_crew_is_asked_about_one_order_at_a_time(store: Store, desk: Desk) -> None:
    asked = _dispatched(store, desk)
    other = open_alarm(store, later(FLOOD, 1, subject="flood:CC-WD-09", phase=FLOOD.phase))
    made = offers_of.open_order(
        store, other.alarm_id, skills=[], materials=[], who="system:dispatch", reason="alarm-dispatched", now=NOW
    )
    with pytest.raises(IllegalTransitionError, match=f"asked about work order {asked.order_id}"):
        offers_of.offer(
            store, made.order_id, crew_id=str(asked.crew_id), answer_by=NOW, minutes=1.0, reasons=["skilled"],
            who="system:dispatch", now=NOW,
        )  # fmt: skip
    act(store, asked.order_id, A.ACCEPT, who="zhao", now=NOW)
    desk.tick(NOW)
    assert work_orders.order(store, made.order_id).crew_id not in (None, asked.crew_id), "rather one with less to do"


def test_crews_off_duty_are_not_asked(store: Store, desk: Desk) -> None:
    for crew_id in ("CC-CR-1", "CC-CR-2", "SP-CR-1", "SP-CR-2"):
        crews.set_presence(store, crew_id, on_duty=False, who="zhao", now=NOW, until=NOW + timedelta(hours=1))
    order = _dispatched(store, desk)
    assert (order.state, order.crew_id) == (OrderState.WAITING, None)
    desk.tick(NOW + timedelta(hours=2))
    assert work_orders.order(store, order.order_id).crew_id == "CC-CR-1", "the rest is over"


@pytest.mark.usefixtures("desk")
def test_levels_that_go_out_unasked(store: Store, tmp_path: Path) -> None:
    text = dispatch.BUILT_IN.read_text(encoding="utf-8").replace('level = ""', 'level = "orange"', 1)
    path = tmp_path / "dispatch.toml"
    path.write_text(text, encoding="utf-8")
    own = Desk(store, dispatch.load(path), shelters_rules.load(shelters_rules.BUILT_IN))
    red = open_alarm(store, level=Level.RED)
    open_alarm(store, later(FLOOD, 1, subject="flood:CC-WD-09", phase=FLOOD.phase), level=Level.YELLOW)
    for _ in range(3):
        own.tick(NOW)
    (order,) = work_orders.orders(store, live_only=True)
    assert order.alarm_id == red.alarm_id
    assert alarms.alarm(store, red.alarm_id).state is AlarmState.DISPATCHED
    assert findings.latest_of_subject(store, "flood:CC-WD-09") is not None


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("answer_min = 2.0", "answer_min = -1", r"dispatch\.toml:1[0-9]:.*answer_min"),
        ('skills = ["leak", "valve"]', 'skills = ["magic"]', "skills"),
        ('kind = "other"', 'kind = "gas"', "kind"),
        ('level = ""', 'level = "pink"', "level"),
        ("[crews]", "[crews", r"dispatch\.toml:\d+"),
    ],
)
def test_a_fault_in_the_rules_is_named(tmp_path: Path, old: str, new: str, place: str) -> None:
    path = tmp_path / "dispatch.toml"
    path.write_text(dispatch.BUILT_IN.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError, match=place):
        dispatch.load(path)
