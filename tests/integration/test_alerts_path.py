"""From the finding's row to the receivers and back: the alerts stage on the real database, HTTP and SMTP."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.engine import run
from lifeline.alarm import Alarm, AlarmAction, AlarmState, Level
from lifeline.clock import SystemClock
from lifeline.errors import IllegalTransitionError, NotFoundError, StaleVersionError
from lifeline.finding import FindingKind, Phase
from lifeline.settings import Settings
from lifeline.store import alarms, audit, findings, silences, stages
from lifeline.store.notices import NoticeState, notices_of
from lifeline.store.pool import Store
from tests.alert_parts import FLOOD, MailReceiver, WebReceiver, changed_policy, eventually, later, load_city

FAST = {"first_backoff_s": 0.05, "longest_backoff_s": 0.2, "poll_s": 0.1, "delivery_timeout_s": 2.0}


def settings_for(database_url: str, *channels: Mapping[str, object], **alerts: object) -> Settings:
    return Settings(
        database_url=database_url,
        alerts={**FAST, "channels": list(channels), "console_url": "https://ops.example/", **alerts},
    )


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    """The stage in a thread; what breaks it breaks the test."""
    stop = threading.Event()
    broken: list[BaseException] = []

    def stage() -> None:
        try:
            run(settings, stop=stop, clock=SystemClock())
        except BaseException as error:
            broken.append(error)

    thread = threading.Thread(target=stage)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert broken == []


def acted(store: Store, alarm: Alarm, action: AlarmAction, **given: Any) -> Alarm:
    """What 王芳 does to the alarm as she sees it."""
    given = {"reason": "seen", **given}
    return alarms.act(
        store, alarm.alarm_id, action, actor="王芳", version=alarm.version, now=datetime.now(UTC), **given
    )


def events_of(web: WebReceiver) -> list[Any]:
    """Every event that the receiver took, in the order of the notices."""
    return [event for post in web.taken() for event in post.json["events"]]


def decision_of(store: Store, finding_id: int) -> tuple[str, str] | None:
    with store.transaction() as connection:
        row = connection.execute(
            "SELECT step, reason FROM finding_decision WHERE finding_id = %s", (finding_id,)
        ).fetchone()
        return None if row is None else (row.step, row.reason)


@pytest.fixture
def quick_policy(tmp_path: Path) -> str:
    """The built-in policy with the waiting taken out."""
    return changed_policy(tmp_path, settle_s=0.3, lower_after_s=5.0, most=100)


@pytest.fixture
def web() -> Iterator[WebReceiver]:
    with WebReceiver() as receiver:
        yield receiver


@pytest.fixture
def mail() -> Iterator[MailReceiver]:
    with MailReceiver() as receiver:
        yield receiver


def both(web: WebReceiver, mail: MailReceiver) -> list[dict[str, object]]:
    return [
        {"name": "ops", "kind": "webhook", "address": web.url, "language": "en"},
        {"name": "duty", "kind": "smtp", "address": "duty@city.example", "smtp_url": mail.url},
    ]


def test_a_finding_becomes_one_alarm_that_both_channels_hear_of(
    database_url: str, store: Store, web: WebReceiver, mail: MailReceiver
) -> None:
    with running(settings_for(database_url, *both(web, mail))):
        findings.commit(store, [FLOOD], now=datetime.now(UTC))
        eventually(lambda: web.taken() and mail.mails)
        findings.commit(store, [later(FLOOD, 60, depth_m=0.25)], now=datetime.now(UTC))
        (alarm,) = eventually(lambda: [a for a in alarms.alarms(store, live_only=True) if a.finding_id == 2])
        eventually(lambda: all(n.state is NoticeState.DELIVERED for n in notices_of(store, alarm.alarm_id)))
        beat = eventually(lambda: [b for b in stages.stages(store) if b.stage == "alerts"])[0]
    assert alarm.subject == FLOOD.subject
    assert (alarm.state, alarm.level, alarm.version) == (AlarmState.OPEN, Level.YELLOW, 1)
    assert beat.detail["dead"] == 0
    (post,) = web.taken()
    (told,) = post.json["events"]
    assert told["alarm"]["alarm_id"] == alarm.alarm_id
    assert (told["event"], told["alarm"]["level"]) == ("open", "yellow")
    assert told["link"] == f"https://ops.example/alarms/{alarm.alarm_id}"
    assert post.key == post.json["idempotency_key"]
    (letter,) = mail.mails
    assert "黄色" in letter["Subject"]
    assert "P6.5" in letter.get_content()
    assert [n.attempts for n in notices_of(store, alarm.alarm_id)] == [1, 1]


def test_worse_is_told_better_is_not_and_the_end_is_told_and_closed_when_it_has_settled(
    database_url: str, store: Store, web: WebReceiver, mail: MailReceiver, quick_policy: str
) -> None:
    load_city(store)
    with running(settings_for(database_url, *both(web, mail), policy_file=quick_policy)):
        findings.commit(store, [FLOOD], now=datetime.now(UTC))
        eventually(lambda: len(web.taken()) == 1)
        (alarm,) = alarms.alarms(store, live_only=True)
        assert alarm.title_zh == "人民大街下穿桥：积水 20 厘米"
        alarm = acted(store, alarm, AlarmAction.ACKNOWLEDGE, note="已派人查看\n第二行")
        assert alarm.state is AlarmState.ACKNOWLEDGED
        findings.commit(store, [later(FLOOD, 30, depth_m=0.5)], now=datetime.now(UTC))
        eventually(lambda: len(web.taken()) == 2)
        alarm = alarms.alarm(store, alarm.alarm_id)
        assert (alarm.level, alarm.state) == (Level.RED, AlarmState.OPEN)
        findings.commit(store, [later(FLOOD, 40, depth_m=0.16)], now=datetime.now(UTC))
        eventually(lambda: alarms.alarm(store, alarm.alarm_id).level is Level.YELLOW)
        findings.commit(store, [later(FLOOD, 900, phase=Phase.END, depth_m=0.0)], now=datetime.now(UTC))
        eventually(lambda: len(web.taken()) == 3 and len(mail.mails) == 3)
        alarm = alarms.alarm(store, alarm.alarm_id)
        assert alarm.state is AlarmState.OPEN, "nobody has acknowledged the red level: it stays on the list"
        acted(store, alarm, AlarmAction.ACKNOWLEDGE)
        eventually(lambda: not alarms.alarms(store, live_only=True))
        findings.commit(store, [later(FLOOD, 960, phase=Phase.ONSET, began_at=later(FLOOD, 960).detected_at)],
                        now=datetime.now(UTC))  # fmt: skip
        eventually(lambda: len(web.taken()) == 4)
    history = alarms.events(store, alarm.alarm_id)
    assert [(e.action.value, e.reason, e.told) for e in history] == [
        ("open", "new", "told"),
        ("acknowledge", "seen", "nobody-by-policy"),
        ("escalate", "level-rose", "told"),
        ("lower", "level-fell", "nobody-by-policy"),
        ("clear", "condition-ended", "told"),
        ("acknowledge", "seen", "nobody-by-policy"),
        ("close", "over-and-seen", "nobody-by-policy"),
    ]
    assert history[1].note == "已派人查看\n第二行"
    assert [told["alarm"]["level_reason"] for told in events_of(web)[:3]] == [
        "depth-yellow", "depth-red", "depth-yellow",
    ]  # fmt: skip
    assert [told["reason"] for told in events_of(web)] == ["new", "level-rose", "condition-ended", "returned"]
    assert mail.mails[2]["Subject"].startswith("【已解除】")
    (again,) = alarms.alarms(store, live_only=True)
    assert again.alarm_id != alarm.alarm_id
    assert len({post.key for post in web.posts}) == 4


def test_a_cancelled_alarm_is_taken_back_where_it_was_told(
    database_url: str, store: Store, web: WebReceiver, mail: MailReceiver
) -> None:
    channels = both(web, mail)
    channels[1] |= {"min_level": "red"}
    with running(settings_for(database_url, *channels)):
        findings.commit(store, [FLOOD], now=datetime.now(UTC))
        eventually(web.taken)
        (alarm,) = alarms.alarms(store, live_only=True)
        acted(store, alarm, AlarmAction.CANCEL, reason="exercise", note="演练 " + "长" * 10_000)
        eventually(lambda: len(web.taken()) == 2)
        findings.commit(store, [later(FLOOD, 60)], now=datetime.now(UTC))
        eventually(lambda: decision_of(store, 2))
    assert decision_of(store, 2) == ("ignore", "ended-by-person")
    assert [told["event"] for told in events_of(web)] == ["open", "cancel"]
    assert events_of(web)[1]["note"] == "演练 " + "长" * 10_000
    assert mail.mails == []


def test_what_no_detector_of_ours_wrote_is_told_and_stops_nothing(
    database_url: str, store: Store, web: WebReceiver, quick_policy: str
) -> None:
    """An unknown kind, and a row that cannot be read at all."""
    with store.transaction() as connection:
        for subject, phase, candidates in [
            ("gas:CC-G-01", "onset", "[]"),
            ("torn", "onset", '[{"pipe": 1}]'),
            ("torn", "end", '"x"'),
        ]:
            connection.execute(
                """INSERT INTO finding (subject, kind, phase, city_code, detector, reason, began_at, detected_at,
                       stored_at, probability, sensor_ids, candidates, explanation)
                   VALUES (%s, 'gas-leak', %s, '220100', 'gas', 'ppm', now(), now(), now(), 0.9, '{}', %s, '{}')""",
                (subject, phase, candidates),
            )
    findings.commit(store, [FLOOD], now=datetime.now(UTC))
    ops = {"name": "ops", "kind": "webhook", "address": web.url}
    with running(settings_for(database_url, ops, policy_file=quick_policy)):
        eventually(lambda: len(web.taken()) == 4)
    live = {alarm.subject: alarm for alarm in alarms.alarms(store, live_only=True)}
    assert {alarm.level for alarm in live.values()} == {Level.YELLOW}
    assert "gas:CC-G-01" in live["gas:CC-G-01"].title_zh
    assert live["torn"].cleared_at is not None
    assert FLOOD.subject in live
    assert [told["event"] for told in events_of(web)] == ["open", "open", "open", "clear"]


def test_two_operators_cannot_overwrite_each_other(database_url: str, store: Store) -> None:
    with running(settings_for(database_url)):
        findings.commit(store, [FLOOD], now=datetime.now(UTC))
        (alarm,) = eventually(lambda: alarms.alarms(store, live_only=True))
    outcomes: list[object] = []
    together = threading.Barrier(8)

    def operator(number: int) -> None:
        together.wait()
        try:
            outcomes.append(acted(store, alarm, AlarmAction.ACKNOWLEDGE, note=str(number)))
        except StaleVersionError as error:
            outcomes.append(error)

    operators = [threading.Thread(target=operator, args=(number,)) for number in range(8)]
    for one in operators:
        one.start()
    for one in operators:
        one.join()
    assert sum(isinstance(outcome, StaleVersionError) for outcome in outcomes) == 7
    now = alarms.alarm(store, alarm.alarm_id)
    assert now.version == 2 == len(alarms.events(store, alarm.alarm_id))
    with pytest.raises(IllegalTransitionError, match="cannot arrive"):
        acted(store, now, AlarmAction.ARRIVE)
    with pytest.raises(IllegalTransitionError, match="only the alerts stage"):
        acted(store, now, AlarmAction.ESCALATE)
    with pytest.raises(IllegalTransitionError, match="until when"):
        acted(store, now, AlarmAction.SHELVE)
    with pytest.raises(NotFoundError, match="no alarm 4711"):
        alarms.alarm(store, 4711)
    assert alarms.alarm(store, alarm.alarm_id) == now, "what was refused changed nothing"


def test_a_shelved_alarm_opens_again_by_itself(
    database_url: str, store: Store, web: WebReceiver, quick_policy: str
) -> None:
    ops = {"name": "ops", "kind": "webhook", "address": web.url, "language": "zh"}
    with running(settings_for(database_url, ops, policy_file=quick_policy)):
        findings.commit(store, [FLOOD], now=datetime.now(UTC))
        (alarm,) = eventually(lambda: alarms.alarms(store, live_only=True))
        until = datetime.now(UTC) + timedelta(seconds=1)
        shelved = acted(store, alarm, AlarmAction.SHELVE, until=until)
        assert (shelved.state, shelved.shelved_until) == (AlarmState.SHELVED, until)
        eventually(lambda: len(web.taken()) == 2)
    (alarm,) = alarms.alarms(store, live_only=True)
    assert (alarm.state, alarm.shelved_until) == (AlarmState.OPEN, None)
    assert events_of(web)[1]["event"] == "unshelve"


def test_a_storm_is_told_in_few_notices_that_leave_nobody_out(
    database_url: str, store: Store, web: WebReceiver, mail: MailReceiver, tmp_path: Path
) -> None:
    load_city(store)
    storm = changed_policy(tmp_path, most=2, gap_s=3.0, urgent_wait_s=0.2)
    channels = both(web, mail)
    channels[1] |= {"min_level": "red"}
    with running(settings_for(database_url, *channels, policy_file=storm)):
        for number in range(40):
            depth_m = 0.5 if number == 20 else 0.2
            flood = replace(FLOOD, subject=f"flood:{number}", depth_m=depth_m)
            findings.commit(store, [flood], now=datetime.now(UTC))
        eventually(lambda: len(events_of(web)) == 40)
        eventually(lambda: mail.mails)
    assert len(web.posts) <= 8, [len(post.json["events"]) for post in web.posts]
    assert {event["alarm"]["subject"] for event in events_of(web)} == {f"flood:{number}" for number in range(40)}
    assert len(mail.mails) == 1
    assert "红色" in mail.mails[0]["Subject"]
    red = next(alarm for alarm in alarms.alarms(store, live_only=True) if alarm.level is Level.RED)
    assert {notice.channel for notice in notices_of(store, red.alarm_id)} == {"ops", "duty"}
    assert {event.told for event in alarms.events(store, red.alarm_id)} == {"told"}


def test_a_backlog_explains_silent_sensors_until_it_ends(
    database_url: str, store: Store, web: WebReceiver, quick_policy: str
) -> None:
    backlog = replace(FLOOD, subject="backlog:ingest", kind=FindingKind.BACKLOG, depth_m=None)
    silent = [replace(backlog, subject=f"silent:{n}", kind=FindingKind.SENSOR_SILENT) for n in range(3)]
    ops = {"name": "ops", "kind": "webhook", "address": web.url}
    with running(settings_for(database_url, ops, policy_file=quick_policy)):
        findings.commit(store, [backlog], now=datetime.now(UTC))
        eventually(lambda: len(events_of(web)) == 1)
        findings.commit(store, silent, now=datetime.now(UTC))
        findings.commit(store, [later(silent[0], 10, phase=Phase.END)], now=datetime.now(UTC))
        eventually(lambda: told_of(store, silent[0].subject).count("explained") == 2)
        assert len(events_of(web)) == 1
        findings.commit(store, [later(backlog, 20, phase=Phase.END)], now=datetime.now(UTC))
        eventually(lambda: len(events_of(web)) == 4)
    assert told_of(store, silent[1].subject) == ["explained", "nobody-by-policy", "told"]
    assert [event["alarm"]["kind"] for event in events_of(web)].count("sensor-silent") == 2


def test_a_silence_keeps_quiet_what_opens_but_never_red_and_is_told_of_when_it_ends(
    database_url: str, store: Store, web: WebReceiver, quick_policy: str
) -> None:
    load_city(store)
    now = datetime.now(UTC)
    silence = silences.add(
        store, sensor_id="CC-WD-03", until=now + timedelta(hours=2), why="being calibrated", by="王芳", now=now
    )
    with pytest.raises(IllegalTransitionError):
        silences.add(store, sensor_id="CC-WD-03", until=now + timedelta(hours=2), why=" ", by="王芳", now=now)
    with pytest.raises(NotFoundError):
        silences.add(store, zone_id="nowhere", until=now + timedelta(hours=2), why="works", by="王芳", now=now)
    alone, seen_by_two, red = (
        replace(FLOOD, subject=f"flood:{n}", began_at=now, detected_at=now, depth_m=depth_m, sensor_ids=sensor_ids)
        for n, depth_m, sensor_ids in (
            (1, 0.2, ("CC-WD-03",)), (2, 0.2, ("CC-WD-03", "CC-WD-04")), (3, 0.5, ("CC-WD-03",)),
        )
    )  # fmt: skip
    ops = {"name": "ops", "kind": "webhook", "address": web.url}
    with running(settings_for(database_url, ops, policy_file=quick_policy)):
        findings.commit(store, [alone, seen_by_two, red], now=now)
        eventually(lambda: {event["alarm"]["subject"] for event in events_of(web)} >= {"flood:2", "flood:3"})
        eventually(lambda: told_of(store, "flood:1") == ["silenced", "nobody-by-policy"])
        quiet = next(one for one in alarms.alarms(store, live_only=True) if one.subject == "flood:1")
        assert quiet.state is AlarmState.SUPPRESSED
        last = alarms.events(store, quiet.alarm_id)[-1]
        assert (last.reason, last.note) == ("silenced", f"silence {silence.silence_id}: being calibrated")
        assert "flood:1" not in {event["alarm"]["subject"] for event in events_of(web)}
        silences.end(store, silence.silence_id, by="李强", now=datetime.now(UTC))
        eventually(lambda: "flood:1" in {event["alarm"]["subject"] for event in events_of(web)})
    assert alarms.events(store, quiet.alarm_id)[-1].reason == "silence-over"
    trail = audit.entries(store, subject="sensor:CC-WD-03")
    assert [(one.action, one.who) for one in trail] == [("silence.end", "李强"), ("silence.add", "王芳")]


def told_of(store: Store, subject: str) -> list[str | None]:
    """Why people were told of each event of the subject's alarm."""
    return [
        event.told
        for alarm in alarms.alarms(store, live_only=False)
        if alarm.subject == subject
        for event in alarms.events(store, alarm.alarm_id)
    ]


