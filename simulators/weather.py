"""Weather of the simulated cities: air temperature by season, design storms, cloudburst cells that move."""

import math
from dataclasses import dataclass

MM_PER_H_PER_L_PER_S_HA = 0.36
"""1 l/(s ha) of rain is 0.36 mm/h."""
MM_PER_H_TO_M_PER_S = 1e-3 / 3600.0


@dataclass(frozen=True, slots=True)
class IntensityFormula:
    """Rainstorm intensity formula in the Chinese form: q = A (1 + C lg P) / (t + b)^n in l/(s ha), t in minutes."""

    a: float
    c: float
    b: float
    n: float


CHANGCHUN_STORM = IntensityFormula(a=1600.0, c=0.8, b=5.0, n=0.76)
"""An assumption: the formula that design handbooks print for Changchun, not checked against the city's present one."""
INTENSITY_FORMULAS: dict[str, IntensityFormula] = {
    "220100": CHANGCHUN_STORM,
    "220200": CHANGCHUN_STORM,
    "220300": CHANGCHUN_STORM,
    "220400": CHANGCHUN_STORM,
}
"""By city code. The neighbours take Changchun's: an assumption, good enough to size an invented drain."""


def mean_intensity_mm_per_h(formula: IntensityFormula, years: float, minutes: float) -> float:
    """Mean intensity over `minutes` of a storm that returns every `years` years.

    >>> round(mean_intensity_mm_per_h(CHANGCHUN_STORM, 2.0, 60.0), 1)
    29.9
    """
    q_l_per_s_ha: float = formula.a * (1.0 + formula.c * math.log10(years)) / (minutes + formula.b) ** formula.n
    return q_l_per_s_ha * MM_PER_H_PER_L_PER_S_HA
