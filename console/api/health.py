"""Whether what is shown can be believed."""

from fastapi import APIRouter, Request

from console.api.documents import HealthDocument, StageDocument
from console.api.problem import responses
from console.feed import Feed
from lifeline.clock import Clock
from lifeline.store.pool import Store
from lifeline.store.stages import stages

_STAGE_LATE_S = 30.0
"""six heartbeats"""


def router(store: Store, feed: Feed, clock: Clock) -> APIRouter:
    """The address /health."""
    routes = APIRouter(tags=["health"])

    @routes.get("/health", responses=responses())
    def health(request: Request) -> HealthDocument:
        """Whether what is shown can be believed: the database, the stages, the age of the newest reading."""
        now = clock.now()
        beats = stages(store)
        workers = [
            StageDocument(
                stage=beat.stage,
                worker=beat.worker if request.state.visitor else "",
                started_at=beat.started_at,
                beat_at=beat.beat_at,
                age_s=(now - beat.beat_at).total_seconds(),
            )
            for beat in beats
        ]
        newest: dict[str, float] = {}
        for worker in workers:
            newest[worker.stage] = min(worker.age_s, newest.get(worker.stage, worker.age_s))
        intake = feed.intake()
        watch = feed.watch()
        return HealthDocument(
            status="ok" if feed.answering and all(age < _STAGE_LATE_S for age in newest.values()) else "degraded",
            database=feed.answering,
            newest_reading_at=intake.newest_at,
            newest_reading_age_s=(now - intake.newest_at).total_seconds() if intake.newest_at else None,
            readings_per_minute=intake.per_minute,
            silent_sensors=watch.silent,
            sensors=watch.sensors,
            live_alarms=len(feed.alarms),
            watchers=feed.watchers,
            stages=workers,
        )

    return routes
