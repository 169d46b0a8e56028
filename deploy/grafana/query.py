"""A query of Grafana's PostgreSQL data source, which the foundation SDK does not have."""

from deploy.grafana.sdk import Builder, Dataquery, common

SOURCE_UID = "lifeline"
SOURCE_TYPE = "grafana-postgresql-datasource"
SOURCE = common.DataSourceRef(type_val=SOURCE_TYPE, uid=SOURCE_UID)


class SqlQuery(Dataquery):
    """SQL over the views of the schema `dashboard`; `format` is `time_series` or `table`."""

    def __init__(self, sql: str, *, result_format: str, ref_id: str) -> None:
        self.sql, self.result_format, self.ref_id = " ".join(sql.split()), result_format, ref_id

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return {
            "datasource": SOURCE.to_json(),
            "refId": self.ref_id,
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": self.sql,
            "format": self.result_format,
        }


class Sql(Builder[Dataquery]):
    """Builder of a SqlQuery, as panels take it."""

    def __init__(self, sql: str, *, result_format: str = "time_series", ref_id: str = "A") -> None:
        self._query = SqlQuery(sql, result_format=result_format, ref_id=ref_id)

    def build(self) -> Dataquery:
        """The query."""
        return self._query
