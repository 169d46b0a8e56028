"""deploy/constraints.txt pins every package of a full installation, and these are the versions that run here."""

import re
import tomllib
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def _declared() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # the extra `grafana` replaces urllib3 and lives in an environment of its own (docs/grafana.md)
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "grafana" for line in lines]
    return [line for line in (*project["dependencies"], *extras) if not line.startswith("lifeline[")]


def _closure(declared: list[str]) -> set[str]:
    """Names of all packages that the declared ones need on this interpreter."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(line) for line in declared]
    while waiting:
        one = waiting.pop()
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key in seen:
            continue
        seen.add(key)
        inner = [Requirement(line) for line in requires(one.name) or ()]
        waiting += [r for r in inner if any(r.marker is None or r.marker.evaluate({"extra": e}) for e in ("", *key[1]))]
    return {name for name, _ in seen}


def test_every_package_is_pinned_to_the_version_that_runs() -> None:
    lines = (ROOT / "deploy" / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    pinned = {canonicalize_name(name): number for name, number in pinned.items()}
    needed = _closure(_declared())
    assert needed - set(pinned) == set(), "add them to deploy/constraints.txt as its first lines say"
    assert {name: version(name).removeprefix("v") for name in needed} == {name: pinned[name] for name in needed}


def test_every_line_is_one_exact_version() -> None:
    lines = (ROOT / "deploy" / "constraints.txt").read_text().splitlines()
    assert all(line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines)
