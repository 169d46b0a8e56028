"""Every query of every dashboard runs on the real schema as the role of dashboards, which sees nothing else."""

import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from deploy.grafana.catalogue import documents
from tests.console_stage import database

_VALUES = {
    "city": "'220100', '220200'",
    "zone": "'Z1', 'Z2'",
    "sensor": "'CC-P-01'",
    "gauge": "'CC-WD-01'",
    "shelter": "'S1'",
}
_SPAN = ("'2026-07-20T00:00:00Z'", "'2026-07-20T06:00:00Z'")


def _expanded(sql: str) -> str:
    """What Grafana makes of its macros and variables."""
    sql = re.sub(r"\$\{(\w+):sqlstring\}", lambda match: _VALUES[match[1]], sql)
    sql = sql.replace("$__timeFrom()", _SPAN[0]).replace("$__timeTo()", _SPAN[1])
    sql = re.sub(
        r"\$__timeGroup\((\w+), '(\w+)'\)", r"floor(extract(epoch from \1) / 600) * 600 /* \2 */", sql
    )  # fmt: skip
    sql = re.sub(r"\$__timeFilter\(([\w:]+)\)", rf"\1 BETWEEN {_SPAN[0]} AND {_SPAN[1]}", sql)
    assert "$" not in sql, sql
    return sql


def _queries() -> Iterator[tuple[str, str]]:
    for uid, document in documents().items():
        for variable in document["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{uid}: variable {variable['name']}", variable["query"]
        for annotation in document["annotations"]["list"]:
            yield f"{uid}: {annotation['name']}", annotation["target"]["rawSql"]
        for panel in document["panels"]:
            for target in panel["targets"]:
                yield f"{uid}: {panel['title']}", target["rawSql"]


@pytest.fixture(scope="module")
def reader(database_template: tuple[str, str]) -> Iterator[psycopg.Connection[Any]]:
    """The role as deploy/compose/database-reader.sh makes it."""
    role = f"grafana_{uuid.uuid4().hex[:8]}"
    with database(database_template) as url:
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reader'".encode())
            owner.execute(f"GRANT USAGE ON SCHEMA dashboard TO {role}".encode())
            owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA dashboard TO {role}".encode())
        parts = urlsplit(url)
        own = parts._replace(netloc=f"{role}:reader@{parts.hostname}:{parts.port}").geturl()
        with psycopg.connect(own, autocommit=True) as connection:
            yield connection
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(f"DROP OWNED BY {role}".encode())
            owner.execute(f"DROP ROLE {role}".encode())


def test_every_query_runs(reader: psycopg.Connection[Any]) -> None:
    ran = 0
    for where, sql in _queries():
        try:
            answer = reader.execute(_expanded(sql).encode())
        except psycopg.Error as error:
            raise AssertionError(f"{where}: {error}\n{sql}") from error
        assert answer.description
        ran += 1
    assert ran > 80


@pytest.mark.parametrize("table", ["person", "api_token", "notice", "reading", "answer_link", "audit"])
def test_the_role_sees_nothing_else(reader: psycopg.Connection[Any], table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(f"SELECT * FROM {table}".encode())
