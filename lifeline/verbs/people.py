"""The verbs `lifeline people add|list|disable|reset|token`: who may use the console, from the machine itself."""

from typing import Annotated

import typer
from rich.table import Table

from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.errors import CredentialError
from lifeline.person import Role
from lifeline.verbs.terminal import open_store, out

app = typer.Typer(help="Who may use the console, and as what (docs/console.md).", no_args_is_help=True)
Login = Annotated[str, typer.Argument(help="what the person types to log in")]


@app.command("add")
def people_add(
    login: Login,
    name: Annotated[str, typer.Option(help="what the record calls the person")],
    role: Annotated[list[Role], typer.Option(help="may be repeated")],
    city: Annotated[list[str] | None, typer.Option(help="GB/T 2260 code, may be repeated; none: all")] = None,
    crew: Annotated[str | None, typer.Option(help="crew id, for the role crew")] = None,
    shelter: Annotated[list[str] | None, typer.Option(help="shelter id, may be repeated, for the role warden")] = None,
) -> None:
    """Add a person and print the link, good once, under which a password is chosen."""
    from lifeline.store import people

    now = SystemClock().now()
    with open_store() as store:
        people.add(
            store, login=login, name=name, roles=role, cities=city or (), crew_id=crew, shelter_ids=shelter or (),
            by=people.TERMINAL, now=now,
        )  # fmt: skip
        secret = people.reset(store, login, by=people.TERMINAL, now=now)
    out.print(f"{login}: added; within {people.SETUP_LINK_HOURS} hours {_address('setup', secret)}", markup=False)


@app.command("list")
def people_list() -> None:
    """Say who there is, with roles, cities and tokens."""
    from lifeline.store import people, sessions

    with open_store() as store:
        everybody, tokens = people.people(store), sessions.tokens(store)
    if not everybody:
        out.print("nobody has an account yet -> start `lifeline console` and open the link that it prints")
        return
    table = Table("login", "name", "roles", "cities", "log-in")
    for one in everybody:
        state = "disabled" if one.disabled_at else "link" if not one.has_password else "password"
        table.add_row(
            one.login, one.name, ", ".join(sorted(one.roles)), ", ".join(sorted(one.cities)) or "all",
            f"{state}, code" if one.has_totp and not one.disabled_at else state,
        )  # fmt: skip
    out.print(table)
    for token in tokens:
        if token.revoked_at is None:
            kind = "reads" if token.read_only else "acts"
            used = f"{token.used_at:%Y-%m-%d %H:%M}Z" if token.used_at else "never"
            out.print(
                f"token {token.token_id} of {token.login}: {token.name}, {kind} as {', '.join(token.roles)}, "
                f"until {token.expires_at:%Y-%m-%d}, used {used}",
                markup=False,
            )


@app.command("disable")
def people_disable(
    login: Login, again: Annotated[bool, typer.Option("--undo", help="let the person in again")] = False
) -> None:
    """Lock a person out: sessions and tokens end at once."""
    from lifeline.store import people

    with open_store() as store:
        people.disable(store, login, by=people.TERMINAL, now=SystemClock().now(), again=again)
    out.print(f"{login}: {'may log in again' if again else 'is locked out'}", markup=False)


@app.command("reset")
def people_reset(login: Login) -> None:
    """Forget password, second factor, sessions and tokens; print the link under which they are set up anew."""
    from lifeline.store import people

    with open_store() as store:
        secret = people.reset(store, login, by=people.TERMINAL, now=SystemClock().now())
    out.print(f"{login}: within {people.SETUP_LINK_HOURS} hours {_address('setup', secret)}", markup=False)


@app.command("token")
def people_token(
    login: Annotated[str, typer.Argument(help="the person whose rights the token has")] = "",
    name: Annotated[str, typer.Option(help="which program it is for")] = "",
    role: Annotated[list[Role] | None, typer.Option(help="only these roles of the person; none: all")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="may only read")] = False,
    days: Annotated[float, typer.Option(help="how long it is good")] = 90.0,
    revoke: Annotated[int, typer.Option(help="take the token of this number back instead")] = 0,
) -> None:
    """Print a new API token of a person, to be sent as `Authorization: Bearer TOKEN`; it is shown only now."""
    from lifeline.store import people, sessions

    now = SystemClock().now()
    with open_store() as store:
        if revoke:
            sessions.revoke_token(store, revoke, by=people.TERMINAL, now=now)
            out.print(f"token {revoke}: taken back")
            return
        if not login or not name:
            raise CredentialError("a token needs a person and a name", advice="lifeline people token LOGIN --name WHAT")
        secret = sessions.add_token(
            store, login, name=name, roles=role or (), read_only=read_only, days=days, by=people.TERMINAL, now=now
        )
    out.print(secret, markup=False)


def _address(kind: str, secret: str) -> str:
    settings = settings_module.load()
    base = settings.alerts.console_url or f"http://{settings.console.host}:{settings.console.port}"
    return f"{base.rstrip('/')}/{kind}/{secret}"
