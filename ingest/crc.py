"""Check values of any span of bytes: each byte is looked at once, however many spans are asked for. Pure.

A stretch of noise may hold a beginning of a frame at every other byte, each with a length of its own; summing every one
of them anew costs the square of what was sent. Both check values here are linear: the register behind a span follows
from the registers before and behind it.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass

START = 0xFFFF
_BITS = 16


def _shifted(register: int) -> int:
    """Eight shifts of the polynomial x^16 + x^15 + x^2 + 1, reflected (A001h)."""
    for _ in range(8):
        register = (register >> 1) ^ (0xA001 if register & 1 else 0)
    return register


_TABLE = tuple(_shifted(register) for register in range(256))


@dataclass(frozen=True, slots=True)
class Check:
    """A check value of 16 bits: behind byte b the register r is `zero(r) ^ _TABLE[b]`."""

    zero: Callable[[int], int]
    """the register behind a byte 0"""

    def of(self, data: bytes) -> int:
        """The check value of `data`."""
        register, zero, table = START, self.zero, _TABLE
        for byte in data:
            register = zero(register) ^ table[byte]
        return register


MODBUS = Check(lambda register: (register >> 8) ^ _TABLE[register & 0xFF])
"""CRC-16 of SL 651-2014."""
ANNEX_A = Check(lambda register: _TABLE[register >> 8])
"""The check value of HJ 212-2017: the low byte is thrown away with every byte."""


class Spans:
    """Check values of spans of `data`. Looks at no more than twice as many bytes as there are: `taken`."""

    def __init__(self, check: Check, data: bytes) -> None:
        self._check = check
        self._data = data
        self._summed = 0
        self._registers = array("H", (0,))

    @property
    def taken(self) -> int:
        """Bytes looked at so far."""
        return self._summed + len(self._registers) - 1

    def of(self, start: int, stop: int) -> int:
        """The check value of data[start:stop], 0 <= start <= stop <= len(data).

        >>> Spans(MODBUS, b"noise123456789").of(5, 14) == MODBUS.of(b"123456789") == 0x4B37
        True
        """
        if self._summed + stop - start <= len(self._data):
            # frames that follow each other are summed each by itself, which is faster
            self._summed += stop - start
            return self._check.of(self._data[start:stop])
        registers = self._registers
        if stop >= len(registers):
            register, zero, table = registers[-1], self._check.zero, _TABLE
            for byte in self._data[len(registers) - 1 : stop]:
                register = zero(register) ^ table[byte]
                registers.append(register)
        return registers[stop] ^ _zeros(self._check, START ^ registers[start], stop - start)


def _zeros(check: Check, register: int, count: int) -> int:
    """The register behind `count` bytes 0, by the binary digits of `count`."""
    powers = _POWERS[check]
    for power in range(count.bit_length()):
        if count >> power & 1:
            columns = powers[power]
            result = 0
            while register:
                low = register & -register
                result ^= columns[low.bit_length() - 1]
                register ^= low
            register = result
    return register


def _doubled(columns: tuple[int, ...]) -> tuple[int, ...]:
    def apply(register: int) -> int:
        result = 0
        for bit in range(_BITS):
            if register >> bit & 1:
                result ^= columns[bit]
        return result

    return tuple(apply(column) for column in columns)


def _powers(check: Check) -> tuple[tuple[int, ...], ...]:
    """For 1, 2, 4 ... bytes 0: what each bit of the register becomes."""
    columns = [tuple(check.zero(1 << bit) for bit in range(_BITS))]
    for _ in range(31):
        columns.append(_doubled(columns[-1]))
    return tuple(columns)


_POWERS = {check: _powers(check) for check in (MODBUS, ANNEX_A)}
