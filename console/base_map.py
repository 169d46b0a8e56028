"""The base map: addresses of tiles as people know them (XYZ, WMTS RESTful, WMTS KVP) made one kind. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from lifeline.errors import SettingsError

_WMTS = {"tilematrix": "z", "tilecol": "x", "tilerow": "y"}
_NAME = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"([0-9a-z])-([0-9a-z])")
_EXAMPLES = "https://host/{z}/{x}/{y}.png or https://host/wmts/.../{TileMatrix}/{TileRow}/{TileCol}.png"


@dataclass(frozen=True, slots=True)
class Tiles:
    """One layer of tiles in web Mercator: `url` with {z}, {x}, {y} and, for many hosts, {s} out of `hosts`."""

    url: str
    hosts: str = "abc"

    @property
    def origin(self) -> str:
        """Where the tiles come from, as a content policy names it."""
        parts = urlsplit(self.url)
        first, dot, rest = parts.netloc.partition(".")
        return f"{parts.scheme}://{'*' if '{' in first else first}{dot}{rest}"


def layers(setting: str) -> tuple[Tiles, ...]:
    """The layers that `console.tile_url` names, the lowest first, with spaces between them. Raises SettingsError.

    >>> [one] = layers("https://t{0-7}.example.cn/wmts?TILEMATRIX={TileMatrix}&TILEROW={TileRow}&TILECOL={TileCol}")
    >>> one.url, one.hosts, one.origin
    ('https://t{s}.example.cn/wmts?TILEMATRIX={z}&TILEROW={y}&TILECOL={x}', '01234567', 'https://*.example.cn')
    """
    return tuple(_layer(url) for url in setting.split())


def origins(setting: str) -> str:
    """All origins of `setting`, as a content policy names them; empty for none. Raises SettingsError."""
    return " ".join(dict.fromkeys(one.origin for one in layers(setting)))


def _layer(url: str) -> Tiles:
    hosts = "abc"

    def known(match: re.Match[str]) -> str:
        nonlocal hosts
        name = match[1]
        if span := _RANGE.fullmatch(name):
            hosts = "".join(chr(code) for code in range(ord(span[1]), ord(span[2]) + 1))
            return "{s}"
        name = _WMTS.get(name.lower(), name)
        if name not in {"z", "x", "y", "-y", "s", "r"}:
            raise SettingsError(
                f"console.tile_url has {{{match[1]}}}, which nothing is known of",
                advice="write its value instead: layer, style and tile matrix set stand in the server's capabilities",
            )
        return f"{{{name}}}"

    made = Tiles(_NAME.sub(known, url), hosts)
    parts = urlsplit(made.url)
    found = set(_NAME.findall(made.url))
    if (
        parts.scheme not in {"http", "https"}
        or not parts.netloc
        or not re.fullmatch(r"[\w.:{}\[\]-]+", parts.netloc)
        or not {"z", "x"} <= found
        or not found & {"y", "-y"}
        or not hosts
    ):
        raise SettingsError(
            f"console.tile_url is {url!r}", advice=f"give an address like {_EXAMPLES}, or leave it empty"
        )
    return made
