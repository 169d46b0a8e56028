"""Weekly use patterns of the demo cities: 168 hourly factors from Monday 00:00, each with mean 1."""

import math

HOME_WORKDAY = (
    0.34, 0.25, 0.21, 0.20, 0.26, 0.62, 1.35, 1.78, 1.52, 1.18, 1.06, 1.12,
    1.22, 1.05, 0.92, 0.90, 1.02, 1.32, 1.66, 1.78, 1.60, 1.28, 0.92, 0.56,
)  # fmt: skip
HOME_WEEKEND = (
    0.42, 0.30, 0.24, 0.21, 0.24, 0.40, 0.78, 1.26, 1.62, 1.66, 1.50, 1.42,
    1.38, 1.20, 1.08, 1.04, 1.12, 1.36, 1.58, 1.64, 1.50, 1.28, 0.98, 0.64,
)  # fmt: skip
SHOP_WORKDAY = (
    0.14, 0.10, 0.10, 0.10, 0.14, 0.26, 0.60, 1.10, 1.70, 1.90, 1.90, 1.95,
    1.85, 1.70, 1.75, 1.75, 1.65, 1.45, 1.20, 1.00, 0.80, 0.52, 0.32, 0.20,
)  # fmt: skip
SHOP_WEEKEND = (
    0.14, 0.10, 0.10, 0.10, 0.12, 0.20, 0.40, 0.70, 1.05, 1.30, 1.45, 1.50,
    1.50, 1.40, 1.35, 1.30, 1.25, 1.20, 1.15, 1.00, 0.80, 0.52, 0.32, 0.20,
)  # fmt: skip


def week(workday: tuple[float, ...], weekend: tuple[float, ...]) -> list[float]:
    """Five workdays and two weekend days, scaled to mean 1."""
    factors = list(workday) * 5 + list(weekend) * 2
    mean = math.fsum(factors) / len(factors)
    return [round(factor / mean, 4) for factor in factors]


PATTERNS: dict[str, list[float]] = {
    "HOME": week(HOME_WORKDAY, HOME_WEEKEND),
    "SHOP": week(SHOP_WORKDAY, SHOP_WEEKEND),
    "LEAKAGE": [1.0],
}
