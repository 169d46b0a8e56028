"""Answers a request: walks its address through the entities and writes what stands at its end as JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from console.sensorthings.address import Segment, read_address
from console.sensorthings.expression import QueryError, Resolve, Several
from console.sensorthings.model import LINKS, ONE, Catalogue, Entity, EntitySet, target
from console.sensorthings.observations import ObservationReader
from console.sensorthings.options import Options, read_options
from lifeline.asset import Sensor
from lifeline.errors import NotFoundError

CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/iot_sensing/1.1/req/{part}"
    for part in ("datamodel", "resource-path/resource-path-to-entities", "request-data")
)
_EXPANDED = 20_000
"""entities that one answer may hold"""
_LINKED_LIMIT = 200
"""entities that a filter looks at behind a link to many"""


class Service:
    """One request's view of the data: what it reads stands still meanwhile, but observations."""

    def __init__(self, catalogue: Catalogue, reader: ObservationReader, base_url: str) -> None:
        self._catalogue, self._reader = catalogue, reader
        self._base = base_url.rstrip("/")
        self._written = 0

    def answer(self, path: str, query: Sequence[tuple[str, str]]) -> Any:
        """The JSON value of GET `path`?`query`, or the text of a `$value`.

        Raises NotFoundError for what does not exist, QueryError for options that are not understood, StoreError.
        """
        options = read_options(query)
        segments = read_address(path)
        if not segments:
            return self._root()
        url = self._base + "/" + quote(path.strip("/"), safe="/()',$@")
        return self._walk(segments, options, url, query)

    def _root(self) -> dict[str, Any]:
        return {
            "value": [{"name": kind.value, "url": f"{self._base}/{kind.value}"} for kind in EntitySet],
            "serverSettings": {"conformance": list(CONFORMANCE)},
        }

    def _walk(self, segments: list[Segment], options: Options, url: str, query: Sequence[tuple[str, str]]) -> Any:
        entity: Entity | None = None
        while segments:
            segment, *segments = segments
            if entity is None or segment.name in LINKS[entity.kind]:
                if entity is None and segment.name not in set(EntitySet):
                    raise _missing(segment.name)
                kind = target(segment.name)
                if entity is not None and segment.name in ONE:
                    entity = self._one_linked(entity, segment)
                elif segment.entity_id is not None:
                    entity = self._member(entity, segment.name, kind, segment.entity_id)
                else:
                    references = [rest.name for rest in segments] == ["$ref"]
                    if segments and not references:
                        raise _missing(segments[0].name)
                    found = self._collection(entity, segment.name, kind, options, url, query)
                    return _references(found) if references else found
            else:
                return self._property(entity, segment, segments)
        if entity is None:
            raise AssertionError("an address has a first segment")
        return self._document(entity, options)

    def _one_linked(self, entity: Entity, segment: Segment) -> Entity:
        if segment.entity_id is not None:
            raise _missing(f"{segment.name}({segment.entity_id})")
        return self._known(target(segment.name), self._catalogue.linked(entity, segment.name)[0])

    def _member(self, entity: Entity | None, link: str, kind: EntitySet, entity_id: str) -> Entity:
        found = self._known(kind, entity_id)
        if entity is not None:
            inside = (
                found.sensors[0] in entity.sensors
                if kind is EntitySet.OBSERVATIONS
                else entity_id in self._catalogue.linked(entity, link)
            )
            if not inside:
                raise _missing(f"{link}('{entity_id}')")
        return found

    def _known(self, kind: EntitySet, entity_id: str) -> Entity:
        found: Entity | None = None
        if kind is EntitySet.OBSERVATIONS:
            sensor_id, _, micros = entity_id.rpartition("@")
            sensor = self._catalogue.sensor(sensor_id)
            if sensor is not None and micros.isascii() and micros.isdigit():
                found = self._reader.one(sensor, int(micros))
        else:
            found = self._catalogue.entity(kind, entity_id)
        if found is None:
            raise _missing(f"{kind.value}('{entity_id}')")
        return found

    def _property(self, entity: Entity, segment: Segment, rest: list[Segment]) -> Any:
        if segment.name not in entity.properties or segment.entity_id is not None:
            raise _missing(segment.name)
        value = _plain(entity.properties[segment.name])
        if not rest:
            return {segment.name: value}
        if [part.name for part in rest] == ["$value"]:
            return value if isinstance(value, dict | list) else str(value)
        raise _missing(rest[0].name)

    def _collection(
        self,
        entity: Entity | None,
        link: str,
        kind: EntitySet,
        options: Options,
        url: str,
        query: Sequence[tuple[str, str]],
    ) -> dict[str, Any]:
        items, following, count = self._items(entity, link, kind, options)
        answer: dict[str, Any] = {}
        if options.count:
            answer["@iot.count"] = count
        if following:
            kept = [(name, text) for name, text in query if name not in {"$skip", "$skiptoken"}]
            following_query = urlencode([*kept, following], safe="$(),;'=")
            answer["@iot.nextLink"] = f"{url}?{following_query}"
        answer["value"] = [self._document(item, options) for item in items]
        return answer

    def _items(
        self, entity: Entity | None, link: str, kind: EntitySet, options: Options
    ) -> tuple[list[Entity], tuple[str, str] | None, int | None]:
        """A page of entities, the option that continues it, and how many there are where that was asked."""
        if kind is EntitySet.OBSERVATIONS:
            sensors: Sequence[Sensor] = entity.sensors if entity else self._catalogue.sensors
            page = self._reader.page(sensors, options, self._resolver)
            return page.entities, ("$skiptoken", page.token) if page.token else None, page.count
        if options.token:
            raise QueryError("$skiptoken is of another list", advice="take it from @iot.nextLink")
        ids = self._catalogue.linked(entity, link) if entity else self._catalogue.ids(kind)
        if options.filter is None and not options.order:
            last = options.skip + options.top
            return (
                [self._known(kind, one) for one in ids[options.skip : last]],
                ("$skip", str(last)) if last < len(ids) else None,
                len(ids),
            )
        found = [self._known(kind, one) for one in ids]
        if options.filter is not None:
            judged = options.filter
            found = [one for one in found if judged.value(self._resolver(one)) is True]
        for key in reversed(options.order):
            found.sort(key=lambda one, by=key.by: _sortable(by.value(self._resolver(one))), reverse=key.descending)  # type: ignore[misc]
        last = options.skip + options.top
        return found[options.skip : last], ("$skip", str(last)) if last < len(found) else None, len(found)

    def _resolver(self, entity: Entity) -> Resolve:
        return lambda names: self._resolve(entity, names)

    def _resolve(self, entity: Entity, names: tuple[str, ...]) -> Any:
        first, *rest = names
        if first == "id" and not rest:
            return entity.entity_id
        if first in LINKS[entity.kind] and target(first) is not EntitySet.OBSERVATIONS:
            behind = self._catalogue.linked(entity, first)[:_LINKED_LIMIT]
            values = [self._resolve(self._known(target(first), one), tuple(rest)) for one in behind] if rest else []
            return (values or [None])[0] if first in ONE else Several(values)
        value: Any = entity.properties
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def _document(self, entity: Entity, options: Options) -> dict[str, Any]:
        self._written += 1
        if self._written > _EXPANDED:
            raise QueryError(f"the answer has more than {_EXPANDED} entities", advice="lower $top in $expand")
        for name in options.expand:
            if name not in LINKS[entity.kind]:
                raise QueryError(f"$expand: {entity.kind.value} have no {name}", advice=", ".join(LINKS[entity.kind]))
        for name in options.select:
            if name not in {"id", "@iot.id", *entity.properties, *LINKS[entity.kind]}:
                raise QueryError(f"$select: {entity.kind.value} have no {name}", advice=", ".join(entity.properties))
        quoted = quote(entity.entity_id.replace("'", "''"))
        url = f"{self._base}/{entity.kind.value}('{quoted}')"
        asked = set(options.select)
        answer: dict[str, Any] = {}
        if not asked or asked & {"id", "@iot.id"}:
            answer["@iot.id"] = entity.entity_id
        if not asked:
            answer["@iot.selfLink"] = url
        answer |= {name: _plain(value) for name, value in entity.properties.items() if not asked or name in asked}
        for link in LINKS[entity.kind]:
            if link in options.expand:
                self._expand(answer, entity, link, options.expand[link], url)
            elif not asked or link in asked:
                answer[f"{link}@iot.navigationLink"] = f"{url}/{link}"
        return answer

    def _expand(self, answer: dict[str, Any], entity: Entity, link: str, inner: Options, url: str) -> None:
        if link in ONE:
            one = self._known(target(link), self._catalogue.linked(entity, link)[0])
            answer[link] = self._document(one, inner)
            return
        items, following, count = self._items(entity, link, target(link), inner)
        if inner.count:
            answer[f"{link}@iot.count"] = count
        if following:
            answer[f"{link}@iot.nextLink"] = f"{url}/{link}?{urlencode([('$top', inner.top), following], safe='$')}"
        answer[link] = [self._document(item, inner) for item in items]


def _references(found: dict[str, Any]) -> dict[str, Any]:
    return found | {"value": [{"@iot.selfLink": item["@iot.selfLink"]} for item in found["value"]]}


def _missing(what: str) -> NotFoundError:
    return NotFoundError(f"there is no {what[:80]} here", advice="begin at the root of the service, it lists its sets")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value


def _sortable(value: Any) -> tuple[bool, str, Any]:
    """Unknown first; values of different kinds side by side without a comparison between them."""
    value = min(value, default=None, key=str) if isinstance(value, Several) else value
    return value is not None, type(value).__name__, str(value) if isinstance(value, dict) else value or 0
