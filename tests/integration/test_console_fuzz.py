"""Whatever the API's own document allows, and much that it does not, is answered without a fault of ours."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from lifeline.person import Role
from lifeline.store.pool import Store
from tests.console_stage import bearer, database, load_city, measure, running
from tests.packs import write_tiny_pack

_HEADERS: dict[str, str] = {}
_UNENDING = r"^/events$"


@pytest.fixture(scope="module")
def api_schema(
    database_template: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[schemathesis.BaseSchema]:
    """The document of a running console, asked as somebody who may do everything."""
    folder, now = tmp_path_factory.mktemp("console"), datetime.now(UTC)
    with database(database_template) as url, Store(url, name="test") as store:
        load_city(store, write_tiny_pack(folder / "cc"), now=now)
        measure(store, {"CC-P-01": 310e3}, until=now, minutes=5)
        _HEADERS.update(bearer(store, *Role))
        with running(url, folder / "console.log") as console:
            yield schemathesis.openapi.from_url(f"{console.api}/openapi.json", headers=_HEADERS).exclude(
                path_regex=_UNENDING
            )


schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(
    max_examples=6, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_no_call_fails(case: schemathesis.Case[Any]) -> None:
    answer = case.call(headers=_HEADERS, timeout=30)
    assert answer.status_code < 500, f"{case.method} {case.formatted_path}: {answer.text}"
