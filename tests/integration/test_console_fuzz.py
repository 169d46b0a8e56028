"""Whatever the API's own document allows is answered without a fault of ours: random calls of every address."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from lifeline.person import Role
from lifeline.store.pool import Store
from tests.console_stage import bearer, database, load_city, measure, running
from tests.packs import write_tiny_pack

_UNENDING = r"^/events$"
_CALLS = 5
"""of each address: a bounded run, the same every time"""


@pytest.mark.filterwarnings("ignore::Warning")  # of the libraries that make the calls
def test_no_call_fails(database_template: tuple[str, str], tmp_path: Path) -> None:
    now, failed, called = datetime.now(UTC), list[str](), 0
    with database(database_template) as url, Store(url, name="test") as store:
        load_city(store, write_tiny_pack(tmp_path / "cc"), now=now)
        measure(store, {"CC-P-01": 310e3}, until=now, minutes=5)
        headers = bearer(store, *Role)
        with running(url, tmp_path / "console.log") as console:
            schema = schemathesis.openapi.from_url(f"{console.api}/openapi.json", headers=headers)
            operations: Any = schema.exclude(path_regex=_UNENDING).get_all_operations()
            for operation in (found.ok() for found in operations):

                @given(case=operation.as_strategy())
                @settings(
                    max_examples=_CALLS, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )  # fmt: skip
                def call(case: Any) -> None:
                    nonlocal called
                    called += 1
                    answer = case.call(headers=headers, timeout=30)
                    if answer.status_code >= 500:
                        failed.append(f"{case.method} {case.formatted_path}: {answer.text[:200]}")

                call()
    assert failed == []
    assert called > 100
