"""The demo city packs that are shipped: Changchun and its small neighbours."""

from pathlib import Path

FOLDER = Path(__file__).parent
CHANGCHUN = FOLDER / "changchun"
PACKS: tuple[Path, ...] = (CHANGCHUN, FOLDER / "jilin", FOLDER / "siping", FOLDER / "liaoyuan")
"""Their folders, Changchun first."""
