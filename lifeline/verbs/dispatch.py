"""The verbs of dispatch: `lifeline dispatch orders|show|act|crews|duty`."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from lifeline.clock import SystemClock
from lifeline.store import crews, work_orders
from lifeline.verbs.terminal import open_store, out
from lifeline.work_order import OrderAction

app = typer.Typer(help="Work orders and crews (docs/dispatch.md).", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="number of the work order")]


@app.command("orders")
def orders(
    city: Annotated[str | None, typer.Option(help="GB/T 2260 code; none: all")] = None,
    crew: Annotated[str | None, typer.Option(help="only those of this crew")] = None,
    everything: Annotated[bool, typer.Option("--all", help="also those that are over")] = False,
) -> None:
    """List work orders, newest first."""
    table = Table("order", "alarm", "level", "what", "state", "crew", "due")
    with open_store() as store:
        for one in work_orders.orders(store, live_only=not everything, city_code=city, crew_id=crew):
            due = f"{one.due_what} {one.due_at:%H:%M}Z" if one.due_at else ""
            table.add_row(
                str(one.order_id), str(one.alarm_id), one.level.name.lower(), escape(one.title.zh), one.state.value,
                one.crew_id or "-", due,
            )  # fmt: skip
    out.print(table)


@app.command("show")
def show(order_id: Number) -> None:
    """Print an order with its history and the crews that were asked."""
    with open_store() as store:
        one = work_orders.order(store, order_id)
        offers, events = work_orders.offers(store, order_id), work_orders.events(store, order_id)
        photos = work_orders.photos(store, order_id)
    out.print(
        f"{one.order_id}: {one.title.zh} / {one.title.en}, {one.state.value}, skills {', '.join(one.skills)}",
        markup=False,
    )
    for material in one.materials:
        out.print(f"  {material.quantity} x {material.name.zh} / {material.name.en}", markup=False)
    for offer in offers:
        why = ", ".join(offer.reasons)
        out.print(f"  {_clock(offer.at)} asked {offer.crew_id}, {offer.minutes:.0f} min, {why}: {offer.outcome}")
    for event in events:
        what = f"{event.who} {event.action.value} -> {event.to_state.value} ({event.reason})"
        out.print(f"  {_clock(event.at)} {what} {event.note[:200]}", markup=False)
    for photo in photos:
        what = f"photo {photo.sha256[:12]} {photo.size_bytes:,} bytes by {photo.who}"
        out.print(f"  {_clock(photo.taken_at)} {what}", markup=False)


@app.command("act")
def act(
    order_id: Number,
    action: Annotated[
        OrderAction, typer.Argument(help="accept, decline, arrive, mitigate, verify, reject, close, ...")
    ],
    who: Annotated[str, typer.Option(help="who does it")],
    crew: Annotated[str | None, typer.Option(help="the crew of that person; none: an operator")] = None,
    note: Annotated[str, typer.Option(help="what there is to say")] = "",
    client_action_id: Annotated[UUID | None, typer.Option(help="sent again with the same id, it is done once")] = None,
) -> None:
    """Do something to an order, as a crew or an operator."""
    with open_store() as store:
        after = work_orders.act(
            store, order_id, action, who=who, crew_id=crew, note=note, now=SystemClock().now(),
            client_action_id=client_action_id,
        )  # fmt: skip
    out.print(f"{order_id}: {after.state.value}")


@app.command("crews")
def show_crews() -> None:
    """Say who is on duty and how much each crew has to do."""
    now = SystemClock().now()
    table = Table("crew", "name", "city", "skills", "duty", "orders", "asked")
    with open_store() as store:
        for one in crews.standings(store):
            duty = ("on" if one.on_duty_at(now) else "off") + (f" until {_clock(one.until)}" if one.until else "")
            table.add_row(
                one.crew.crew_id, one.crew.name.zh, one.crew.city_code, ", ".join(one.crew.skills), duty,
                str(one.orders), str(one.offers),
            )  # fmt: skip
    out.print(table)


@app.command("duty")
def duty(
    crew_id: Annotated[str, typer.Argument()],
    on: Annotated[bool, typer.Option("--on/--off", help="on duty or not")] = True,
    hours: Annotated[float, typer.Option(min=0, help="for so long; 0: until said otherwise")] = 0.0,
    who: Annotated[str, typer.Option(help="who says so")] = "terminal",
) -> None:
    """Say that a crew is on duty, or not."""
    now = SystemClock().now()
    until = now + timedelta(hours=hours) if hours else None
    with open_store() as store:
        crews.set_presence(store, crew_id, on_duty=on, who=who, now=now, until=until)
    out.print(f"{crew_id}: {'on' if on else 'off'} duty", markup=False)


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
