"""Messages to batches: nothing left over, whatever comes; and the writer's eye for repeats."""

import struct
from datetime import UTC, datetime

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from ingest.assembler import Assembler
from ingest.batch import Batch
from ingest.codecs import CODECS
from ingest.gate import Limits, SensorTable
from ingest.message import Message
from ingest.sparkplug.protobuf import text, varint
from ingest.writer import _first_of_each
from lifeline.reading import QualityReason
from lifeline.settings import IngestSettings
from lifeline.store.devices import State
from lifeline.store.readings import READING
from lifeline.units import Quantity
from tests.unit.test_ingest_gate import NOW_S, sensor

TABLE = SensorTable([sensor("P", Quantity.PRESSURE, "Pa", 0, 1e6, 7)])
ASSEMBLER = Assembler(CODECS, Limits.of(IngestSettings()), max_payload_bytes=2_000, batch_readings=1_000)
UP = "lifeline/1/220100/D1/up/senml"
STATE = "lifeline/1/220100/D1/state"


def message(topic: str, payload: bytes, *, again: bool = False, correlation: bytes | None = None) -> Message:
    return Message(topic, payload, NOW_S * 1_000_000, 1, 1, again, correlation)


def readings(*values: object, channel: str = "pressure") -> bytes:
    return orjson.dumps([{"bn": "D1:", "bt": NOW_S - i, "n": channel, "u": "Pa", "v": v} for i, v in enumerate(values)])


def assemble(*messages: Message) -> Batch:
    return ASSEMBLER.assemble(messages, TABLE)


def test_rows_belong_to_their_device() -> None:
    batch = assemble(message(UP, readings(1.0, 2.0)), message("lifeline/1/220100/D9/up/senml", b"nonsense"))
    assert batch.rows["value"].tolist() == [1.0, 2.0]
    assert [batch.device_ids[owner] for owner in batch.owner] == ["D1", "D1"]
    assert batch.device_ids == ["D1", "D9"]
    assert batch.city_codes == ["220100", "220100"]
    assert batch.tallies[["received", "rejected"]].tolist() == [(2, 0), (1, 1)]
    assert batch.tallies["observed_at"].astype("i8").tolist() == [NOW_S * 1_000_000, np.iinfo("i8").min]
    assert batch.tallies["seen_at"].astype("i8").tolist() == [NOW_S * 1_000_000] * 2
    assert batch.unknown_devices


def test_one_reject_row_a_message_and_reason_counts_its_records() -> None:
    payload = readings(1.0, "x", "y", "z", "u", 2.0)
    (reject,) = assemble(message(UP, payload)).rejects
    assert (reject.reason.value, reject.times, reject.payload) == ("no-value", 4, payload)
    assert reject.detail.startswith("record 1: ")
    assert reject.detail.endswith("; and 1 more")


def test_readings_from_a_devices_memory_are_for_the_record_and_say_nothing_of_its_clock() -> None:
    def sparkplug(historical: bytes, at_s: int) -> Message:
        value = text(1, b"pressure") + varint(3, at_s * 1000) + historical + b"\x69" + struct.pack("<d", 5.0)
        return message("lifeline/1/220100/D1/up/sparkplug", text(2, value))

    batch = assemble(sparkplug(varint(5, 1), NOW_S - 7200), sparkplug(b"", NOW_S - 7201))
    assert batch.rows["reason"].tolist() == [QualityReason.HISTORICAL, QualityReason.LATE]
    assert batch.tallies["clock_skew_s"].tolist() == [-7201]


def test_a_message_without_a_device_is_nobodys() -> None:
    batch = assemble(message("lifeline/1/x", b"1"), message("other\0topic", b"2"))
    assert batch.device_ids == [""]
    assert batch.tallies[["received", "rejected"]].tolist() == [(2, 2)]
    assert [reject.reason.value for reject in batch.rejects] == ["topic", "topic"]
    assert "\0" not in batch.rejects[1].topic + batch.rejects[1].detail


