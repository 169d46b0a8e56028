"""SenML JSON (RFC 8428, units RFC 8798, versions RFC 9100): each record resolved, or a fault that names it."""

import math
from typing import Any

import orjson

from ingest.contract import Decoded, Fault, Single
from lifeline.errors import WireError
from lifeline.reading import RejectReason
from lifeline.units import PRIMARY, SECONDARY

BASE_VERSION = 10
SECONDARY_UNITS = 1 << 4
"""Feature 4 of RFC 9100: units of RFC 8798 are legal."""
RELATIVE_BELOW_S = 2**28
"""RFC 8428, 4.5.3: smaller times are relative to now."""

_PLAIN_LABELS = frozenset({"n", "u", "v", "t"})
_KNOWN_LABELS = _PLAIN_LABELS | {"bn", "bt", "bu", "bv", "bver", "bs", "vs", "vb", "vd", "s", "ut"}
_OTHER_VALUES = ("vs", "vb", "vd")
_LEGAL_UNITS = {BASE_VERSION: frozenset(PRIMARY), BASE_VERSION | SECONDARY_UNITS: frozenset(PRIMARY | SECONDARY)}
_NUMBER = frozenset({int, float})
_TEXT = {str}
_OBJECTS = {dict}
_COMMON_UNITS = {version: units | {""} for version, units in _LEGAL_UNITS.items()}
_COMMON_FIRST = _PLAIN_LABELS | {"bn", "bt", "bu", "bver"}


class SenmlJson:
    """The codec `senml`: the resolved name is `{device}:{channel}`, as docs/wire.md says."""

    name = "senml"

    def single(self, payload: bytes, device_id: str) -> Single | None:
        try:
            pack = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return None
        return single(pack, device_id)

    def decode(self, payload: bytes, *, device_id: str, received_s: float) -> Decoded:
        try:
            pack = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise malformed(f"not JSON: {error}") from error
        return resolve(pack, device_id=device_id, received_s=received_s)


def resolve(pack: Any, *, device_id: str, received_s: float) -> Decoded:
    """The records of a parsed pack under the labels of its JSON form. Raises WireError where it is no pack."""
    if not isinstance(pack, list) or not pack:
        raise malformed("a SenML pack is an array of at least one record")
    return _common(pack, f"{device_id}:") or _Resolver(device_id, received_s).resolve(pack)


def single(pack: Any, device_id: str) -> Single | None:
    """The one plain reading of a parsed pack: absolute time, a number. None where anything is unusual."""
    if type(pack) is not list or len(pack) != 1:
        return None
    fields = pack[0]
    if type(fields) is not dict or not fields.keys() <= _COMMON_FIRST:
        return None
    get = fields.get
    value: Any = get("v")
    base_time, time = get("bt", 0), get("t", 0)
    if type(value) not in _NUMBER or type(base_time) not in _NUMBER or type(time) not in _NUMBER:
        return None
    time_s = base_time + time
    if not time_s >= RELATIVE_BELOW_S:
        return None
    base_name, own_name, version = get("bn", ""), get("n", ""), get("bver", BASE_VERSION)
    if type(base_name) is not str or type(own_name) is not str or type(version) is not int:
        return None
    base_unit = get("bu", "")
    unit = get("u", base_unit)
    if type(base_unit) is not str or type(unit) is not str or unit not in _COMMON_UNITS.get(version, ()):
        return None
    device, colon, channel = f"{base_name}{own_name}".partition(":")
    return (channel, unit or None, time_s, value) if colon and device == device_id else None


def _common(pack: list[Any], prefix: str) -> Decoded | None:
    """The pack that nearly every device sends, at several times the speed: base fields in the first record alone,
    absolute times, numbers. None where anything is unusual: then each record is looked at.
    """
    first = pack[0]
    if type(first) is not dict or not first.keys() <= _COMMON_FIRST:
        return None
    get = first.get
    base_time, base_unit, version = get("bt", 0), get("bu", ""), get("bver", BASE_VERSION)
    if type(base_time) not in _NUMBER or type(base_unit) is not str or type(version) is not int:
        return None
    legal = _COMMON_UNITS.get(version)
    if legal is None or get("bn") != prefix or set(map(type, pack)) != _OBJECTS:
        return None
    if not set().union(*pack[1:]) <= _PLAIN_LABELS:
        return None
    values = [fields.get("v") for fields in pack]
    channels = [fields.get("n", "") for fields in pack]
    units = [fields.get("u", base_unit) for fields in pack]
    times = [fields.get("t", 0) for fields in pack]
    if not (set(map(type, values)) <= _NUMBER and set(map(type, times)) <= _NUMBER):
        return None
    if set(map(type, channels)) != _TEXT or set(map(type, units)) != _TEXT or not set(units) <= legal:
        return None
    if base_time + min(times) < RELATIVE_BELOW_S or math.isnan(base_time + sum(times)):
        return None
    return Decoded(channels, [unit or None for unit in units], [base_time + time for time in times], values)


