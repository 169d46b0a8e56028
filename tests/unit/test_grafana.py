"""Dashboards as code: the shipped files are their source's, panels do not overlap, a push changes only what differs."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.grafana.catalogue import documents
from deploy.grafana.provisioning import DASHBOARDS, files
from deploy.grafana.push import Document, Step, Wanted, differences, push
from lifeline.cli import app
from lifeline.errors import SettingsError

URL = "postgresql://grafana:secret@database:5432/lifeline"


class MemoryGrafana:
    """A Grafana in memory: it adds what the real one adds and does not give the password back."""

    def __init__(self) -> None:
        self.things: dict[str, Document] = {}
        self.writes: list[str] = []

    def _put(self, name: str, wanted: Document, **own: Any) -> None:
        self.writes.append(name)
        self.things[name] = {k: v for k, v in deepcopy(wanted).items() if k != "secureJsonData"} | own

    def source(self) -> Document | None:
        return self.things.get("source")

    def put_source(self, wanted: Document, *, exists: bool) -> None:
        assert exists == ("source" in self.things)
        self._put("source", wanted, id=1, readOnly=False)

    def folder(self) -> Document | None:
        return self.things.get("folder")

    def put_folder(self) -> None:
        assert "folder" not in self.things
        self._put("folder", {})
        self.things["folder"] = {"uid": "lifeline"}

    def dashboard(self, uid: str) -> Document | None:
        return self.things.get(uid)

    def put_dashboard(self, wanted: Document) -> None:
        self._put(wanted["uid"], wanted, id=7, version=len(self.writes))

    def contact(self) -> Document | None:
        return self.things.get("contact")

    def put_contact(self, wanted: Document, *, exists: bool) -> None:
        assert exists == ("contact" in self.things)
        self._put("contact", wanted)


def _wanted() -> Wanted:
    return Wanted.of(database_url=URL, contact_url="mailto:duty@example.org")


def test_the_shipped_files_are_what_their_source_says() -> None:
    wanted = files()
    assert {path: path.read_text(encoding="utf-8") for path in wanted} == wanted, (
        "run python -m deploy.grafana.provisioning"
    )
    assert set(DASHBOARDS.glob("*.json")) <= set(wanted)


def test_panels_fill_rows_without_overlap_and_say_what_they_show() -> None:
    for document in documents().values():
        taken: set[tuple[int, int]] = set()
        for panel in document["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            cells = {
                (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
            }  # fmt: skip
            assert not cells & taken, panel["title"]
            taken |= cells
            assert panel["title"].isascii() is False
            assert panel["targets"]
        assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])
        assert {one["name"] for one in document["templating"]["list"]} >= {"console", "city"}
        assert document["annotations"]["list"]
        assert document["links"]


def test_a_push_brings_everything_once_and_then_nothing() -> None:
    grafana, wanted = MemoryGrafana(), _wanted()
    first = differences(grafana, wanted)
    assert {one.step for one in first} == {Step.ADD}
    assert push(grafana, wanted, first) == len(first) == len(wanted.dashboards) + 3
    again = differences(grafana, wanted)
    assert {one.step for one in again} == {Step.SAME}
    grafana.writes.clear()
    assert push(grafana, wanted, again) == 0
    assert grafana.writes == ["source"]


def test_what_was_changed_by_hand_is_named_and_put_right() -> None:
    grafana, wanted = MemoryGrafana(), _wanted()
    push(grafana, wanted, differences(grafana, wanted))
    grafana.things["lifeline-city"]["panels"][0]["title"] = "mine"
    grafana.things["source"]["url"] = "elsewhere:5432"
    found = {one.what: one for one in differences(grafana, wanted) if one.step is not Step.SAME}
    assert found["dashboard lifeline-city"].places == ("panels[0].title",)
    assert found["data source"].places == ("url",)
    grafana.writes.clear()
    assert push(grafana, wanted, differences(grafana, wanted)) == 2
    assert grafana.writes == ["source", "lifeline-city"]
    assert grafana.things["lifeline-city"]["panels"][0]["title"] != "mine"


def test_the_verb_shows_what_differs_before_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    grafana = MemoryGrafana()
    monkeypatch.setattr("deploy.grafana.client.ClientGrafana", lambda *_: grafana)
    for name, value in (("URL", "http://grafana"), ("TOKEN", "x"), ("DATABASE_URL", URL)):
        monkeypatch.setenv(f"LIFELINE_GRAFANA__{name}", value)
    run = CliRunner()
    shown = run.invoke(app, ["grafana", "push", "--dry-run"])
    assert (shown.exit_code, grafana.writes) == (1, [])
    assert "dashboard lifeline-city" in shown.output and "add" in shown.output
    refused = run.invoke(app, ["grafana", "push"], input="n\n")
    assert (refused.exit_code, grafana.writes) == (1, [])
    assert refused.output.index("dashboard lifeline-city") < refused.output.index("bring 10 things")
    assert run.invoke(app, ["grafana", "push", "--yes"]).exit_code == 0
    assert len(grafana.writes) == 10
    again = run.invoke(app, ["grafana", "push", "--dry-run"])
    assert again.exit_code == 0 and "everything is as this release has it" in again.output


@pytest.mark.parametrize(
    ("database_url", "contact_url", "names"),
    [
        ("mysql://a:b@c/d", "", "grafana.database_url"),
        ("", "", "grafana.database_url"),
        (URL, "duty@example.org", "grafana.contact_url"),
    ],
)
def test_a_wrong_address_is_refused_by_its_name(database_url: str, contact_url: str, names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        Wanted.of(database_url=database_url, contact_url=contact_url, dashboards=Path("/nowhere"))
