"""What the live leak detector remembers, as the store takes it: JSON with finite numbers only."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from detect.leak.detector import Report
from detect.port import Json


def not_over(reports: list[Report]) -> list[Report]:
    """Reports about what still goes on at their end."""
    over = {r.number for r in reports if r.kind == "repair"}
    return [r for r in reports if r.number not in over]


def without_nan(value: Any) -> Any:
    """The store takes finite numbers only: what is not known is null in it."""
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def with_nan(value: Any) -> Any:
    """The inverse of `without_nan`: nulls in lists are numbers that are not known."""
    if isinstance(value, dict):
        return {key: with_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [np.nan if one is None else with_nan(one) for one in value]
    return value


def report_json(report: Report) -> Json:
    """A report of the core; the posterior to four digits."""
    saved = {k: v for k, v in vars(report).items() if k != "posterior"}
    posterior = None if report.posterior is None else [float(f"{p:.4g}") for p in report.posterior]
    times = {"at": report.at.timestamp(), "began_at": report.began_at.timestamp()}
    return {**saved, **times, "posterior": posterior, "candidates": [list(c) for c in report.candidates]}


def report_of(saved: Json) -> Report:
    """The inverse of `report_json`."""
    return Report(
        **{
            **saved,
            "at": datetime.fromtimestamp(saved["at"], UTC),
            "began_at": datetime.fromtimestamp(saved["began_at"], UTC),
            "posterior": None if saved["posterior"] is None else np.array(saved["posterior"]),
            "candidates": tuple((name, p) for name, p in saved["candidates"]),
        }
    )