class _FaultyRecordError(Exception):
    """The record at hand is a fault."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class _Resolver:
    """The base fields as they stand at one record of a pack; None: set to something unusable."""

    def __init__(self, device_id: str, received_s: float) -> None:
        self._prefix = f"{device_id}:"
        self._received_s = received_s
        self._name: str | None = ""
        self._time_s: float | None = 0
        self._unit: str | None = ""
        self._value: float | None = 0
        self._version: int | None = BASE_VERSION
        self._version_is_set = False

    def resolve(self, pack: list[Any]) -> Decoded:
        decoded = Decoded()
        for index, fields in enumerate(pack):
            try:
                channel, unit, time_s, value = self._record(fields)
            except _FaultyRecordError as fault:
                decoded.faults.append(Fault(fault.reason, f"record {index}: {fault.detail}"))
                continue
            decoded.channels.append(channel)
            decoded.units.append(unit)
            decoded.times_s.append(time_s)
            decoded.values.append(value)
        return decoded

    def _record(self, fields: Any) -> tuple[str, str | None, float, float]:
        if type(fields) is not dict:
            raise _FaultyRecordError(RejectReason.MALFORMED, "not an object")
        labels = fields.keys()
        if not labels <= _PLAIN_LABELS:
            self._rebase(fields)
            self._check_labels(fields)
        if self._version is None:
            known = ", ".join(map(str, _LEGAL_UNITS))
            raise _FaultyRecordError(RejectReason.MALFORMED, f"a version with features not known here (known: {known})")
        return self._channel(fields), self._legal_unit(fields), self._time(fields), self._number(fields)

    def _rebase(self, fields: dict[str, Any]) -> None:
        """Takes the record's base fields over, each that is usable, before anything is said against the record."""
        if "bn" in fields:
            self._name = fields["bn"] if type(fields["bn"]) is str else None
        if "bt" in fields:
            self._time_s = fields["bt"] if type(fields["bt"]) in _NUMBER else None
        if "bu" in fields:
            self._unit = fields["bu"] if type(fields["bu"]) is str else None
        if "bv" in fields:
            self._value = fields["bv"] if type(fields["bv"]) in _NUMBER else None
        if "bver" in fields:
            self._set_version(fields["bver"])

    def _set_version(self, version: Any) -> None:
        if type(version) is not int or version not in _LEGAL_UNITS:
            self._version = None
        elif self._version_is_set and self._version not in (None, version):
            raise _FaultyRecordError(RejectReason.MALFORMED, "another version than the records before")
        else:
            self._version = version
        self._version_is_set = True

    def _check_labels(self, fields: dict[str, Any]) -> None:
        for label in fields.keys() - _KNOWN_LABELS:
            if label.endswith("_"):
                raise _FaultyRecordError(RejectReason.MALFORMED, f"label {label!r} must be understood and is not")
        for label in _OTHER_VALUES:
            if label in fields:
                if "v" in fields:
                    raise _FaultyRecordError(RejectReason.MALFORMED, f"both 'v' and {label!r}")
                raise _FaultyRecordError(RejectReason.NO_VALUE, f"{label!r} is not a number")

    def _channel(self, fields: dict[str, Any]) -> str:
        own = fields.get("n", "")
        if type(own) is not str:
            raise _FaultyRecordError(RejectReason.MALFORMED, "the name is not a string")
        if self._name is None:
            raise _FaultyRecordError(RejectReason.MALFORMED, "the base name is not a string")
        if self._name == self._prefix:
            return own
        name = self._name + own
        if name.startswith(self._prefix):
            return name[len(self._prefix) :]
        if ":" not in name:
            raise _FaultyRecordError(RejectReason.MALFORMED, f"the name {name!r} is not device:channel")
        raise _FaultyRecordError(RejectReason.DEVICE_MISMATCH, f"the name {name!r} is not of {self._prefix[:-1]}")

    def _legal_unit(self, fields: dict[str, Any]) -> str | None:
        unit = fields.get("u", self._unit)
        if type(unit) is not str:
            raise _FaultyRecordError(RejectReason.MALFORMED, "the unit is not a string")
        if not unit:
            return None
        if unit not in _LEGAL_UNITS[self._version or BASE_VERSION]:
            hint = " without bver 26" if unit in SECONDARY else ""
            raise _FaultyRecordError(RejectReason.UNIT, f"unit {unit!r} is not legal in SenML{hint}")
        return unit

    def _time(self, fields: dict[str, Any]) -> float:
        own = fields.get("t", 0)
        if type(own) not in _NUMBER:
            raise _FaultyRecordError(RejectReason.MALFORMED, "the time is not a number")
        if self._time_s is None:
            raise _FaultyRecordError(RejectReason.MALFORMED, "the base time is not a number")
        time_s: float = self._time_s + own
        if math.isnan(time_s):
            raise _FaultyRecordError(RejectReason.MALFORMED, "the time is not a number")
        return self._received_s + time_s if time_s < RELATIVE_BELOW_S else time_s

    def _number(self, fields: dict[str, Any]) -> float:
        own: Any = fields.get("v")
        if type(own) not in _NUMBER:
            what = "no value" if own is None else f"value {own!r:.40} is not a number"
            raise _FaultyRecordError(RejectReason.NO_VALUE, what)
        if self._value is None:
            raise _FaultyRecordError(RejectReason.MALFORMED, "the base value is not a number")
        value: float = self._value + own
        return value


def malformed(message: str) -> WireError:
    """The error of a payload that is no pack."""
    return WireError(message, reason=RejectReason.MALFORMED, advice="see docs/wire.md")
