"""The parts of grafana-foundation-sdk in use. Grafana 12 reads the first dashboard schema; the second is an option."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import barchart, geomap, stat, table, timeseries
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common, dashboard

Dashboard = dashboard.Dashboard

__all__ = [
    "Builder",
    "Dashboard",
    "Dataquery",
    "JSONEncoder",
    "barchart",
    "builders",
    "common",
    "common_builders",
    "dashboard",
    "geomap",
    "stat",
    "table",
    "timeseries",
]
