"""The documentation names everything that a person can set, type, read or meet."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from prometheus_client import REGISTRY
from pydantic import BaseModel

import lifeline.metrics  # noqa: F401  # registers the metrics
from lifeline.alarm import AlarmAction, AlarmState, Level
from lifeline.cli import app
from lifeline.finding import FindingKind
from lifeline.provision import WORDS, Provision
from lifeline.reading import QualityReason, RejectReason
from lifeline.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _settings(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def _verbs(command: object, path: str = "lifeline") -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path
        return
    for name, child in children.items():
        yield from _verbs(child, f"{path} {name}")


def _text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(_settings(Settings)))
def test_every_setting_is_described(name: str) -> None:
    assert f"`{name}`" in _text("settings.md")


@pytest.mark.parametrize("verb", list(_verbs(typer.main.get_command(app))))
def test_every_verb_is_described(verb: str) -> None:
    assert f"`{verb}" in _text("operating.md")


def test_every_metric_is_described() -> None:
    text = _text("metrics.md")
    names = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("lifeline_")}
    assert names
    assert {name for name in names if f"`{name}" not in text} == set()


def test_every_reject_and_quality_reason_is_described() -> None:
    text = _text("wire.md")
    reasons = [reason.value for reason in RejectReason] + [reason.name.lower() for reason in QualityReason]
    assert [reason for reason in reasons if f"`{reason}`" not in text] == []


def test_every_alarm_word_is_described() -> None:
    text = _text("alarms.md")
    words = [
        *(kind.value for kind in FindingKind),
        *(state.value for state in AlarmState),
        *(action.value for action in AlarmAction),
        *(level.name.lower() for level in Level),
    ]
    assert [word for word in words if f"`{word}`" not in text] == []


def test_every_provision_has_its_words() -> None:
    assert set(WORDS) == set(Provision)


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("deploy/**/*.md")]
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_both_readmes_show_the_same_commands_and_figures() -> None:
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))

    def code(text: str) -> list[str]:
        blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        return [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]

    def images(text: str) -> list[str]:
        return re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)

    assert [line.split("#")[0].strip() for line in code(english)] == [
        line.split("#")[0].strip() for line in code(chinese)
    ]
    assert images(english) == images(chinese)


def test_changelog_has_the_present_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
