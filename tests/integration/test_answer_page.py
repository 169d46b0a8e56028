"""The page behind an answer link, in a real console: looking is harmless, a tap answers, wrong links are refused."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from alerts.decider import Decider
from lifeline.alarm import AlarmState
from lifeline.answer_link import AnswerLink, sign
from lifeline.clock import SetClock
from lifeline.settings import Settings
from lifeline.store import alarms, answers, findings
from lifeline.store.answers import Link
from lifeline.store.pool import Store
from tests.alert_parts import FLOOD, load_city
from tests.console_stage import running
from tests.integration.test_alert_cycle import FIXED

SECRET = "sixteen or more characters"


def test_a_person_answers_by_link_without_a_log_in(database_url: str, store: Store, tmp_path: Path) -> None:
    load_city(store)
    now = datetime.now(UTC)
    findings.commit(store, [FLOOD], now=now)
    Decider(store, Settings(), FIXED, SetClock(now)).work()
    (alarm,) = alarms.alarms(store, live_only=True)
    links = [AnswerLink(uuid.uuid4(), now.replace(microsecond=0) + timedelta(hours=1)) for _ in range(2)]
    with store.transaction() as connection:
        answers.put(
            connection,
            [Link(one.link_id, "wang", "王芳", "zh", (alarm.alarm_id,), now, one.expires_at) for one in links],
        )
    first, second = (f"/answer/{sign(one, SECRET)}" for one in links)
    with (
        running(database_url, tmp_path / "log", LIFELINE_ALERTS__ANSWER_SECRET=SECRET) as console,
        httpx.Client(base_url=console.url) as browser,
    ):
        for _ in range(3):
            page = browser.get(first)
            assert page.status_code == 200
            assert "人民大街下穿桥" in page.text and "王芳" in page.text
        assert alarms.alarm(store, alarm.alarm_id).state is AlarmState.OPEN, "programs that open links do no harm"
        found = re.search(r'name="form_key" value="([^"]+)"', page.text)
        assert found is not None
        form = {"form_key": found[1], "answer": "take"}
        assert httpx.post(console.url + first, data=form).status_code == 403, "another site's form has no cookie"
        assert browser.post(first, data=form).status_code == 200
        assert alarms.alarm(store, alarm.alarm_id).state is AlarmState.ACKNOWLEDGED
        assert alarms.events(store, alarm.alarm_id)[-1].actor == "王芳"
        assert browser.post(first, data=form).status_code == 403, "it works once"
        assert "已使用过" in browser.get(first).text
        assert browser.get(first[:-1] + ("A" if first[-1] != "A" else "B")).status_code == 403
        late = browser.post(second, data=form)
        assert "已有人处理" in late.text
        old = sign(AnswerLink(links[0].link_id, now - timedelta(hours=1)), SECRET)
        assert "已过期" in browser.get(f"/answer/{old}").text
    assert [one.outcome for one in answers.answers(store)] == ["too-late", "forged", "used", "taken"]
