"""A simulated crew: sees an open alarm in the console's REST API, takes a human while, and acknowledges it."""

import threading
from collections.abc import Callable
from random import Random

import httpx

from lifeline.clock import Clock

POLL_S = 1.0
DELAY_S = (6.0, 20.0)
"""Shortest and longest time from seeing an alarm to the tap."""
TIMEOUT_S = 5.0


class Crew:
    """Polls `console_url`; each alarm is acknowledged once, after a delay of its own."""

    def __init__(
        self,
        console_url: str,
        *,
        clock: Clock,
        seed: int,
        report: Callable[[str], None],
        token: str = "",
        delay_s: tuple[float, float] = DELAY_S,
    ) -> None:
        """`token`: of a person of the role crew, whose name the record then has."""
        self._http = httpx.Client(
            base_url=f"{console_url.rstrip('/')}/api/v1",
            timeout=TIMEOUT_S,
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )
        self._clock, self._rng, self._report = clock, Random(seed), report
        self._delay_s = delay_s
        self._due: dict[int, float] = {}
        self._reachable = True

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; a console that is away is waited for."""
        with self._http:
            while not self._clock.wait(POLL_S, stop):
                self.look()

    def look(self) -> None:
        """One look at the open alarms; those whose time has come are acknowledged."""
        try:
            answer = self._http.get("/alarms", params={"state": "open"})
            answer.raise_for_status()
            now_s = self._clock.now().timestamp()
            for alarm in answer.json()["items"]:
                due_s = self._due.setdefault(alarm["alarm_id"], now_s + self._rng.uniform(*self._delay_s))
                if now_s >= due_s:
                    self._acknowledge(alarm["alarm_id"], alarm["version"], alarm["title"])
            self._reachable = True
        except httpx.HTTPError as error:
            if self._reachable:
                self._report(f"crew: the console does not answer: {error}")
            self._reachable = False

    def _acknowledge(self, alarm_id: int, version: int, title: dict[str, str]) -> None:
        """An alarm that changed meanwhile (409) is looked at again the next time."""
        body = {"note": "收到 / on it", "version": version}
        answer = self._http.post(f"/alarms/{alarm_id}/acknowledge", json=body)
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()
            self._report(f"crew: acknowledged alarm {alarm_id}: {title['zh']} / {title['en']}")
