"""A packet of HJ 212-2017: found in a stream, checked, taken apart, answered. Pure.

`##`, four digits of length, the data segment, four hexadecimal digits of CRC; source: HJ 212-2017, chapter 6.
"""

import re
from dataclasses import dataclass

from ingest.crc import ANNEX_A, Spans
from ingest.cutter import Framing
from lifeline.errors import WireError
from lifeline.reading import RejectReason

UPLOADS = frozenset({"2011", "2021", "2031", "2041", "2051", "2061"})
"""Commands that carry data from the site: real-time, facility state, daily, running hours, minute, hour."""
START_UP = "2081"
ASK_CLOCK = "1013"
DATA_ANSWER, NOTICE_ANSWER = "9014", "9013"
ANSWER_WANTED, IS_PART = 1, 2
"""Bits of Flag; those above them are the version, 1 for 2017."""

_HEAD = re.compile(rb"##([0-9]{4})")
_HEAD_BYTES, _CRC_BYTES = 6, 4
_BODY = re.compile(r"((?:[A-Za-z0-9]+=[^;&]*;)+)CP=&&(.*)&&", re.DOTALL)
_MN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_QN = re.compile(r"[0-9]{17}")


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet with a right length and CRC."""

    mn: str
    """the site's identity"""
    cn: str
    """the command"""
    qn: str
    """identity of one exchange: 17 digits of time, may be empty"""
    password: str
    flag: int
    content: str
    """what stands between the `&&` of CP"""

    @property
    def wants_answer(self) -> bool:
        """Whether the site waits until it is told that the packet is taken."""
        return bool(self.flag & ANSWER_WANTED)


def crc(data: bytes) -> int:
    """The check value of the standard's annex A: not the CRC-16 of Modbus, the register is shifted before the byte.

    >>> hex(crc(b"QN=20261123100500123;ST=91;CN=9014;PW=123456;MN=220102A8900016F00016002A;Flag=4;CP=&&&&"))
    '0xd4c1'
    """
    return ANNEX_A.of(data)


def parse(frame: bytes) -> Packet:
    """The packet of a good frame. Raises WireError where its data segment is not what the standard says."""
    text = frame[_HEAD_BYTES:-_CRC_BYTES].decode("utf-8", "replace")
    match = _BODY.fullmatch(text)
    if match is None:
        raise _malformed("the data segment is not NAME=VALUE;...;CP=&&...&&")
    fields = dict(part.split("=", 1) for part in match[1].removesuffix(";").split(";"))
    mn, flag = fields.get("MN", ""), fields.get("Flag", "0")
    if not _MN.fullmatch(mn):
        raise _malformed(f"MN {mn!r:.40} names no site")
    if not (flag.isascii() and flag.isdigit() and int(flag) < 256):
        raise _malformed(f"Flag {flag!r:.40} is not a number from 0 to 255")
    return Packet(mn, fields.get("CN", ""), fields.get("QN", ""), fields.get("PW", ""), int(flag), match[2])


def build(data: str) -> bytes:
    """The packet of a data segment, with its tail."""
    body = data.encode()
    return b"##%04d%s%04X\r\n" % (len(body), body, crc(body))


def answer(packet: Packet) -> bytes | None:
    """What the centre says once the packet is stored; None where the site waits for nothing, or for no answer of ours.

    Source: HJ 212-2017, 6.6.4: command 9014 to an upload, 9013 to a notice, with the QN of what is answered.
    """
    command = DATA_ANSWER if packet.cn in UPLOADS or packet.cn == START_UP else ""
    if packet.cn == ASK_CLOCK:
        command = NOTICE_ANSWER
    if not command or not packet.wants_answer or not _QN.fullmatch(packet.qn):
        return None
    version = packet.flag & ~(ANSWER_WANTED | IS_PART)
    password = packet.password if packet.password.isalnum() else ""
    return build(f"QN={packet.qn};ST=91;CN={command};PW={password};MN={packet.mn};Flag={version};CP=&&&&")


def _measure(data: bytes, at: int, spans: Spans) -> int | None:
    match = _HEAD.match(data, at)
    if match is None:
        head = data[at : at + _HEAD_BYTES]
        is_beginning = len(head) < _HEAD_BYTES and b"##"[: len(head)] == head[:2] and (head[2:] or b"0").isdigit()
        return None if is_beginning else 0
    stop = match.end() + int(match[1])
    if len(data) < stop + _CRC_BYTES:
        return None
    stated = data[stop : stop + _CRC_BYTES]
    # the check value has only 256 forms: a packet must also end as one
    if not data.startswith(b"&&", max(match.end(), stop - 2)) or stated.upper() != b"%04X" % spans.of(
        match.end(), stop
    ):
        return 0
    return stop + _CRC_BYTES - at


FRAMING = Framing(re.compile(b"#"), ANNEX_A, _measure, filler=b"\r\n")


def _malformed(message: str) -> WireError:
    return WireError(message, reason=RejectReason.MALFORMED, advice="see docs/wire.md")
