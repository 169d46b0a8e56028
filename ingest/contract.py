"""What a codec promises, and how one is found by its name."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from lifeline.errors import WireError
from lifeline.reading import RejectReason


class Fault(NamedTuple):
    """One record that is no reading; `detail` says where in the payload and why."""

    reason: RejectReason
    detail: str


@dataclass(slots=True)
class Decoded:
    """What one payload holds, column by column; each record of it is a row of the columns or a fault."""

    channels: list[str] = field(default_factory=list)
    units: list[str | None] = field(default_factory=list)
    """None: the unit that the city pack names"""
    times_s: list[float] = field(default_factory=list)
    """seconds since 1970 UTC, resolved"""
    values: list[float] = field(default_factory=list)
    """numbers, never bool; the gate looks whether they are finite"""
    faults: list[Fault] = field(default_factory=list)
    historical: set[int] = field(default_factory=set)
    """rows that the device says it sends from its memory"""


Single = tuple[str, str | None, float, float]
"""Channel, unit, seconds since 1970 UTC and value of a payload that holds one plain reading."""


class Codec(Protocol):
    """Turns payloads of one format into columns. Pure: the same bytes and reception give the same answer.

    A codec may have a short way beside `decode`, `single(payload, device_id) -> Single | None`: what `decode` would say
    of a payload with one plain reading, None where it does not see at once that it is one.
    """

    @property
    def name(self) -> str:
        """The `format` of the topic."""
        ...

    def decode(self, payload: bytes, *, device_id: str, received_s: float) -> Decoded:
        """All records of `payload`. A record that is wrong is a fault and never stops the others.

        Raises WireError, and nothing else, where the payload as a whole cannot be read.
        """
        ...


class Registry:
    """Codecs by name."""

    def __init__(self, *codecs: Codec) -> None:
        self._codecs = {codec.name: codec for codec in codecs}

    def __iter__(self) -> Iterator[Codec]:
        return iter(self._codecs.values())

    def get(self, name: str) -> Codec | None:
        """The codec of a format, None where none is registered."""
        return self._codecs.get(name)

    def find(self, name: str) -> Codec:
        """The codec of a format. Raises WireError where none is registered."""
        codec = self._codecs.get(name)
        if codec is None:
            raise WireError(
                f"no codec is registered for the format {name!r}",
                reason=RejectReason.FORMAT,
                advice=f"send one of {', '.join(sorted(self._codecs))}",
            )
        return codec
