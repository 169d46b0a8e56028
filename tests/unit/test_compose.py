"""deploy/compose and deploy/systemd describe a system that exists: pinned, watched, with verbs the command line has."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from lifeline.cli import app
from lifeline.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
ONE_SHOT = {"migrate"}

_DOCUMENT: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = _DOCUMENT["services"]
LONG_RUNNING = sorted(SERVICES.keys() - ONE_SHOT)
_VERBS = set(getattr(typer.main.get_command(app), "commands", {}))


def test_all_parts_are_there() -> None:
    assert set(SERVICES) == {"database", "broker", "migrate", "ingest", "detect", "alerts", "console", "grafana"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_is_pinned_to_a_full_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+[a-z0-9.-]*(@sha256:[0-9a-f]{64})?", image), image


def test_the_image_of_the_stages_has_the_version_of_the_project_and_a_pinned_base() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    own = {service["image"] for service in SERVICES.values() if service["image"].startswith("lifeline:")}
    assert own == {f"lifeline:{version}"}
    bases = re.findall(r"^FROM (\S+)", (COMPOSE / "Dockerfile").read_text(), re.MULTILINE)
    assert bases and all(re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base) for base in bases)


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_every_long_running_service_is_watched_and_restarted(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] in {"unless-stopped", "always"}
    assert service["healthcheck"]["test"] and service["healthcheck"]["start_period"]
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_a_service_waits_for_exists_and_can_come_true(name: str) -> None:
    for other, terms in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert terms["condition"] == wanted
        assert other in SERVICES


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_volumes_are_declared_and_mounted_files_exist(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (COMPOSE / source).exists(), source
        else:
            assert source in _DOCUMENT["volumes"], source


def test_what_must_survive_lies_in_volumes() -> None:
    assert {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", ()) if not v.startswith(".")} == set(
        _DOCUMENT["volumes"]
    )


@pytest.mark.parametrize("name", ["migrate", "ingest", "detect", "alerts", "console"])
def test_the_verb_of_a_stage_and_its_settings_exist(name: str) -> None:
    service = SERVICES[name]
    assert service["command"] == [name]
    assert name in _VERBS
    for variable in service["environment"]:
        model: Any = Settings
        for part in variable.removeprefix("LIFELINE_").lower().split("__"):
            assert part in model.model_fields, variable
            model = model.model_fields[part].annotation


def test_nothing_but_loopback_is_opened_unless_asked_for() -> None:
    for service in SERVICES.values():
        for port in service.get("ports", ()):
            assert re.match(r"\$\{[A-Z]+_ADDRESS:-127\.0\.0\.1:\d+\}:\d+$", port), port


def test_every_secret_is_asked_for_in_the_example_and_has_no_default() -> None:
    text = (COMPOSE / "compose.yaml").read_text()
    used = set(re.findall(r"\$\{([A-Z_]+):\?", text))
    example = (COMPOSE / "env.example").read_text()
    assert used == set(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE))
    assert not re.findall(r"PASSWORD:-", text)
    assert (COMPOSE / ".gitignore").read_text().split() == [".env"]


def test_the_system_service_runs_verbs_that_exist() -> None:
    unit = (ROOT / "deploy" / "systemd" / "lifeline.service").read_text()
    verbs = re.findall(r"^ExecStart(?:Pre)?=\S+/lifeline (\S+)", unit, re.MULTILINE)
    assert verbs == ["migrate", "run"]
    assert set(verbs) <= _VERBS


def test_docker_itself_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker with its compose plugin is not installed here")
    secrets = dict.fromkeys(re.findall(r"\$\{([A-Z_]+):\?", (COMPOSE / "compose.yaml").read_text()), "x")
    done = subprocess.run(
        [docker, "compose", "--file", str(COMPOSE / "compose.yaml"), "config", "--quiet"],
        env={"PATH": str(Path(docker).parent), "HOME": "/nonexistent", **secrets},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
