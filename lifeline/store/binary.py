"""PostgreSQL's binary COPY format as numpy arrays, both ways, for rows of fixed width without NULL.

NaT stands for -infinity.
"""

import numpy as np
import numpy.typing as npt

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER = _SIGNATURE + bytes(8)
"""signature, no flags, no extension"""
_TRAILER = b"\xff\xff"
POSTGRES_EPOCH = np.datetime64("2000-01-01T00:00:00", "us")
_LOWEST = np.iinfo("i8").min
"""NaT to numpy, -infinity to PostgreSQL"""
_EPOCH_US = int(POSTGRES_EPOCH.astype("i8"))

Rows = npt.NDArray[np.void]
"""A structured array; its dtype is named where it is made."""


class BinaryRows:
    """The layout of one structured dtype: fields of i2, i4, i8, f8 and M8[us] (timestamptz), in column order."""

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self.dtype = dtype
        fields: list[tuple[str, str]] = [("count", ">i2")]
        for name in dtype.names or ():
            kind = dtype[name]
            fields += [(f"{name}:length", ">i4"), (name, ">i8" if kind.kind == "M" else kind.newbyteorder(">").str)]
        self._wire = np.dtype(fields)

    def pack(self, rows: Rows) -> bytes:
        """`rows` as one complete COPY stream."""
        wire = np.empty(len(rows), self._wire)
        names = self.dtype.names or ()
        wire["count"] = len(names)
        for name in names:
            wire[f"{name}:length"] = self.dtype[name].itemsize
            if self.dtype[name].kind == "M":
                since_1970 = rows[name].astype("i8")
                wire[name] = np.where(since_1970 == _LOWEST, _LOWEST, since_1970 - _EPOCH_US)
            else:
                wire[name] = rows[name]
        return b"".join((_HEADER, wire.tobytes(), _TRAILER))

    def unpack(self, stream: bytes) -> Rows:
        """The rows of one complete COPY stream."""
        rows_only = memoryview(stream)[len(_HEADER) : -len(_TRAILER)]
        wire = np.frombuffer(rows_only, self._wire)
        rows = np.empty(len(wire), self.dtype)
        for name in self.dtype.names or ():
            if self.dtype[name].kind == "M":
                since_2000 = wire[name].astype("i8")
                rows[name] = np.where(since_2000 == _LOWEST, _LOWEST, since_2000 + _EPOCH_US).astype("M8[us]")
            else:
                rows[name] = wire[name]
        return rows
