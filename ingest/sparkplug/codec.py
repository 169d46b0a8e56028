"""Sparkplug B payloads under their names: each metric that is a measurement is a row or a fault that names it."""

from ingest.contract import Decoded, Fault
from ingest.sparkplug.payload import BIRTH_SEQUENCE, CONTROL_PREFIXES, GOOD_QUALITY, Metric, parse
from lifeline.errors import WireError
from lifeline.reading import RejectReason


class Sparkplug:
    """The codec `sparkplug`: the metric's name, `.` for `/`, is the channel; the unit is the city pack's."""

    name = "sparkplug"

    def decode(self, payload: bytes, *, device_id: str, received_s: float) -> Decoded:
        del device_id  # a payload names none
        parsed = parse(payload)
        if not parsed.metrics:
            raise WireError("a payload without metrics", reason=RejectReason.MALFORMED, advice="see docs/wire.md")
        decoded = Decoded()
        for index, metric in enumerate(parsed.metrics):
            if metric.name == BIRTH_SEQUENCE or metric.name.startswith(CONTROL_PREFIXES):
                continue
            fault = _fault(metric)
            if fault is not None:
                decoded.faults.append(Fault(fault.reason, f"metric {index} {metric.name!r:.60}: {fault.detail}"))
                continue
            if metric.is_historical:
                decoded.historical.add(len(decoded.values))
            timestamp_ms = parsed.timestamp_ms if metric.timestamp_ms is None else metric.timestamp_ms
            decoded.channels.append(metric.name.replace("/", "."))
            decoded.units.append(None)
            decoded.times_s.append(received_s if timestamp_ms is None else timestamp_ms / 1000)
            decoded.values.append(0.0 if metric.value is None else metric.value)
        return decoded


def _fault(metric: Metric) -> Fault | None:
    if metric.fault:
        return Fault(RejectReason.MALFORMED, metric.fault)
    if not metric.name:
        return Fault(RejectReason.UNKNOWN_CHANNEL, f"alias {metric.alias} stands for no name")
    if metric.is_null or metric.value is None:
        return Fault(RejectReason.NO_VALUE, "not a number")
    if metric.quality != GOOD_QUALITY:
        return Fault(RejectReason.FLAGGED, f"quality {metric.quality}")
    return None
