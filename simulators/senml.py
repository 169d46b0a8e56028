"""SenML JSON (RFC 8428) as a simulated device writes it, after docs/wire.md and after nothing else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from lifeline.units import SECONDARY

SECONDARY_UNITS_VERSION = 26


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one channel of a device; `value` in `unit`, `epoch_s` by the device's clock."""

    epoch_s: float
    channel: str
    unit: str
    value: float


def senml(device_id: str, samples: Sequence[Sample]) -> bytes:
    """One pack; times are given once and then as what they differ, `bver` where a unit needs it (RFC 8798).

    >>> senml("CC-L-014", [Sample(1795428300.0, "pressure", "Pa", 310000.0)])
    b'[{"bn":"CC-L-014:","bt":1795428300,"n":"pressure","u":"Pa","v":310000}]'
    """
    base_s = round(samples[0].epoch_s, 3)
    version = {"bver": SECONDARY_UNITS_VERSION} if any(sample.unit in SECONDARY for sample in samples) else {}
    records: list[dict[str, object]] = []
    for sample in samples:
        record: dict[str, object] = {} if records else {"bn": f"{device_id}:", "bt": _plain(base_s), **version}
        record |= {"n": sample.channel, "u": sample.unit, "v": _plain(float(f"{sample.value:.9g}"))}
        if later_s := round(sample.epoch_s - base_s, 3):
            record["t"] = _plain(later_s)
        records.append(record)
    return json.dumps(records, separators=(",", ":")).encode()


def _plain(number: float) -> float | int:
    """Whole numbers without a decimal point."""
    return int(number) if number.is_integer() else number
