"""Units of monitoring factors and of process values by their code; source: HJ 212-2017, annex B; HJ 525-2009."""

UNITS: dict[str, str] = {
    "w00000": "l/s",
    "w01001": "pH",
    "w01006": "mg/l",
    "w01009": "mg/l",
    "w01010": "Cel",
    "w01012": "mg/l",
    "w01014": "uS/cm",
    "w01017": "mg/l",
    "w01018": "mg/l",
    "w01019": "mg/l",
    "w01020": "mg/l",
    "w20122": "mg/l",
    "w20123": "mg/l",
    "w21001": "mg/l",
    "w21003": "mg/l",
    "w21011": "mg/l",
    "w22001": "mg/l",
}
"""Unit of real-time, mean, least and greatest values."""
TOTAL_UNITS: dict[str, str] = {"w00000": "m3"}
"""Unit of `Cou`, what passed in the interval; of other factors it is a mass in kg."""
PROCESS_UNITS: dict[str, str] = {"e101": "l/s", "e201": "l/s", "e312": "m"}
"""Unit by the first four characters: inflow, outflow, level of a sludge tank."""
_AMOUNTS = frozenset({"Rtd", "Avg", "Min", "Max"})


def unit(code: str, kind: str) -> str | None:
    """The unit of `code`-`kind`; None where the table has none: then the city pack's holds.

    >>> unit("w00000", "Rtd"), unit("w00000", "Cou"), unit("SB1", "RS")
    ('l/s', 'm3', None)
    """
    if kind == "Cou":
        return TOTAL_UNITS.get(code, "kg" if code in UNITS else None)
    if kind not in _AMOUNTS:
        return None
    return UNITS.get(code) or PROCESS_UNITS.get(code[:4])
