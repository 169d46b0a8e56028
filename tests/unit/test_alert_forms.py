"""CAP 1.2 and the national form from one record: written, checked, read back equal; and what strangers may not send."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from alerts import cap, markup, national, weather
from alerts.bulletin import Area, Bulletin, Certainty, MsgType, Reference, Status, wrong
from lifeline.alarm import Level
from lifeline.asset import Position
from lifeline.errors import FormError
from lifeline.warning import Hazard

BOW = tuple(Position(*point) for point in ((0, 0), (1, 1), (1, 0), (0, 1), (0, 0)))
SENT = datetime(2026, 7, 20, 8, 0, tzinfo=UTC)
RING = (Position(125.32, 43.86), Position(125.33, 43.86), Position(125.33, 43.87), Position(125.32, 43.86))
FIRST = Reference("lifeline.example", "lifeline-220100-1", SENT - timedelta(hours=1))
BULLETIN = Bulletin(
    identifier="lifeline-220100-2",
    sender="lifeline.example",
    sender_name="长春市城市运行中心",
    sent=SENT,
    status=Status.EXERCISE,
    msg_type=MsgType.UPDATE,
    event="城市内涝",
    event_code="flood",
    level=Level.ORANGE,
    certainty=Certainty.OBSERVED,
    effective=SENT,
    expires=SENT + timedelta(hours=3),
    headline="【演练】人民大街下穿桥积水橙色预警",
    description="积水 30 厘米 <&>\n第二行",
    instruction="请绕行。",
    area=Area("南关区人民大街", ("220102",), RING, Position(125.32, 43.86), 300.0),
    references=(FIRST,),
)
CODE = "22010041600000"


def test_a_message_follows_the_element_table_and_the_rules() -> None:
    root = markup.read(cap.compose(BULLETIN).encode())
    assert cap.faults(root) == []
    assert wrong(BULLETIN, {FIRST}) == []
    assert markup.text(root, "sent") == "2026-07-20T16:00:00+08:00"
    assert "+00:00" not in cap.compose(BULLETIN, timezone="UTC"), "UTC is written -00:00"
    polygon = next(one for one in root.iter() if markup.local(one) == "polygon")
    assert str(polygon.text).startswith("43.86,125.32 "), "latitude first"
    circle = next(one for one in root.iter() if markup.local(one) == "circle")
    assert str(circle.text).endswith(" 0.3"), "kilometres"
    form = national.compose(BULLETIN, sender_code=CODE)
    assert "<sendTime>2026-07-20 16:00:00+08:00</sendTime>" in form
    assert "<circle>43.86,125.32 300.0</circle>" in form, "metres"
    assert "<references>lifeline-220100-1</references>" in form
    assert national.file_name(BULLETIN, sender_code=CODE).endswith("_flood_ORANGE_UPDATE.XML")


def xml_text(least: int = 1) -> st.SearchStrategy[str]:
    words = st.text(
        st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n"), min_size=least, max_size=80
    )
    return words.map(markup.clean).filter(lambda one: len(one) >= least)


TIMES = st.integers(0, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
IDS = st.from_regex(r"[A-Za-z0-9._-]{1,40}", fullmatch=True)
PLACES = st.builds(Position, st.floats(-180, 180), st.floats(-90, 90))
BULLETINS = st.builds(
    Bulletin,
    identifier=IDS, sender=IDS, sender_name=xml_text(), sent=TIMES, status=st.sampled_from(Status),
    msg_type=st.sampled_from(MsgType), event=xml_text(), event_code=xml_text(), level=st.sampled_from(Level),
    certainty=st.sampled_from(Certainty), effective=TIMES, expires=TIMES, headline=xml_text(), description=xml_text(),
    instruction=xml_text(0), note=xml_text(0), approved_by=xml_text(0),
    area=st.builds(
        Area, xml_text(), st.lists(st.from_regex(r"[0-9]{6}", fullmatch=True), min_size=1, max_size=4).map(tuple),
        st.lists(PLACES, max_size=6).map(tuple), PLACES, st.integers(0, 10**8).map(float),
    ),
    references=st.lists(st.builds(Reference, IDS, IDS, TIMES), max_size=4).map(tuple),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(BULLETINS)
def test_what_is_written_is_valid_and_read_back_equal(bulletin: Bulletin) -> None:
    written = cap.compose(bulletin).encode()
    assert cap.faults(markup.read(written)) == []
    assert cap.parse(written) == bulletin
    assert national.parse(national.compose(bulletin, sender_code=CODE).encode()) == national.project(bulletin)


def changed(old: str, new: str) -> list[str]:
    text = cap.compose(BULLETIN)
    assert old in text, old
    return cap.faults(markup.read(text.replace(old, new).encode()))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<certainty>Observed", "<certainty>VeryLikely", "info.certainty"),
        ("<areaDesc>南关区人民大街</areaDesc>", "", "areaDesc: is missing"),
        ("<polygon>", "<circle>1,1 1</circle><polygon>", "polygon: stands before circle"),
        ("<references>", "<incidents>1</incidents><references>", "references: stands before incidents"),
        ("<headline>", "<description>x</description><headline>", "headline: stands before description"),
        ("<category>Infra</category>", "", "category: is missing"),
        ("cap:1.2", "cap:1.1", "the root is alert"),
        ("T16:00:00+08:00</sent>", "T08:00:00Z</sent>", "is no time"),
        ("T16:00:00+08:00</sent>", "T16:00:00.5+08:00</sent>", "is no time"),
        ("T16:00:00+08:00</sent>", "T16:00:00+0800</sent>", "is no time"),
        ("<scope>Public</scope>", "<scope>Public</scope><scope>Public</scope>", "stands 2 times"),
        ("<event>", "<happening>x</happening><event>", "no such element"),
        ("<status>Exercise", "<status>Actuall", "status: one of"),
    ],
)
def test_what_the_schema_refuses_is_refused(old: str, new: str, said: str) -> None:
    assert said in "; ".join(changed(old, new))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": Status.ACTUAL}, "Actual needs a named person"),
        ({"status": Status.ACTUAL, "approved_by": " "}, "Actual needs a named person"),
        ({"headline": "人民大街积水"}, "an exercise or test says so"),
        ({"identifier": "a b"}, "no blanks"),
        ({"identifier": "lifeline-220100-1"}, "not to itself"),
        ({"references": ()}, "Update and Cancel have them"),
        ({"msg_type": MsgType.ALERT}, "Alert has none"),
        ({"references": (replace(FIRST, identifier="x"),)}, "there is no message x"),
        ({"references": (replace(FIRST, sent=SENT + timedelta(1)),)}, "sent later"),
        ({"expires": SENT - timedelta(seconds=1)}, "expires"),
        ({"effective": SENT - timedelta(days=42)}, "not weeks before"),
        ({"sent": SENT + timedelta(microseconds=1)}, "whole seconds"),
        ({"headline": "演练" + "长" * 160}, "160 characters"),
        ({"area": replace(BULLETIN.area, ring=RING[:3])}, "four points"),
        ({"area": replace(BULLETIN.area, ring=(*RING[:3], Position(1, 1)))}, "the first one last"),
        ({"area": replace(BULLETIN.area, geocodes=())}, "a geocode"),
        ({"area": replace(BULLETIN.area, ring=(), centre=None)}, "a ring or a circle"),
        (
            {"area": replace(BULLETIN.area, ring=BOW)},
            "does not cross itself",
        ),
    ],
)  # fmt: skip
def test_what_no_schema_catches_is_refused(changes: dict[str, object], said: str) -> None:
    assert said in "; ".join(wrong(replace(BULLETIN, **changes), {FIRST}))  # type: ignore[arg-type]
    assert "new one" in "; ".join(wrong(BULLETIN, {FIRST}, sent_before=[BULLETIN.identifier]))


LAUGHS = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
TRICKS = {
    "entity": '<!DOCTYPE a [<!ENTITY x "y">]><alert>&x;</alert>',
    "file": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><alert>&x;</alert>',
    "laughs": f"<!DOCTYPE a [{LAUGHS}]><alert>&l8;</alert>",
    "remote": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/evil.dtd"><alert/>',
    "parameter": '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><alert/>',
    "torn": "<alert><info></alert>",
    "empty": "",
    "other": "<rss/>",
}  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
def test_tricks_of_strangers_are_refused(name: str) -> None:
    for read in (cap.parse, national.parse, weather.read):
        for raw in (TRICKS[name].encode(), TRICKS[name].encode("utf-16")):
            with pytest.raises(FormError):
                read(raw)
    with pytest.raises(FormError, match="larger than"):
        markup.read(b" " * (markup.LARGEST_BYTES + 1))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_break_a_reader(raw: bytes) -> None:
    for read in (cap.parse, national.parse, weather.read):
        with pytest.raises(FormError):
            read(raw)


def storm(**changes: object) -> Bulletin:
    plain = replace(
        BULLETIN,
        event="暴雨",
        event_code="11B03",
        headline="长春市气象台发布暴雨红色预警",
        status=Status.ACTUAL,
        approved_by="值班台长",
        level=Level.RED,
        area=replace(BULLETIN.area, geocodes=("220100", "220102")),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_rainstorm_warning_is_heard_from_both_forms() -> None:
    for written in (cap.compose(storm()), national.compose(storm(), sender_code=CODE)):
        heard = weather.read(written.encode())
        assert (heard.hazard, heard.level, heard.areas) == (Hazard.RAINSTORM, Level.RED, ("220100", "220102"))
        assert heard.references == ("lifeline-220100-1",)
        assert heard.holds("220100", SENT)
        assert not heard.holds("220200", SENT)
        assert not heard.holds("220100", SENT + timedelta(hours=3)), "it has expired"
    exercise = weather.read(cap.compose(storm(status=Status.EXERCISE)).encode())
    assert not exercise.holds("220100", SENT), "an exercise changes no level"


def test_a_warning_without_area_or_level_changes_nothing() -> None:
    text = cap.compose(storm())
    with pytest.raises(FormError, match="no area code"):
        weather.read(text.replace(">220100<", ">南关<").replace(">220102<", ">x<").encode())
    plain = etree.fromstring(text.encode())
    for one in [e for e in plain.iter() if markup.local(e) == "parameter"]:
        parent = one.getparent()
        assert parent is not None
        parent.remove(one)
    assert weather.read(etree.tostring(plain)).level is Level.RED, "the headline names it"
