"""Prometheus metrics of all stages, in one place; docs/metrics.md lists them."""

from prometheus_client import Counter, Gauge, Histogram, start_http_server

READINGS = Counter("lifeline_readings_total", "Readings by outcome", ["outcome"])
"""outcome: stored, duplicate, conflict, rejected"""
MESSAGES = Counter("lifeline_messages_total", "MQTT messages taken from the broker")
REJECTS = Counter("lifeline_rejects_total", "Rejected readings by reason", ["reason"])
BUFFERED = Gauge("lifeline_buffered_messages", "MQTT messages taken and not yet committed")
PARTITIONS = Gauge("lifeline_partitions", "Partitions that this ingest process takes from")
TAKEOVERS = Counter("lifeline_takeovers_total", "Partitions taken from a worker that had gone or was silent")
BACKLOG_SECONDS = Gauge("lifeline_backlog_seconds", "How long the oldest uncommitted reading has waited", ["session"])
COMMIT_SECONDS = Histogram("lifeline_commit_seconds", "Time of one ingest transaction")
DELAY_SECONDS = Histogram(
    "lifeline_delay_seconds",
    "From the observation to the committed row",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
FINDINGS = Counter("lifeline_findings_total", "Findings by kind and phase", ["kind", "phase"])
DETECT_SECONDS = Histogram("lifeline_detect_seconds", "Time of one detection step")
ALARMS = Counter("lifeline_alarms_total", "Alarm actions by kind and action", ["kind", "action"])
NOTICES = Counter("lifeline_notices_total", "Delivery attempts by channel and outcome", ["channel", "outcome"])
"""outcome: delivered, failed, postponed, moved, dead"""
NOTICE_SECONDS = Histogram(
    "lifeline_notice_seconds",
    "From the notice's writing to the channel's receipt",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 600),
)
OUTBOX = Gauge("lifeline_outbox_notices", "Notices that are not delivered, by state", ["state"])
"""state: waiting, dead"""
CALLS = Counter("lifeline_calls_total", "People called since nobody answered, by role", ["role"])
ALARM_RATE = Gauge(
    "lifeline_alarm_rate", "Alarms told in the last hour per 10 minutes and operator (EEMUA 191)", ["city"]
)
FLOOD_SHARE = Gauge("lifeline_alarm_flood_share", "Share of the last 24 hours in alarm flood", ["city"])
CHATTERING = Gauge("lifeline_chattering_subjects", "Subjects that come and go, last 24 hours", ["city"])
STALE = Gauge("lifeline_stale_alarms", "Live alarms that nobody has touched for long", ["city"])
RESTARTS = Counter("lifeline_stage_restarts_total", "Restarts of a crashed stage", ["stage"])


def serve(port: int) -> None:
    """Serves the process's metrics on 127.0.0.1:`port`; 0 serves none."""
    if port:
        start_http_server(port, addr="127.0.0.1")
