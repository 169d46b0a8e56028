"""The alarm figures of each city as metrics (EEMUA 191, ISA-18.2), now and then."""

from datetime import datetime, timedelta

from alerts.policy import Policy
from lifeline.kpi import Limits
from lifeline.metrics import ALARM_RATE, CHATTERING, FLOOD_SHARE, STALE
from lifeline.store.alarm_figures import report
from lifeline.store.cities import cities
from lifeline.store.pool import Store

EVERY_S = 60.0


def limits_of(policy: Policy) -> Limits:
    """The limits of a policy."""
    return Limits(**{name: getattr(policy.flood, name) for name in Limits.__slots__})


def publish(store: Store, policy: Policy, now: datetime) -> None:
    """Sets the gauges: the rate over the last hour, the rest over the last 24. Raises StoreError."""
    limits = limits_of(policy)
    for city in cities(store):
        hour = report(store, begin=now - timedelta(hours=1), end=now, limits=limits, cities=[city.code])
        day = report(store, begin=now - timedelta(hours=24), end=now, limits=limits, cities=[city.code])
        ALARM_RATE.labels(city.code).set(hour.told.mean)
        FLOOD_SHARE.labels(city.code).set(day.told.flood_share)
        CHATTERING.labels(city.code).set(len(day.listed.chattering))
        STALE.labels(city.code).set(len(day.listed.stale))