def test_a_payload_beyond_the_limit_is_rejected_and_cut() -> None:
    (reject,) = assemble(message(UP, b"x" * 5_000)).rejects
    assert (reject.reason.value, len(reject.payload), reject.detail) == ("too-large", 2_000, "5000 bytes")


def test_the_device_of_another_city_is_unknown_there() -> None:
    batch = assemble(message("lifeline/1/220200/D1/up/senml", readings(1.0)))
    assert [reject.reason.value for reject in batch.rejects] == ["unknown-device"]
    assert batch.city_codes == [None]


def test_state_messages_say_who_is_online() -> None:
    batch = assemble(
        message(STATE, orjson.dumps({"online": True, "at": NOW_S})),
        message(STATE, orjson.dumps({"online": False, "at": NOW_S - 5})),
        message(STATE, b""),
    )
    assert batch.states == {0: State(online=True, at=datetime.fromtimestamp(NOW_S, UTC))}
    assert batch.tallies["received"].tolist() == [0]


def test_a_state_that_is_none_is_rejected() -> None:
    for payload in (b"online", b"[]", b"{}", b'{"online":1,"at":1}', b'{"online":true,"at":1e300}'):
        assert [reject.reason.value for reject in assemble(message(STATE, payload)).rejects] == ["malformed"]


def test_a_receipt_is_promised_whatever_became_of_the_readings() -> None:
    batch = assemble(
        message(UP, readings(1.0), correlation=b"a1"),
        message(UP, b"nonsense", correlation=b"a2"),
        message(UP, readings(1.0), correlation=b"\xff\xfe"),
        message(UP, readings(1.0)),
    )
    assert batch.receipts == {"lifeline/1/220100/D1/receipt": ["a1", "a2"]}


def test_a_batch_ends_with_the_message_that_fills_it() -> None:
    small = Assembler(CODECS, Limits.of(IngestSettings()), max_payload_bytes=2_000, batch_readings=5)
    batch = small.assemble([message(UP, readings(1.0, 2.0, 3.0))] * 4, TABLE)
    assert (batch.messages, len(batch.rows)) == (2, 6)
    assert assemble(message(UP, b"x"), message(UP, readings(1.0))).messages == 2


def test_the_skew_of_a_clock_is_that_of_the_newest_record() -> None:
    eight_hours = 8 * 3600
    payload = orjson.dumps([{"bn": "D1:", "bt": NOW_S + eight_hours, "n": "pressure", "v": 1.0}])
    batch = assemble(message(UP, readings(1.0, 2.0)), message(UP, payload), message(STATE, b""))
    assert np.array_equal(batch.tallies["clock_skew_s"], [eight_hours, np.nan], equal_nan=True)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([UP, STATE, "lifeline/1/220100/D2/up/senml", "lifeline/1/220100/D1/up/x", "else"]),
            st.binary(max_size=40)
            | st.lists(st.floats(allow_nan=False, width=32) | st.none(), min_size=1, max_size=4).map(
                lambda values: readings(*values)
            ),
        ),
        max_size=6,
    )
)
def test_nothing_is_left_over(sent: list[tuple[str, bytes]]) -> None:
    batch = assemble(*(message(topic, payload) for topic, payload in sent))
    assert len(batch.rows) == len(batch.owner)
    assert sum(reject.times for reject in batch.rejects) == batch.tallies["rejected"].sum()
    assert batch.tallies["received"].sum() == batch.tallies["rejected"].sum() + len(batch.rows)
    for topic, payload in sent:
        if topic == STATE:
            continue
        one = assemble(message(topic, payload))
        try:
            records = len(orjson.loads(payload)) if topic.endswith("senml") else 1
        except (orjson.JSONDecodeError, TypeError):
            records = 1
        assert len(one.rows) + sum(reject.times for reject in one.rejects) == max(records, 1)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=30))
def test_a_repeat_points_to_the_first_of_its_sensor_and_instant(keys: list[tuple[int, int]]) -> None:
    rows = np.zeros(len(keys), READING)
    rows["sensor_key"] = [key for key, _ in keys]
    rows["observed_at"] = np.array([at for _, at in keys], "M8[us]")
    assert _first_of_each(rows).tolist() == [keys.index(key) for key in keys]
