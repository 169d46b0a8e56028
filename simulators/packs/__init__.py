"""The demo city packs that are shipped: Changchun and its small neighbours."""

from pathlib import Path

PACKS = Path(__file__).parent
"""Folder of the packs."""
CHANGCHUN = PACKS / "changchun"
DEMO_PACKS: tuple[Path, ...] = (CHANGCHUN, PACKS / "jilin", PACKS / "siping", PACKS / "liaoyuan")
"""Changchun first."""
