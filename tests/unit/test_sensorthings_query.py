"""The query language of SensorThings: what is understood, what is refused and with which place."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.sensorthings.address import read_address
from console.sensorthings.expression import QueryError, Several, parse
from console.sensorthings.observations import bounds
from console.sensorthings.options import read_options
from lifeline.errors import NotFoundError

ENTITY: dict[tuple[str, ...], Any] = {
    ("result",): 0.2,
    ("name",): "O'Brien",
    ("phenomenonTime",): datetime(2026, 11, 23, 8, tzinfo=UTC),
    ("Thing", "properties", "city"): "220100",
    ("location",): {"type": "Point", "coordinates": [125.3, 43.9]},
    ("Datastreams", "name"): Several(("level", "pressure")),
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("result gt 0.15", True),
        ("result add 0.1 mul 2 le 0.4", True),
        ("(result add 0.1) mul 2 le 0.4", False),
        ("not result gt 0.15 or name eq 'O''Brien'", True),
        ("name eq 'O''Brien' and not (result lt 0.1)", True),
        ("phenomenonTime ge 2026-11-23T16:00:00+08:00 and phenomenonTime lt 2026-11-23T08:00:00.000001Z", True),
        ("Thing/properties/city eq '220100'", True),
        ("Datastreams/name eq 'pressure'", True),
        ("Datastreams/name eq 'flow'", False),
        ("startswith(tolower(name),'o') and length(name) eq 7", True),
        ("substringof('Bri', name) and indexof(name,'Bri') eq 2", True),
        ("hour(phenomenonTime) eq 8", True),
        ("st_within(location, geography'POLYGON ((125 43, 126 43, 126 44, 125 44, 125 43))')", True),
        ("geo.distance(location, geography'POINT (125.3 43.8)') lt 0.05", False),
        ("missing eq null", True),
        ("missing eq 3", False),
        ("missing gt 3 or result gt 0", True),
        ("result eq 'text'", None),
        ("result div 0 gt 1", None),
    ],
)
def test_an_expression_judges_an_entity(text: str, holds: bool | None) -> None:
    said = parse(text).value(ENTITY.get)
    assert said is holds


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("result gt", "character 10"),
        ("result gt 1 and", "character 16"),
        ("(result gt 1", "character 13"),
        ("result gt 1)", "character 12"),
        ("result ; drop", "character 8"),
        ("length(", "character 8"),
        ("length(name, 2)", "length takes"),
        ("name eq 'open", "character 9"),
        ("x eq 2026-13-41T00:00:00Z", "no instant"),
        ("(" * 60 + "1" + ")" * 60, "nested"),
        ("geo.distance(location, geography'LINE (1 2)') lt 1", "POINT or POLYGON"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(QueryError, match=place):
        parse(text)


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        parse(text).value(ENTITY.get)
    except QueryError as error:
        assert error.advice


def test_options_of_an_expand_stand_in_its_brackets() -> None:
    options = read_options(
        [
            (
                "$expand",
                "Datastreams($select=name;$expand=Observations($top=1;$orderby=phenomenonTime desc)),Locations",
            ),
            ("$top", "5000"),
            ("$count", "true"),
        ]
    )
    assert set(options.expand) == {"Datastreams", "Locations"}
    inner = options.expand["Datastreams"]
    assert inner.select == ("name",)
    assert inner.expand["Observations"].top == 1
    assert inner.expand["Observations"].order[0].descending
    assert options.top == 1000
    assert options.count
    path = read_options([("$expand", "Datastreams/Observations($top=2),Datastreams/Sensor")])
    assert path.expand["Datastreams"].expand["Observations"].top == 2
    assert "Sensor" in path.expand["Datastreams"].expand


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("$top", "-1"),
        ("$top", "٣"),
        ("$count", "yes"),
        ("$format", "json"),
        ("$orderby", "name up"),
        ("$orderby", "1"),
        ("$expand", "A($top=1"),
        ("$expand", "A($top)"),
        ("$expand", "A/B/C/D/E/F"),
        ("$resultFormat", "CSV"),
    ],
)
def test_a_wrong_option_is_refused(name: str, text: str) -> None:
    with pytest.raises(QueryError):
        read_options([(name, text)])


def test_time_and_datastream_become_bounds_and_the_rest_is_judged() -> None:
    found = bounds(
        parse(
            "phenomenonTime ge 2026-11-23T00:00:00Z and 2026-11-24T00:00:00Z gt resultTime"
            " and Datastream/id eq 'CC-P-01' and result gt 3"
        )
    )
    assert found.start == datetime(2026, 11, 23, tzinfo=UTC)
    assert found.end == datetime(2026, 11, 24, tzinfo=UTC)
    assert found.datastream == "CC-P-01"
    assert len(found.rest) == 1
    either = bounds(parse("phenomenonTime ge 2026-11-23T00:00:00Z or result gt 3"))
    assert either.start is None
    assert len(either.rest) == 1


def test_an_address_is_read_in_parts() -> None:
    found = read_address("Things('o''x')/Datastreams(5)/name/$value")
    assert [(part.name, part.entity_id) for part in found] == [
        ("Things", "o'x"), ("Datastreams", "5"), ("name", None), ("$value", None)
    ]  # fmt: skip
    for wrong in ("Things('x'", "Things(a)", "../etc/passwd", "Things%00"):
        with pytest.raises(NotFoundError):
            read_address(wrong)
