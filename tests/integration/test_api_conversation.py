"""Random requests of every address of the API: what its document allows is answered, what it does not is refused as it
says, and nothing is a fault of ours."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from alerts import shelters_rules
from lifeline.alarm import Level
from lifeline.asset import Name, Position
from lifeline.finding import FindingKind
from lifeline.person import Role
from lifeline.shelter import EvacuationCell, ShelterMode
from lifeline.store import dispatch, evacuations, photos, shelters, silences
from lifeline.store.pool import Store
from tests.console_stage import Console, database, found, load_city, measure, raise_alarm, running, somebody
from tests.packs import write_tiny_pack

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # of the libraries that make the calls
_UNENDING = r"^/events$"
_BATCH = 5
_PATIENCE_S = 4.0
"""the longest that a long run stays with one address: making wrong requests for some is slow"""
_THERE: dict[str, Any] = {
    "alarm_id": 1, "finding_id": 1, "order_id": 1, "photo_id": 1, "call_id": 1, "sensor_id": "CC-P-01",
    "shelter_id": "CC-SH-1", "layer": "pipes", "conversion_id": 1, "evacuation_id": 1, "silence_id": 1, "task": "clear",
}  # fmt: skip
"""What a path names in every second request that is right, so that it gets further than to 404."""


@pytest.fixture(scope="module")
def console(database_template: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder, now = tmp_path_factory.mktemp("console"), datetime.now(UTC)
    with database(database_template) as url, Store(url, name="test") as store:
        load_city(store, write_tiny_pack(folder / "cc"), now=now)
        measure(store, {"CC-P-01": 310e3}, until=now, minutes=5)
        leak = found(subject="leak:CC-DMA-1", kind=FindingKind.LEAK, at=now, position=(125.32, 43.88))
        number = raise_alarm(store, leak, level=Level.RED, title=Name("漏损", "Leak"), now=now)
        dispatch.open_order(store, number, skills=["leak"], materials=[], who="test", reason="test", now=now)
        checklist = shelters_rules.load(shelters_rules.BUILT_IN).checklist
        tasks = checklist(shelters.standing(store, "CC-SH-1").shelter, ShelterMode.EMERGENCY)
        shelters.convert(store, "CC-SH-1", ShelterMode.EMERGENCY, tasks, who="test", now=now)
        cell = EvacuationCell("CC-C-1", Position(125.32, 43.88), 420, 31)
        evacuations.order(store, "220100", [cell], who="test", reason="test", now=now)
        silences.add(store, sensor_id="CC-F-01", until=now + timedelta(hours=1), why="test", by="test", now=now)
        photos.add_photo(store, number, b"\xff\xd8\xff" + bytes(9), by=somebody(store, "王芳"), now=now)
        with running(url, folder / "console.log", LIFELINE_CONSOLE__PUBLIC_WARNINGS="true") as started:
            yield started


class _Conversation:
    """Asks every address; what was wrong with the answers, and how often each status came."""

    def __init__(self, console: Console, mode: GenerationMode, *roles: Role) -> None:
        self._mode, self._headers = mode, console.bearer(*roles)
        self._document = schemathesis.openapi.from_url(f"{console.api}/openapi.json", headers=self._headers)
        self.faults, self.statuses = set[str](), Counter[int]()

    def all(self, examples: int) -> "_Conversation":
        """So many requests of each address, fewer where _PATIENCE_S are over before."""
        for one in self._document.exclude(path_regex=_UNENDING).get_all_operations():
            assert isinstance(one, Ok), one
            operation, until = one.ok(), time.monotonic() + _PATIENCE_S
            asked = 0
            with suppress(Unsatisfiable):  # nothing about this address can be wrong
                while asked < examples and time.monotonic() < until:
                    self._batch(operation, number=asked, examples=min(_BATCH, examples - asked))
                    asked += _BATCH
        return self

    def _batch(self, operation: Any, *, number: int, examples: int) -> None:
        documented = {*operation.definition.raw["responses"], "404", "405"}

        @seed(number)
        @settings(
            max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=self._mode))
        def ask(case: Any) -> None:
            if self._mode is GenerationMode.POSITIVE and self.statuses.total() % 2:
                case.path_parameters.update({name: _THERE[name] for name in case.path_parameters if name in _THERE})
            answer = case.call(headers=self._headers, timeout=30)
            self.statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                self.faults.add(f"{case.method} {case.formatted_path}: {answer.status_code} {answer.text[:200]}")
            elif str(answer.status_code) not in documented:
                self.faults.add(f"{case.method} {case.path}: {answer.status_code} is not in the document")

        ask()


@pytest.mark.parametrize(("mode", "usual"), [(GenerationMode.POSITIVE, 200), (GenerationMode.NEGATIVE, 422)])
def test_a_short_conversation_finds_no_fault(console: Console, mode: GenerationMode, usual: int) -> None:
    heard = _Conversation(console, mode, *Role).all(3)
    assert sorted(heard.faults) == []
    assert heard.statuses[usual] > 20, heard.statuses


def test_times_with_any_offset_are_taken(console: Console) -> None:
    with httpx.Client(base_url=console.api, headers=console.bearer(*Role)) as api:
        for path in ("readings", "series", "rollups", "readings.csv"):
            for start in ("1360-03-26T11:15:11+22:08", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59"):
                assert api.get(f"/sensors/CC-P-01/{path}", params={"start": start}).status_code == 200, (path, start)
        things = str(api.base_url).replace("/api/v1", "/api/sensorthings/v1.1")
        for start in ("1360-03-26T11:15:11+22:08", "0001-01-01T00:00:00+14:00"):
            found = api.get(f"{things}Observations", params={"$filter": f"phenomenonTime gt {start}", "$top": "1"})
            assert found.status_code in (200, 400), found.text


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("mode", "examples"), [(GenerationMode.POSITIVE, 100), (GenerationMode.NEGATIVE, 20)])
def test_a_long_conversation_finds_no_fault(console: Console, mode: GenerationMode, examples: int) -> None:
    heard = _Conversation(console, mode, *Role).all(examples)
    print(f"{mode.value}: {heard.statuses.total()} requests, {dict(heard.statuses)}, load {os.getloadavg()[0]:.1f}")
    assert sorted(heard.faults) == []
