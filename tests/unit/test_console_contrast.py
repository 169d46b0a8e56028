"""Text on the pages stands out from its ground as WCAG 2.1 AA asks: 4.5 to 1, large letters and marks 3 to 1."""

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "console" / "pages"
_HEX = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b")
_RULE = re.compile(r"([^{}@]+)\{([^{}]*)\}")
_DECLARED = re.compile(r"(?:^|;)\s*([\w-]+)\s*:\s*([^;]+)")


def _light(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_light(one), _light(other)))
    return (high + 0.05) / (low + 0.05)


def _rules(name: str) -> list[tuple[str, dict[str, str]]]:
    """Selectors with their declarations, variables put in."""
    text = re.sub(r"/\*.*?\*/", "", (PAGES / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    variables = dict(re.findall(r"(--[\w-]+):\s*(#[0-9a-fA-F]{3,6})", text))
    found = []
    for selector, body in _RULE.findall(text):
        for key, value in variables.items():
            body = re.sub(rf"var\({key}\)", value, body)  # noqa: PLW2901  # the declarations as the browser sees them
        found.append((selector.strip(), {key: value.strip() for key, value in _DECLARED.findall(body)}))
    return found


@pytest.mark.parametrize("name", ["theme.css", "door.css", "field.css"])
def test_what_sets_both_ink_and_ground_can_be_read(name: str) -> None:
    faint = []
    for selector, declared in _rules(name):
        ink = _HEX.fullmatch(declared.get("color", ""))
        ground = _HEX.search(declared.get("background", ""))
        if ink and ground and _contrast(ink[0], ground[0]) < 4.5:
            faint.append((selector, ink[0], ground[0], round(_contrast(ink[0], ground[0]), 2)))
    assert faint == []


@pytest.mark.parametrize("name", ["theme.css", "door.css", "field.css"])
def test_the_inks_can_be_read_on_every_ground_they_stand_on(name: str) -> None:
    colours = dict(_rules(name)[0][1])
    grounds = [colours[key] for key in ("--panel", "--raised", "--paper") if key in colours]
    assert grounds
    for ink in ("--ink", "--quiet"):
        assert min(_contrast(colours[ink], ground) for ground in grounds) >= 4.5, ink
    if "--bar-ink" in colours:
        assert _contrast(colours["--bar-ink"], colours["--bar"]) >= 4.5
        assert _contrast(colours["--bar-quiet"], colours["--bar"]) >= 4.5
    assert min(_contrast(colours["--focus"], ground) for ground in grounds) >= 3.0


def test_levels_are_told_by_shape_and_word_and_their_sign_stands_out() -> None:
    script = (PAGES / "script" / "index.js").read_text(encoding="utf-8")
    levels = re.findall(r'colour: "(#\w+)", ink: "(#\w+)", shape: "(\w+)", roman: "(\w+)"', script)
    assert len({shape for _, _, shape, _ in levels}) == len({roman for _, _, _, roman in levels}) == 4
    assert [(c, i) for c, i, _, _ in levels if _contrast(c, i) < 4.5] == []
