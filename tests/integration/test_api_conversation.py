"""Requests that the document of the API does not allow are refused as it says; long runs find no fault either way."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from lifeline.alarm import Level
from lifeline.asset import Name
from lifeline.finding import FindingKind
from lifeline.person import Role
from lifeline.store.pool import Store
from tests.console_stage import Console, database, found, load_city, measure, raise_alarm, running
from tests.packs import write_tiny_pack

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # of the libraries that make the calls
_UNENDING = r"^/events$"


@pytest.fixture(scope="module")
def console(database_template: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder, now = tmp_path_factory.mktemp("console"), datetime.now(UTC)
    with database(database_template) as url, Store(url, name="test") as store:
        load_city(store, write_tiny_pack(folder / "cc"), now=now)
        measure(store, {"CC-P-01": 310e3}, until=now, minutes=5)
        leak = found(subject="leak:CC-DMA-1", kind=FindingKind.LEAK, at=now, position=(125.32, 43.88))
        raise_alarm(store, leak, level=Level.RED, title=Name("漏损", "Leak"), now=now)
        with running(url, folder / "console.log", LIFELINE_CONSOLE__PUBLIC_WARNINGS="true") as started:
            yield started


def _faults(console: Console, mode: GenerationMode, examples: int, *roles: Role) -> tuple[list[str], Counter[int]]:
    """What is wrong with the answers to so many requests of each address, and how often each status came."""
    headers, faults, statuses = console.bearer(*roles), set[str](), Counter[int]()
    document = schemathesis.openapi.from_url(f"{console.api}/openapi.json", headers=headers)
    for one in document.exclude(path_regex=_UNENDING).get_all_operations():
        assert isinstance(one, Ok), one
        with suppress(Unsatisfiable):  # nothing about this address can be wrong
            _ask(one.ok(), mode, examples, headers, faults, statuses)
    return sorted(faults), statuses


def _ask(
    operation: Any, mode: GenerationMode, examples: int, headers: dict[str, str], faults: set[str],
    statuses: Counter[int],
) -> None:  # fmt: skip
    documented = {*operation.definition.raw["responses"], "404", "405"}

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = case.call(headers=headers, timeout=30)
        statuses[answer.status_code] += 1
        if answer.status_code >= 500:
            faults.add(f"{case.method} {case.formatted_path}: {answer.status_code} {answer.text[:200]}")
        elif str(answer.status_code) not in documented:
            faults.add(f"{case.method} {case.path}: {answer.status_code} is not in the document")

    ask()


def test_wrong_requests_are_refused_as_the_document_says(console: Console) -> None:
    faults, statuses = _faults(console, GenerationMode.NEGATIVE, 3, *Role)
    assert faults == []
    assert statuses[422] > 20


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("mode", "examples"), [(GenerationMode.POSITIVE, 100), (GenerationMode.NEGATIVE, 20)])
def test_an_operator_finds_no_fault_in_a_long_run(console: Console, mode: GenerationMode, examples: int) -> None:
    faults, _ = _faults(console, mode, examples, Role.OPERATOR)
    assert faults == []
