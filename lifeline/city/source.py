"""The folder of a pack as text: what is missing, what should not be there, the first byte that is not UTF-8."""

import hashlib
from pathlib import Path

from lifeline.city.fault import Faults, Place
from lifeline.errors import PackError

NEEDED = ("city.toml", "sensors.csv", "levels.toml")
OPTIONAL = ("network.inp", "drainage.inp", "shelters.csv", "population.csv", "crews.csv", "roads.csv")
_PACK_SUFFIXES = {".toml", ".csv", ".inp"}
_LARGEST_BYTES = 256 * 2**20


def read(folder: Path, faults: Faults) -> tuple[dict[str, str], str]:
    """The texts of the pack's files by name, and the SHA-256 of them all.

    Raises PackError where `folder` is no folder that can be read; everything else is a fault.
    """
    if not folder.is_dir():
        raise PackError(f"{folder} is not a folder", advice="name the folder of a city pack")
    texts: dict[str, str] = {}
    digest = hashlib.sha256()
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise PackError(f"{folder} cannot be read: {error.strerror}", advice="see its permissions") from error
    for name in names:
        path = folder / name
        if name not in NEEDED + OPTIONAL:
            if path.suffix.lower() in _PACK_SUFFIXES:
                faults.add(Place(name), f"one of {', '.join(NEEDED + OPTIONAL)}", name)
            continue
        raw = _bytes(path, faults)
        if raw is None:
            continue
        digest.update(f"{name}\0{len(raw)}\0".encode() + raw)
        text = _decode(raw, name, faults)
        if text.strip():
            texts[name] = text
    for name in NEEDED:
        if name not in names:
            faults.add(Place(name), "the file to be there", None)
    return texts, digest.hexdigest()


def _bytes(path: Path, faults: Faults) -> bytes | None:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            faults.add(Place(path.name), f"at most {_LARGEST_BYTES} bytes", path.stat().st_size)
            return None
        return path.read_bytes()
    except OSError as error:
        faults.add(Place(path.name), "a file that can be read", error.strerror or str(error))
        return None


def _decode(raw: bytes, name: str, faults: Faults) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        faults.add(Place(name), "UTF-8", "UTF-16")
        return raw.decode("utf-16", errors="replace").lstrip("\ufeff").replace("\0", "\ufffd")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", errors="replace")) + 1
        words = "UTF-8 (a spreadsheet may have saved it as GBK: save it as `CSV UTF-8`)"
        faults.add(Place(name, line, column), words, f"byte {raw[error.start]:#04x}")
        text = raw.decode("utf-8", errors="replace")
    if text.startswith("\ufeff"):
        faults.add(Place(name), "UTF-8 without a byte order mark", "a byte order mark")
        text = text[1:]
    if not text.strip():
        faults.add(Place(name), "content", "an empty file")
    elif "\0" in text:
        before_nul = text[: text.index("\0")]
        column = len(before_nul) - before_nul.rfind("\n")
        faults.add(Place(name, before_nul.count("\n") + 1, column), "text", "a NUL character")
        text = text.replace("\0", "\ufffd")
    return text
