"""Pictures of the console: what `make screenshots` takes is what is kept, and each stands in a page of the guide."""

import re
from pathlib import Path

from deploy.screenshots import SHOTS

ROOT = Path(__file__).parents[2]
PAGES = (*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md"))


def test_every_picture_is_taken_kept_and_shown() -> None:
    taken = {f"{shot.name}.png" for shot in SHOTS if shot.name}
    kept = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    shown = {name for page in PAGES for name in re.findall(r"images/([\w-]+\.png)", page.read_text(encoding="utf-8"))}
    assert taken == kept == shown
