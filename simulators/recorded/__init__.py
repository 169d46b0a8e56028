"""Recorded data of other systems as readings in time order; one small module per layout (docs/replay.md)."""
