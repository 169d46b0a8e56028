"""What Grafana makes of a query before it sends it: its macros and variables replaced as its PostgreSQL source does.

No Grafana runs where tests and benchmarks do; with this they run what it would send.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a dashboard; `result_format` is `time_series` or `table`."""

    dashboard: str
    title: str
    sql: str
    result_format: str
    days: float
    """the span that the dashboard shows when it is opened"""


def queries(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[Query]:
    """Of variables, annotations and panels, of every dashboard."""
    for uid, document in documents.items():
        days = _days(document["time"]["from"])
        for variable in document["templating"]["list"]:
            if variable["type"] == "query":
                yield Query(uid, f"variable {variable['name']}", variable["query"], "table", days)
        for annotation in document["annotations"]["list"]:
            yield Query(uid, f"annotation {annotation['name']}", annotation["target"]["rawSql"], "table", days)
        for panel in document["panels"]:
            for target in panel["targets"]:
                yield Query(uid, panel["title"], target["rawSql"], target["format"], days)


def expanded(sql: str, values: Mapping[str, Sequence[str]], start: datetime, end: datetime) -> str:
    """The query as it is sent for the time range [start, end] and the chosen `values` of each variable.

    Groups of time become `time_bucket`, because the data source says that TimescaleDB is there.
    Raises ValueError where something is left that Grafana would not replace either.
    """
    first, last = f"'{start:%Y-%m-%dT%H:%M:%SZ}'", f"'{end:%Y-%m-%dT%H:%M:%SZ}'"
    sql = re.sub(r"\$\{(\w+):sqlstring\}", lambda found: ",".join(map(_quoted, values[found[1]])), sql)
    sql = sql.replace("$__timeFrom()", first).replace("$__timeTo()", last)
    sql = re.sub(
        r"\$__timeGroup\((\w+), '(\d+)([smhd])'\)",
        lambda found: f"time_bucket('{int(found[2]) * _SECONDS[found[3]]}.000s', {found[1]})",
        sql,
    )
    sql = re.sub(r"\$__timeFilter\(([\w:]+)\)", lambda found: f"{found[1]} BETWEEN {first} AND {last}", sql)
    if "$" in sql:
        raise ValueError(f"a macro or variable is left in {sql!r}")
    return sql


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _days(begins: str) -> float:
    """The length of a dashboard's range, which begins at something like `now-6h`."""
    found = re.fullmatch(r"now-(\d+)([smhd])", begins)
    if found is None:
        raise ValueError(f"{begins!r} is no beginning of a range")
    return int(found[1]) * _SECONDS[found[2]] / _SECONDS["d"]