def test_a_channel_that_refuses_hands_on_and_is_an_alarm_until_it_works_again(
    database_url: str, store: Store, web: WebReceiver, mail: MailReceiver, quick_policy: str
) -> None:
    web.always = 410
    channels = both(web, mail)
    channels[0] |= {"fallback": "duty", "min_level": "yellow"}
    channels[1] |= {"min_level": "orange"}
    with running(settings_for(database_url, *channels, policy_file=quick_policy)):
        findings.commit(store, [FLOOD], now=datetime.now(UTC))
        eventually(lambda: mail.mails)
        (down,) = eventually(
            lambda: [a for a in alarms.alarms(store, live_only=True) if a.kind is FindingKind.CHANNEL_DOWN]
        )
        assert (down.subject, down.level) == ("channel:ops", Level.ORANGE)
        eventually(lambda: any("通知渠道故障" in str(one["Subject"]) for one in mail.mails))
        web.always = None
        findings.commit(store, [replace(FLOOD, subject="flood:other")], now=datetime.now(UTC))
        eventually(lambda: alarms.alarm(store, down.alarm_id).cleared_at is not None)
    (first, *_) = alarms.alarms(store, live_only=True)[::-1]
    assert [(n.channel, n.state) for n in notices_of(store, first.alarm_id)] == [
        ("ops", NoticeState.MOVED), ("duty", NoticeState.DELIVERED),
    ]  # fmt: skip
