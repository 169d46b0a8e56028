"""Who gets in and what each may do: every address by every role, and what somebody tries who means harm."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pyotp
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from console.access import ACTIONS, RULES, Rule
from console.gate import FORM_COOKIE, FORM_HEADER, SESSION_COOKIE
from lifeline.alarm import AlarmState, Level
from lifeline.asset import Name
from lifeline.finding import FindingKind
from lifeline.person import Person, Role
from lifeline.store import alarms as alarm_store
from lifeline.store import audit, people, sessions
from lifeline.store.pool import Store
from tests.console_stage import (
    PASSWORD,
    Console,
    bearer,
    database,
    found,
    load_city,
    measure,
    raise_alarm,
    running,
    somebody,
)
from tests.packs import write_tiny_pack

NOW = datetime.now(UTC)
_VALUES = {
    "alarm_id": "1", "finding_id": "1", "sensor_id": "CC-P-01", "layer": "pipes", "secret": "x" * 43, "action": "open",
    "path": "nothing",
}  # fmt: skip
_DOORS = ("/login", "/code", "/factor")


@pytest.fixture(scope="module")
def store(database_template: tuple[str, str]) -> Iterator[Store]:
    with database(database_template) as url, Store(url, name="test") as opened:
        yield opened


@pytest.fixture(scope="module")
def console(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    load_city(store, write_tiny_pack(folder / "cc"), now=NOW)
    load_city(store, write_tiny_pack(folder / "jl", "220200", prefix="JL", lon=126.55, lat=43.84), now=NOW)
    measure(store, {"CC-P-01": 310e3, "JL-P-01": 310e3}, until=NOW, minutes=5)
    _alarm(store, "220100", "CC-WD-01")
    with running(store.url, folder / "console.log") as started:
        yield started


def _alarm(store: Store, city: str, sensor: str) -> int:
    finding = found(
        subject=f"flood:{sensor}:{datetime.now(UTC).timestamp()}", kind=FindingKind.FLOOD, at=NOW, city_code=city,
        position=(125.32, 43.88), sensor_ids=(sensor,), depth_m=0.3,
    )  # fmt: skip
    return raise_alarm(store, finding, level=Level.RED, title=Name("积水", "Water"), now=NOW)


_open: list[httpx.Client] = []


@pytest.fixture(autouse=True)
def _closed_afterwards() -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()


def _browser(console: Console, who: Person | None = None, *, complete: bool = True) -> httpx.Client:
    """A browser in which `who` has logged in; its key goes with whatever it changes, as the pages send it."""
    client = httpx.Client(base_url=console.url, follow_redirects=False, headers={FORM_HEADER: "key"})
    _open.append(client)
    client.cookies.set(FORM_COOKIE, "key")
    if who is not None:
        secret = sessions.open_session(console.store, who, complete=complete, address="test", now=datetime.now(UTC))
        visit = sessions.visit(console.store, secret, now=datetime.now(UTC))
        assert visit is not None
        client.cookies.set(SESSION_COOKIE, secret)
        client.headers[FORM_HEADER] = visit.form_key
    return client


def _address(rule: Rule) -> str:
    return re.sub(r"\{(\w+)(?::path)?\}", lambda part: _VALUES.get(part[1], "1"), rule.path)


def test_every_address_by_every_role(console: Console, store: Store) -> None:
    visitors: dict[Role | str, httpx.Client] = {"nobody": _browser(console)}
    visitors["half"] = _browser(console, somebody(store, "half", *Role), complete=False)
    for role in Role:
        visitors[role] = _browser(console, somebody(store, f"a {role}", role))
    wrong = []
    for rule in RULES:
        for method in sorted(rule.methods):
            if rule.path in {"/logout", "/api/v1/events"} or rule.path.startswith("/_nicegui_ws"):
                continue  # looked at on their own below
            for who, client in visitors.items():
                form = {"data": {"form_key": client.headers[FORM_HEADER]}} if not rule.path.startswith("/api/") else {}
                answer = client.request(method, _address(rule), **(form if method == "POST" else {}))  # type: ignore[arg-type]
                doors = _DOORS[:1] if rule.half else _DOORS
                asked_who = answer.status_code == 401 or answer.headers.get("location", "").startswith(doors)
                if rule.roles is None:  # a link that is not good may be refused; nobody is asked who he is
                    right = not asked_who
                elif who == "half" and rule.half:
                    right = answer.status_code not in (401, 403)
                elif who in ("nobody", "half"):
                    right = asked_who
                else:
                    right = (answer.status_code == 403) == (who not in rule.roles) and not asked_who
                if not right or answer.status_code >= 500:
                    wrong.append((method, rule.path, who, answer.status_code))
    assert wrong == []
    assert {rule.path.rpartition("/")[2] for rule in RULES} >= {action.value for action in ACTIONS}


def test_streams_and_sockets_ask_too(console: Console, store: Store) -> None:
    assert httpx.get(f"{console.api}/events").status_code == 401
    assert httpx.get(f"{console.api}/events", headers=bearer(store, Role.WARDEN)).status_code == 403
    polling = f"{console.url}/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    assert httpx.get(polling).status_code in (303, 401)
    assert httpx.get(f"{console.url}/zh", follow_redirects=False).headers["location"] == "/login?next=/zh"
    socket = console.url.replace("http", "ws") + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    for visitor in (_browser(console), _browser(console, somebody(store, f"a {Role.CREW}", Role.CREW))):
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        with pytest.raises(InvalidStatus, match="403"), connect(socket, additional_headers={"Cookie": cookie}):
            pass


def test_nothing_is_changed_without_the_key_of_the_sessions_pages(console: Console, store: Store) -> None:
    everybody = _browser(console, somebody(store, "alle", *Role))
    without, guessed = {FORM_HEADER: ""}, {FORM_HEADER: "guessed"}
    open_ways = []
    changing = [rule for rule in RULES if "POST" in rule.methods]
    for rule in changing:
        for header in (without, guessed):
            form = {} if rule.path.startswith("/api/") else {"data": {"form_key": header[FORM_HEADER]}}
            answer = everybody.post(_address(rule), headers=header, **form)  # type: ignore[arg-type]
            if answer.status_code != 403:
                open_ways.append((rule.path, answer.status_code))
    assert open_ways == []
    assert len(changing) > 25
    assert everybody.get("/me").status_code == 200  # nobody was logged out either


def test_a_city_of_ones_own(console: Console, store: Store) -> None:
    elsewhere = _alarm(store, "220200", "JL-WD-01")
    with httpx.Client(base_url=console.api, headers=bearer(store, Role.SUPERVISOR, cities=("220100",))) as api:
        assert {one["city"] for one in api.get("/sensors").json()["items"]} == {"220100"}
        assert {one["city"] for one in api.get("/alarms").json()["items"]} == {"220100"}
        assert {one["city_code"] for one in api.get("/findings").json()["items"]} == {"220100"}
        for path in (
            f"/alarms/{elsewhere}", "/alarms?city=220200", "/sensors/JL-P-01", "/sensors/JL-P-01/readings",
            "/sensors/JL-P-01/readings.csv", "/sensors/JL-P-01/series", "/layers/sensors.geojson?city=220200",
            "/findings?city=220200",
        ):  # fmt: skip
            assert api.get(path).status_code == 403, path
        assert api.post(f"/alarms/{elsewhere}/acknowledge", json={"version": 1}).status_code == 403
        features = api.get("/layers/pipes.geojson").json()["features"]
        assert {one["properties"]["city"] for one in features} == {"220100"}
    assert alarm_store.alarm(store, elsewhere).state is AlarmState.OPEN


def _login(client: httpx.Client, login: str, password: str, **fields: str) -> httpx.Response:
    key = _key(client.get("/login"))
    return client.post("/login", data={"form_key": key, "login": login, "password": password, **fields})


def _key(page: httpx.Response) -> str:
    """What a form of the page carries."""
    key = re.search(r'name="form_key" value="([^"]+)"', page.text)
    assert key is not None, page.text
    return key[1]


def test_a_session_is_new_after_every_step_and_gone_after_the_last(console: Console, store: Store) -> None:
    who = somebody(store, "张伟")
    with httpx.Client(base_url=console.url) as client:
        client.cookies.set(SESSION_COOKIE, "planted" * 6)
        answer = _login(client, who.login, PASSWORD)
        cookie = answer.headers["set-cookie"]
        assert answer.status_code == 303
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
        secret = answer.cookies[SESSION_COOKIE]
        assert secret != "planted" * 6
        own = _browser(console)
        own.cookies.set(SESSION_COOKIE, secret)
        key = _key(own.get("/me"))
        assert own.post("/logout", data={"form_key": "guessed"}).status_code == 403
        assert own.get("/me").status_code == 200
        assert own.post("/logout", data={"form_key": key}).status_code == 303
        assert own.get("/me").status_code == 303
    with httpx.Client(base_url=console.url, headers={"X-Forwarded-Proto": "https"}) as proxied:
        proxied.get("/login")
        form = {"form_key": "k", "login": who.login, "password": PASSWORD}
        answer = proxied.post("/login", data=form, headers={"Cookie": f"{FORM_COOKIE}=k"})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"__Host-{SESSION_COOKIE}=") and "Secure" in cookie
    actions = [entry.action for entry in audit.entries(store, subject=f"person:{who.login}")]
    assert actions[:3] == ["session.open", "session.end", "session.open"]


def test_a_supervisor_needs_a_code_that_works_once(console: Console, store: Store) -> None:
    who = somebody(store, "主管", Role.SUPERVISOR)
    with httpx.Client(base_url=console.url) as client:
        assert _login(client, who.login, PASSWORD).headers["location"] == "/factor"
        assert client.get("/people").status_code == 303
        page = client.get("/factor")
        secret = re.search(r'name="secret" value="([A-Z2-7]+)"', page.text)
        assert secret is not None
        half = client.cookies[SESSION_COOKIE]
        given = {"form_key": _key(page), "secret": secret[1]}
        assert client.post("/factor", data=given | {"code": "000000"}).status_code == 422
        code = pyotp.TOTP(secret[1]).now()
        assert client.post("/factor", data=given | {"code": code}).status_code == 303
        assert client.cookies[SESSION_COOKIE] != half
        assert client.get("/people").status_code == 200
        late = _browser(console)
        late.cookies.set(SESSION_COOKIE, half)
        assert late.get("/factor").headers["location"].startswith("/login")  # who kept the half session has nothing
    with httpx.Client(base_url=console.url) as client:
        assert _login(client, who.login, PASSWORD).headers["location"] == "/code"
        assert client.get("/factor").headers["location"] == "/code"  # a password alone sets up no other factor
        form = {"form_key": _key(client.get("/code"))}
        assert client.post("/code", data=form | {"code": code}).status_code == 422  # used up
        guesses = [client.post("/code", data=form | {"code": f"{n:06}"}).status_code for n in range(7)]
        assert (guesses[0], guesses[-1]) == (422, 429)


def test_guessing_is_held_up_and_locks_nobody_else_out(console: Console, store: Store) -> None:
    victim, colleague = somebody(store, "被猜的人"), somebody(store, "同事")
    with httpx.Client(base_url=console.url) as client:
        assert _login(client, victim.login, PASSWORD).status_code == 303  # known from this address
        for _ in range(5):
            assert _login(client, victim.login, "wrong").status_code == 422
        held = _login(client, victim.login, PASSWORD)
        assert held.status_code == 429
        assert _login(client, colleague.login, PASSWORD).status_code == 303
    stranger = {"X-Forwarded-For": "203.0.113.9"}
    with httpx.Client(base_url=console.url, headers=stranger) as client:
        statuses = [_login(client, colleague.login, f"guess {n}").status_code for n in range(7)]
        assert statuses[-1] == 429
    with httpx.Client(base_url=console.url) as client:
        assert _login(client, colleague.login, PASSWORD).status_code == 303
        unknown = _login(client, "nobody-there", "wrong")
        known = _login(client, colleague.login, "wrong")
        assert (unknown.status_code, known.status_code) == (422, 422)
        fault = re.compile(r'role="alert">([^<]+)<')
        assert fault.search(unknown.text)[1] == fault.search(known.text)[1]  # type: ignore[index]


def test_links_work_once_and_lead_nowhere_else(console: Console, store: Store) -> None:
    who = somebody(store, "一次性")
    now = datetime.now(UTC)
    secret = people.enter_link(store, who.login, by="test", now=now)
    with httpx.Client(base_url=console.url) as client:
        assert client.get(f"/setup/{secret}").status_code == 404  # a link of another kind
        assert client.get(f"/enter/{secret}").status_code == 200
        form = {"form_key": client.cookies[FORM_COOKIE]}
        assert client.post(f"/enter/{secret}", data=form).status_code == 303
    with httpx.Client(base_url=console.url) as client:
        assert client.get(f"/enter/{secret}").status_code == 422
    old = people.enter_link(store, who.login, by="test", now=now - timedelta(days=2))
    with httpx.Client(base_url=console.url) as client:
        assert client.get(f"/enter/{old}").status_code == 422
        for target in ("//evil.example", "https://evil.example", "/\\evil.example", "/ok\r\nSet-Cookie: a=b"):
            assert _login(client, who.login, PASSWORD, next=target).headers["location"] == "/"
        assert _login(client, who.login, PASSWORD, next="/en/history?state=live").headers["location"].startswith("/en/")


def test_the_first_supervisor_is_made_by_the_link_of_the_first_start(database_url: str, tmp_path: Path) -> None:
    with Store(database_url, name="test") as store:
        load_city(store, write_tiny_pack(tmp_path / "cc"), now=NOW)
    with running(database_url, tmp_path / "console.log") as console:
        link = re.search(r'"link": "([^"]+/first/[^"]+)"', (tmp_path / "console.log").read_text())
        assert link is not None
        with httpx.Client() as client:
            assert client.get(link[1]).status_code == 200
            form = {"form_key": client.cookies[FORM_COOKIE], "login": "chief", "name": "陈静"}
            short = {"password": "short", "again": "short"}
            assert client.post(link[1], data=form | short).status_code == 422
            good = {"password": PASSWORD, "again": PASSWORD}
            assert client.post(link[1], data=form | good).headers["location"] == "/factor"
            assert client.get(link[1]).status_code == 422
        made = people.person(console.store, "chief")
        assert made.roles == {Role.SUPERVISOR} and made.has_password


def test_people_are_looked_after_and_what_they_lose_they_lose_at_once(console: Console, store: Store) -> None:
    chief = _browser(console, somebody(store, "另一主管", Role.SUPERVISOR))
    key = {"form_key": chief.headers[FORM_HEADER]}
    nasty = "<script>alert(1)</script>"
    page = chief.post(
        "/people",
        data=key | {"act": "add", "login": "nasty", "name": nasty, "role_engineer": "yes", "city_220100": "yes"},
    )
    assert page.status_code == 200 and nasty not in page.text and "&lt;script&gt;" in page.text
    link = re.search(r'class="secret">([^<]+)<', page.text)
    assert link is not None
    with httpx.Client() as client:
        client.get(link[1])
        form = {"form_key": client.cookies[FORM_COOKIE], "password": PASSWORD, "again": PASSWORD}
        assert client.post(link[1], data=form).headers["location"] == "/"
        assert client.get(f"{console.url}/zh/sensors").status_code == 200
        assert client.get(f"{console.url}/people").status_code == 403
        made = chief.post(
            "/people", data=key | {"act": "token", "login": "nasty", "name": "x", "days": "30", "read_only": "yes"}
        )
        token = re.search(r'class="secret">(lifeline_[^<]+)<', made.text)
        assert token is not None
        program = {"Authorization": f"Bearer {token[1]}"}
        assert httpx.get(f"{console.api}/sensors", headers=program).status_code == 200
        assert httpx.post(f"{console.api}/alarms/1/note", headers=program, json={"version": 1}).status_code == 403
        assert chief.post("/people", data=key | {"act": "disable", "login": "nasty"}).status_code == 303
        assert client.get(f"{console.url}/zh/sensors").status_code == 303
        assert httpx.get(f"{console.api}/sensors", headers=program).status_code == 401
    own = chief.post("/people", data=key | {"act": "disable", "login": somebody(store, "另一主管").login})
    assert own.status_code == 422
    local = _browser(console, somebody(store, "本市主管", Role.SUPERVISOR, cities=("220100",)))
    mine = {"form_key": local.headers[FORM_HEADER]}
    assert local.post("/people", data=mine | {"act": "reset", "login": "chief-of-all"}).status_code == 404
    wide = mine | {"act": "add", "login": "wide", "name": "wide", "role_operator": "yes", "city_220200": "yes"}
    assert local.post("/people", data=wide).status_code == 422
    assert {"person.add", "token.add", "person.disable"} <= {entry.action for entry in audit.entries(store)}


def test_other_sites_other_hosts_and_climbing_paths(console: Console, store: Store) -> None:
    operator = _browser(console, somebody(store, "值班"))
    number = _alarm(store, "220100", "CC-WD-01")
    body = {"version": 1}
    forged = {FORM_HEADER: "guessed"}
    assert operator.post(f"/api/v1/alarms/{number}/acknowledge", json=body, headers=forged).status_code == 403
    evil = {"Origin": "http://evil.example"}
    assert operator.post(f"/api/v1/alarms/{number}/acknowledge", json=body, headers=evil).status_code == 403
    assert alarm_store.alarm(store, number).state is AlarmState.OPEN
    assert operator.post(f"/api/v1/alarms/{number}/acknowledge", json=body).status_code == 200
    for path in (
        "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/....//app.py", "/static/%2fetc%2fpasswd",
        "/_nicegui/3.18.0/static/..%2f..%2fsettings.py", "/zh/../../etc/passwd", "/zh/sensors/..%2f..%2fetc",
    ):  # fmt: skip
        answer = operator.get(path)
        assert "import " not in answer.text and "root:" not in answer.text, path
        assert answer.status_code in (403, 404) or "sensors" in path, path
