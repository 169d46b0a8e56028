"""What people send in from the field: pictures, and the answers to a phone's queue, so that nothing is done twice."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from lifeline.errors import CredentialError, NotFoundError
from lifeline.person import Person
from lifeline.store import audit
from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("photos")
LARGEST_BYTES, MOST_OF_ALARM = 8_388_608, 40
_TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as it is listed."""

    photo_id: int
    by: str
    at: datetime


def media_type_of(content: bytes) -> str | None:
    """What the bytes are, by their own first bytes; None where they are no picture that a page shows.

    >>> media_type_of(b"RIFF....WEBPVP8 ")
    'image/webp'
    """
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((name for start, name in _TYPES.items() if content.startswith(start)), None)


def add_photo(store: Store, alarm_id: int, content: bytes, *, by: Person, now: datetime) -> int:
    """Keeps a picture; the same one twice is one. Gives its number. Raises CredentialError where it is none, is too
    large or one too many, NotFoundError, StoreError."""
    media_type = media_type_of(content)
    if media_type is None or len(content) > LARGEST_BYTES:
        raise CredentialError(
            f"no JPEG, PNG or WebP picture of at most {LARGEST_BYTES // 1_048_576} MiB",
            kind="photo", advice="send a smaller picture",
        )  # fmt: skip
    digest = hashlib.sha256(content).digest()
    values = {"alarm_id": alarm_id, "sha256": digest}
    with store.transaction() as connection:
        same: Any = connection.execute(_SQL["same"], values).fetchone()
        if same is not None:
            return int(same.photo_id)
        count: Any = connection.execute(_SQL["count"], values).fetchone()
        if count.photos >= MOST_OF_ALARM:
            raise CredentialError(
                f"alarm {alarm_id} has {MOST_OF_ALARM} pictures already", kind="photo", advice="say the rest in a note"
            )
        row: Any = connection.execute(
            _SQL["add"],
            values | {"person_id": by.person_id, "now": now, "media_type": media_type, "content": content},
        ).fetchone()
        if row is None:  # the same picture came in twice at once
            row = connection.execute(_SQL["same"], values).fetchone()
        detail = {"photo_id": row.photo_id, "sha256": digest.hex(), "bytes": len(content)}
        audit.record(connection, who=by.name, action="photo.add", subject=f"alarm:{alarm_id}", detail=detail, at=now)
        return int(row.photo_id)


def photos(store: Store, alarm_id: int) -> list[Photo]:
    """The pictures of an alarm, oldest first. Raises StoreError."""
    with store.transaction() as connection:
        return [Photo(*row) for row in connection.execute(_SQL["of_alarm"], {"alarm_id": alarm_id})]


def photo(store: Store, photo_id: int) -> tuple[str, bytes, str]:
    """Media type, bytes and city of a picture. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["photo"], {"photo_id": photo_id}).fetchone()
    if row is None:
        raise NotFoundError(f"there is no photo {photo_id}", advice="look at the alarm")
    return row.media_type, bytes(row.content), row.city_code


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to an action of a phone's queue."""

    status: int
    body: dict[str, Any]


def answered(store: Store, action_id: UUID, *, by: Person) -> Answer | None:
    """What was answered to `by`'s action of this id; None where it is new. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["answered"], {"action_id": action_id}).fetchone()
    if row is not None and row.person_id != by.person_id:
        raise NotFoundError("this id belongs to somebody else's action", advice="use a new one")
    return Answer(row.status, row.answer) if row else None


def keep_answer(store: Store, action_id: UUID, answer: Answer, *, by: Person, now: datetime) -> None:
    """Keeps what was answered. Raises StoreError."""
    with store.transaction() as connection:
        values = {"action_id": action_id, "person_id": by.person_id, "now": now, "status": answer.status}
        connection.execute(_SQL["answer"], values | {"answer": Jsonb(answer.body)})


def sha256_of(content: bytes) -> str:
    """The hash under which a work order knows a picture."""
    return hashlib.sha256(content).hexdigest()
