"""What unknown senders may fill: so many of them, so many bytes each. Beyond that they are counted, not kept.

Everything that they send is a reject, and the conservation law holds: beyond a limit, rejects of one reason are one row
without a payload that counts up. So a flood of invented device ids ends at a size that is known beforehand.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from ingest.batch import Batch, Stranger, instant
from lifeline.settings import IngestSettings
from lifeline.store.pool import Connection
from lifeline.store.rejects import Reject
from lifeline.store.strangers import NOBODY, Sender, Sighting, note, room

ROW_BYTES = 200
"""What a reject row takes besides its payload, topic and detail."""
FULL = "payload not kept: what is kept of this sender is full"
CROWDED = "not kept: the quarantine is full"
CROWD_TOPIC = "lifeline/1/+/+/up/+"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Its limits: senders, and bytes of reject rows of each."""

    most_devices: int
    most_bytes: int

    @classmethod
    def of(cls, settings: IngestSettings) -> "Quarantine":
        """The limits of the settings."""
        return cls(settings.quarantine_devices, settings.quarantine_bytes)

    def admit(self, connection: Connection, batch: Batch) -> Batch:
        """`batch` as it may be stored: what is beyond the limits is counted in place of kept. `batch` stays as it is.

        Notes who was seen. Part of the transaction that stores the batch.
        """
        if not batch.strangers:
            return batch
        senders = {position: (one.city_code, one.device_id) for position, one in batch.strangers.items()}
        # in one order for all, so that two transactions never wait for each other
        kept, number = room(connection, sorted(set(senders.values())))
        seen = {sender: _Seen(kept_bytes) for sender, kept_bytes in kept.items()}
        crowd: set[int] = set()
        seen_us = batch.tallies["seen_at"].astype(np.int64)
        for position, sender in senders.items():
            if sender not in seen and sender != NOBODY:
                if number >= self.most_devices:
                    crowd.add(position)
                    continue
                number += 1
            seen.setdefault(sender, _Seen(0)).add(batch.strangers[position], int(seen_us[position]))
        nobody = seen.setdefault(NOBODY, _Seen(kept.get(NOBODY, 0))) if crowd else None
        rejects: list[Reject] = []
        for reject, owner in zip(batch.rejects, batch.reject_owners, strict=True):
            if owner in crowd and nobody is not None:
                nobody.pass_over(reject.times, int(seen_us[owner]))
                rejects.append(replace(reject, device_id="", topic=CROWD_TOPIC, detail=CROWDED, payload=b""))
            elif owner in senders:
                rejects.append(self._keep(reject, senders[owner], seen[senders[owner]]))
            else:
                rejects.append(reject)
        note(connection, [one.sighting(sender) for sender, one in sorted(seen.items()) if one.last_us])
        return replace(
            batch,
            device_ids=["" if i in crowd else name for i, name in enumerate(batch.device_ids)],
            city_codes=[None if i in crowd else code for i, code in enumerate(batch.city_codes)],
            states={position: state for position, state in batch.states.items() if position not in crowd},
            rejects=rejects,
        )

    def _keep(self, reject: Reject, sender: Sender, seen: "_Seen") -> Reject:
        size = len(reject.payload) + len(reject.topic.encode()) + len(reject.detail.encode()) + ROW_BYTES
        seen.readings += reject.times
        if seen.before_bytes + seen.kept_bytes + size <= self.most_bytes:
            seen.kept_bytes += size
            return reject
        seen.not_kept += reject.times
        city, device = sender
        return replace(reject, topic=f"lifeline/1/{city}/{device}/up/+" if device else "", detail=FULL, payload=b"")


@dataclass(slots=True)
class _Seen:
    """What a batch adds to one sender."""

    before_bytes: int
    last_us: int = 0
    topic: str = CROWD_TOPIC
    sample: bytes = b""
    messages: int = 0
    readings: int = 0
    kept_bytes: int = 0
    not_kept: int = 0
    channels: set[str] = field(default_factory=set)

    def add(self, stranger: Stranger, seen_us: int) -> None:
        self.last_us = max(self.last_us, seen_us)
        self.topic, self.sample = stranger.topic, stranger.payload
        self.messages += stranger.messages
        self.channels |= stranger.channels

    def pass_over(self, readings: int, seen_us: int) -> None:
        self.last_us = max(self.last_us, seen_us)
        self.readings += readings
        self.not_kept += readings

    def sighting(self, sender: Sender) -> Sighting:
        return Sighting(
            sender=sender,
            seen_at=instant(self.last_us),
            topic=_storable(self.topic),
            messages=self.messages,
            readings=self.readings,
            kept_bytes=self.kept_bytes,
            not_kept=self.not_kept,
            channels={_storable(channel) for channel in self.channels},
            sample=self.sample,
        )


def _storable(text: str) -> str:
    """`text` without what PostgreSQL refuses, and no longer than is of use."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()[:200]
