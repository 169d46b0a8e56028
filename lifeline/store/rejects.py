"""Rejects: what was published and is not a reading, kept with its bytes and the named reason."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lifeline.reading import RejectReason
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("rejects")


@dataclass(frozen=True, slots=True)
class Reject:
    """One message (or line of a file) of which `times` readings were rejected for one reason."""

    received_at: datetime
    device_id: str
    topic: str
    reason: RejectReason
    detail: str
    payload: bytes
    times: int = 1

    @property
    def digest(self) -> bytes:
        """Equal for the same reject: of topic, reason, detail and payload."""
        parts = (self.topic.encode(), self.reason.value.encode(), self.detail.encode(), self.payload)
        state = hashlib.sha256()
        for part in parts:
            state.update(len(part).to_bytes(8, "big"))
            state.update(part)
        return state.digest()


def add_rejects(connection: Connection, rejects: Sequence[Reject]) -> None:
    """Stores rejects; one that is there already counts up its `times`."""
    if not rejects:
        return
    merged: dict[bytes, tuple[Reject, int]] = {}
    for reject in rejects:
        digest = reject.digest
        first, times = merged.get(digest, (reject, 0))
        merged[digest] = first, times + reject.times
    ordered = sorted(merged.items())
    connection.execute(
        _SQL["add_rejects"],
        {
            "received_ats": [reject.received_at for _, (reject, _) in ordered],
            "device_ids": [reject.device_id for _, (reject, _) in ordered],
            "topics": [reject.topic for _, (reject, _) in ordered],
            "reasons": [reject.reason.value for _, (reject, _) in ordered],
            "details": [reject.detail for _, (reject, _) in ordered],
            "payloads": [reject.payload for _, (reject, _) in ordered],
            "digests": [digest for digest, _ in ordered],
            "times": [times for _, (_, times) in ordered],
        },
    )


def newest_rejects(store: Store, *, limit: int = 100) -> list[Reject]:
    """The rejects that came last, newest first. Raises StoreError."""
    with store.transaction() as connection:
        return [
            Reject(
                row.received_at, row.device_id, row.topic, RejectReason(row.reason), row.detail, row.payload, row.times
            )
            for row in connection.execute(_SQL["newest_rejects"], {"limit": limit})
        ]
