"""Work orders: read, and what people do to them. What the dispatcher does is in store/dispatch.py.

Each act is an event, an entry of the audit trail and, where it fits, a step of the alarm, all in one transaction.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from lifeline.asset import Position
from lifeline.errors import IllegalTransitionError, StaleVersionError
from lifeline.store import audit
from lifeline.store.pool import Store
from lifeline.store.queries import queries
from lifeline.store.work_steps import Deed, lon_lat, move, one, order_of, position_of, write
from lifeline.work_order import (
    OF_CREW,
    OF_SYSTEM,
    Offer,
    OrderAction,
    OrderEvent,
    OrderPhoto,
    OrderState,
    WorkOrder,
    next_state,
)

_SQL = queries("work_orders")


def orders(
    store: Store,
    *,
    live_only: bool,
    city_code: str | None = None,
    crew_id: str | None = None,
    alarm_id: int | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[WorkOrder]:
    """At most `limit` orders, newest first. `before`: only ids below it, for the next page. Raises StoreError."""
    values = {
        "live_only": live_only, "city_code": city_code, "crew_id": crew_id, "alarm_id": alarm_id, "before": before,
        "limit": limit,
    }  # fmt: skip
    with store.transaction() as connection:
        return [order_of(row) for row in connection.execute(_SQL["orders"], values)]


def order(store: Store, order_id: int) -> WorkOrder:
    """One order. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        return one(connection, "order", order_id)


def events(store: Store, order_id: int) -> list[OrderEvent]:
    """The order's history, oldest first. Raises StoreError."""
    with store.transaction() as connection:
        return [_event(row) for row in connection.execute(_SQL["events"], {"order_id": order_id})]


def offers(store: Store, order_id: int) -> list[Offer]:
    """Which crews were asked, oldest first. Raises StoreError."""
    with store.transaction() as connection:
        return [_offer(row) for row in connection.execute(_SQL["offers"], {"order_id": order_id})]


def photos(store: Store, order_id: int) -> list[OrderPhoto]:
    """What is known of its pictures, oldest first. Raises StoreError."""
    with store.transaction() as connection:
        return [
            OrderPhoto(
                row.order_id,
                row.sha256,
                row.at,
                row.taken_at,
                row.who,
                row.media_type,
                row.size_bytes,
                position_of(row),
            )
            for row in connection.execute(_SQL["photos"], {"order_id": order_id})
        ]


def act(
    store: Store,
    order_id: int,
    action: OrderAction,
    *,
    who: str,
    now: datetime,
    reason: str = "by-person",
    note: str = "",
    crew_id: str | None = None,
    version: int | None = None,
    done_at: datetime | None = None,
    position: Position | None = None,
    client_action_id: UUID | None = None,
) -> WorkOrder:
    """What a person does to an order; the order as it is then.

    `crew_id` is the crew that the person belongs to, empty for operators: accepting, arriving, mending is for the crew
    that is asked or has it, or an operator in its stead; verifying is for somebody who did not mend it and is not of
    its crew. `done_at` and `client_action_id` come from a phone, which may have been without a net: the same act sent
    again is done once and answered again. `version`, where given, is the one that the person saw.

    Raises NotFoundError, StaleVersionError, IllegalTransitionError and StoreError; then nothing has changed.
    """
    if action in OF_SYSTEM:
        raise IllegalTransitionError(f"nobody can {action.value} a work order by hand", advice="let dispatch do it")
    with store.transaction() as connection:
        before = one(connection, "lock", order_id)
        if client_action_id is not None:
            known = connection.execute(_SQL["known_action"], {"client_action_id": client_action_id}).fetchone()
            if known is not None and (known.order_id, known.action, known.who) != (order_id, action.value, who):
                raise IllegalTransitionError(
                    f"action {client_action_id} was used for something else", advice="send it with an id of its own"
                )
            if known is not None:
                return before
        if version is not None and before.version != version:
            raise StaleVersionError(
                f"work order {order_id} is at version {before.version}, not {version}: somebody changed it",
                advice="look at it again, then decide",
            )
        _check_person(before, action, who, crew_id)
        deed = Deed(action, audit.clean(who), now, reason, audit.clean(note), done_at, position, client_action_id)
        return move(connection, before, deed)


def add_photo(store: Store, photo: OrderPhoto) -> bool:
    """Notes a picture; False where it is known already. Raises NotFoundError, IllegalTransitionError, StoreError."""
    with store.transaction() as connection:
        before = one(connection, "lock", photo.order_id)
        values = {
            "order_id": photo.order_id, "sha256": photo.sha256, "at": photo.at, "taken_at": photo.taken_at,
            "who": photo.who, "media_type": photo.media_type, "size_bytes": photo.size_bytes,
            **lon_lat(photo.position),
        }  # fmt: skip
        if connection.execute(_SQL["add_photo"], values).fetchone() is None:
            return False
        deed = Deed(OrderAction.PHOTO, photo.who, photo.at, "by-person", photo.sha256, photo.taken_at, photo.position)
        state = next_state(before.state, OrderAction.PHOTO)
        write(connection, before, before.state, state, deed)
        return True


def _check_person(before: WorkOrder, action: OrderAction, who: str, crew_id: str | None) -> None:
    if action in OF_CREW and crew_id is not None and crew_id != before.crew_id:
        asked = f"crew {before.crew_id} is" if before.crew_id else "no crew is"
        raise IllegalTransitionError(
            f"work order {before.order_id} is not with crew {crew_id}: {asked} asked now",
            reason="not-with-crew",
            advice="look at the list",
        )
    if action is OrderAction.VERIFY and (who == before.doer or (crew_id is not None and crew_id == before.crew_id)):
        raise IllegalTransitionError(
            "who mended it cannot verify it (核查)",
            reason="own-work",
            advice="somebody who is not of this crew looks at it",
        )


def _event(row: Any) -> OrderEvent:
    return OrderEvent(
        at=row.at,
        done_at=row.done_at,
        who=row.who,
        action=OrderAction(row.action),
        from_state=OrderState(row.from_state) if row.from_state else None,
        to_state=OrderState(row.to_state),
        reason=row.reason,
        note=row.note,
        position=position_of(row),
    )


def _offer(row: Any) -> Offer:
    return Offer(
        row.order_id, row.crew_id, row.at, row.answer_by, row.minutes, tuple(row.reasons), row.outcome,
        row.answered_at, row.note,
    )  # fmt: skip
