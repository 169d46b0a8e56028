"""What a topic names, as the city packs know it: looked up once, not with every message."""

from collections.abc import Callable

from ingest.contract import Codec, Registry, Single
from ingest.gate import SensorTable
from ingest.topic import Topic, parse

MOST = 200_000
"""Topics that are remembered; beyond them it begins anew."""


class Source:
    """A device under one topic. `routes` are the ways of its single readings that have been asked for, by channel and
    unit.
    """

    __slots__ = ("city_code", "codec", "device_id", "is_known", "routes", "single", "topic")

    def __init__(self, topic: Topic | None, table: SensorTable, codecs: Registry) -> None:
        """None: what sends what names no device."""
        self.topic = topic
        self.device_id = topic.device_id if topic else ""
        self.is_known = topic is not None and table.knows(topic.city_code, topic.device_id)
        self.city_code: str | None = None
        """the city that is believed of it"""
        self.codec: Codec | None = None
        self.single: Callable[[bytes, str], Single | None] | None = None
        self.routes: dict[tuple[str, str | None], int] = {}
        if topic is None:
            return
        if self.is_known or not table.knows_elsewhere(topic.device_id):
            self.city_code = topic.city_code
        if not topic.is_state:
            self.codec = codecs.get(topic.format)
            self.single = getattr(self.codec, "single", None)


class Sources:
    """The sources of one table of sensors, by topic."""

    def __init__(self, table: SensorTable, codecs: Registry) -> None:
        self.table = table
        self._codecs = codecs
        self.known: dict[str, Source] = {}
        self.nobody = Source(None, table, codecs)

    def find(self, topic: str) -> Source:
        """The source of `topic`. Raises WireError where it does not follow the grammar."""
        source = Source(parse(topic), self.table, self._codecs)
        if len(self.known) >= MOST:
            self.known.clear()
        self.known[topic] = source
        return source
