"""Curves and explanations become pictures in local time and field units; what is no curve becomes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.base_map import layers, origins
from console.curves import Curve, Mark, explained, of_quantity, options
from console.guard import Guard
from console.words import moment, percent, value
from lifeline.errors import SettingsError
from lifeline.units import Quantity

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def test_a_picture_is_in_local_time_and_field_units() -> None:
    curve = Curve("CC-P-01", [(AT, 310_400.0), (AT + timedelta(minutes=1), 309_000.0)])
    picture: Any = options(of_quantity(Quantity.PRESSURE, curve), "压力", [Mark("起始", AT)], "Asia/Shanghai")
    local_ms = 1000 * (AT.timestamp() + 8 * 3600)
    assert picture["series"][0]["data"][0] == [local_ms, 310.4]
    assert picture["series"][0]["markLine"]["data"][0]["xAxis"] == local_ms
    assert picture["title"]["text"] == "压力  kPa"
    assert picture["tooltip"]["renderMode"] == "richText"


def test_the_curve_of_a_detector_is_drawn() -> None:
    told = {
        "quantity": "water_depth",
        "unit": "cm",
        "times": ["2026-11-23T02:00:00Z", "2026-11-23T02:01:00+00:00"],
        "observed": [10, None],
        "expected": [],
        "threshold": [15, 15],
    }
    picture = explained(told)
    assert picture is not None
    observed, threshold = picture.curves
    assert (observed.name, observed.points, observed.other) == ("observed", [(AT, 0.1)], False)
    assert (threshold.name, len(threshold.points), threshold.other) == ("threshold", 2, True)
    balance = explained(told | {"quantity": "balance", "unit": "m3/h"})
    assert balance is not None
    assert (balance.shown.unit, balance.curves[0].points) == ("m³/h", [(AT, 10.0)])


@pytest.mark.parametrize(
    "told",
    [None, 3, "x", {}, {"quantity": "mood"}, {"quantity": "flow", "unit": "m3/h", "times": ["soon"], "observed": [1]},
     {"quantity": "flow", "unit": "m3/h", "times": ["2026-11-23T02:00:00Z"], "observed": [1, 2]},
     {"quantity": "flow", "unit": "Pa", "times": ["2026-11-23T02:00:00Z"], "observed": [1]}],
)  # fmt: skip
def test_what_is_no_curve_is_left_out(told: Any) -> None:
    assert explained(told) is None


def test_words() -> None:
    assert value(Quantity.FLOW, 0.024) == "86.4 m³/h"
    assert value(Quantity.RAIN_INTENSITY, 1e-5) == "36.0 mm/h"
    assert (percent(1.0), percent(0.0), percent(0.5)) == (99, 1, 50)
    assert moment(AT - timedelta(days=1), "Asia/Shanghai", now=AT) == "11-22 10:00"
    assert moment(AT - timedelta(days=400), "Asia/Shanghai", now=AT) == "2025-10-19 10:00"


async def _nothing(*_: object) -> None:
    raise AssertionError("let through")


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1", {"host": "evil.example"}, 403),
        ("127.0.0.1", {"host": "127.0.0.1:9"}, 403),
        ("127.0.0.1", {"host": "127.0.0.1:8080", "origin": "http://evil.example"}, 403),
        ("0.0.0.0", {"host": "console.example", "origin": "null"}, 403),
        ("127.0.0.1", {"host": "localhost:8080", "origin": "http://localhost:8080"}, None),
        ("0.0.0.0", {"host": "console.example", "origin": "https://console.example"}, None),
        ("0.0.0.0", {"host": "console.example"}, None),
    ],
)
def test_only_pages_of_our_own_may_act(host: str, headers: dict[str, str], status: int | None) -> None:
    sent: list[Any] = []
    guard = Guard(_nothing, host=host, port=8080, tiles="")
    scope = {"type": "http", "method": "POST", "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}

    async def send(message: Any) -> None:
        sent.append(message)

    call = guard(scope, _nothing, send)  # type: ignore[arg-type]
    if status is None:
        with pytest.raises(AssertionError, match="let through"):
            call.send(None)
    else:
        with pytest.raises(StopIteration):
            call.send(None)
        assert sent[0]["status"] == status


def test_tiles_are_allowed_from_their_own_hosts_alone() -> None:
    assert origins("") == ""
    assert origins("http://tiles.example:8000/{z}/{x}/{y}.png") == "http://tiles.example:8000"
    both = "https://t{s}.example.cn/{z}/{x}/{y}.png https://other.example/{z}/{x}/{-y}.png"
    assert origins(both) == "https://*.example.cn https://other.example"
    rest = "https://host/wmts/streets/default/GoogleMapsCompatible/{TileMatrix}/{TileRow}/{TileCol}.png"
    assert layers(rest)[0].url == "https://host/wmts/streets/default/GoogleMapsCompatible/{z}/{y}/{x}.png"
    keyed = "https://t{0-7}.tianditu.gov.cn/vec_w/wmts?TILEMATRIX={tilematrix}&TILEROW={tilerow}&TILECOL={tilecol}&tk=K"
    assert (layers(keyed)[0].hosts, origins(keyed)) == ("01234567", "https://*.tianditu.gov.cn")
    for wrong in (
        "tiles.example/{z}/{x}/{y}.png", "https://tiles.example/", "javascript:{x}{y}{z}",
        "https://h/{TileMatrixSet}/{z}/{x}/{y}", "https://h;script-src/{z}/{x}/{y}", "https://{7-0}.h/{z}/{x}/{y}",
    ):  # fmt: skip
        with pytest.raises(SettingsError, match="tile_url"):
            origins(wrong)
