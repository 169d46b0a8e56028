"""The audit trail on a real database: writers at once keep one chain, and whatever is done to it shows with its row."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from lifeline.alarm import AlarmAction
from lifeline.errors import StoreError
from lifeline.store import alarms, audit
from lifeline.store.audit import Anchor, Flaw, record, verify
from lifeline.store.pool import Store
from lifeline.verbs.audit import read_anchors, verify_command
from tests.field_parts import open_alarm, terminal_words

NOW = datetime(2026, 7, 20, 8, 0, 0, 123456, tzinfo=UTC)
NASTY = '王"五\n%s\\ \U0001f692\0 \ud800 ' + "长" * 10_000


def _fill(store: Store, rows: int) -> None:
    for number in range(rows):
        record(store, who="wang", action="alarm.note", subject=f"alarm:{number}", detail={"n": number}, at=NOW)


def _tamper(url: str, *statements: str) -> None:
    """What somebody with all rights to the database may do."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode())


def test_any_words_are_kept_and_proved(store: Store) -> None:
    record(store, who=NASTY, action="a.b", subject="", detail={"note": NASTY, "at": NOW, "为": [1, None]}, at=NOW)
    (entry,) = audit.entries(store)
    assert entry.detail["note"].startswith('王"五\n%s\\ \U0001f692\0') and len(entry.detail["note"]) == len(NASTY)
    assert verify(store).sound


def test_writers_at_once_keep_one_chain_without_a_gap(store: Store) -> None:
    broken: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for number in range(20):
                try:
                    with store.transaction() as connection:
                        for _ in range(2):
                            record(connection, who=f"w{writer}", action="a.b", subject="s:1", detail={}, at=NOW)
                        if number % 5 == 4:
                            raise ZeroDivisionError
                except ZeroDivisionError:
                    pass
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    proof = verify(store)
    assert proof.sound
    assert (proof.rows, proof.head.seq) == (128, 128)


def test_rows_can_only_be_added(store: Store) -> None:
    _fill(store, 1)
    for statement in (b"UPDATE audit SET who = 'li'", b"DELETE FROM audit", b"TRUNCATE audit"):
        with pytest.raises(StoreError, match="only added to"), store.transaction() as connection:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["UPDATE audit SET who = 'li' WHERE seq = 3"], {(3, Flaw.ALTERED)}),
        (["UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 3"], {(3, Flaw.ALTERED)}),
        (["UPDATE audit SET detail = '{}' WHERE seq = 3"], {(3, Flaw.ALTERED)}),
        (["DELETE FROM audit WHERE seq = 3"], {(3, Flaw.DELETED)}),
        (["DELETE FROM audit WHERE seq = 1"], {(1, Flaw.DELETED)}),
        (["DELETE FROM audit WHERE seq > 3"], {(4, Flaw.TRUNCATED)}),
        (
            ["INSERT INTO audit (at, who, action, subject, detail) VALUES (now(), 'li', 'a.b', 's:1', '{}')"],
            {(0, Flaw.INSERTED)},
        ),
        (
            ["DELETE FROM audit WHERE seq = 3", "UPDATE audit SET seq = seq - 1 WHERE seq > 3"],
            {(3, Flaw.UNLINKED), (3, Flaw.ALTERED), (4, Flaw.ALTERED), (5, Flaw.TRUNCATED)},
        ),
        (["UPDATE audit_head SET hash = decode(repeat('11', 32), 'hex')"], {(6, Flaw.TRUNCATED)}),
        (["DELETE FROM audit_head"], {(6, Flaw.TRUNCATED)}),
    ],
)
def test_whatever_is_done_to_the_trail_shows_with_its_row(
    store: Store, database_url: str, statements: list[str], expected: set[tuple[int, Flaw]]
) -> None:
    _fill(store, 5)
    _tamper(database_url, *statements)
    assert {(fault.seq, fault.flaw) for fault in verify(store).faults} == expected


def test_a_chain_written_anew_is_sound_in_itself_and_an_anchor_unmasks_it(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    _fill(store, 3)
    kept = tmp_path / "anchors.txt"
    kept.write_text(f"2026-07-20T08:00:00+00:00 {audit.head(store)}\n", encoding="utf-8")
    anchors = read_anchors(kept)
    _fill(store, 1)
    assert verify(store, anchors).sound
    zeros = "decode(repeat('00', 32), 'hex')"
    _tamper(database_url, "DELETE FROM audit", f"UPDATE audit_head SET seq = 0, hash = {zeros}")
    assert {(f.seq, f.flaw) for f in verify(store, anchors).faults} == {(3, Flaw.TRUNCATED)}
    _fill(store, 4)
    assert verify(store, anchors).sound, "the same acts at the same time give the same chain"
    _tamper(database_url, "DELETE FROM audit", f"UPDATE audit_head SET seq = 0, hash = {zeros}")
    record(store, who="li", action="alarm.note", subject="alarm:0", detail={"n": 0}, at=NOW)
    _fill(store, 3)
    assert verify(store).sound
    assert [(f.seq, f.flaw) for f in verify(store, anchors).faults] == [(3, Flaw.REWRITTEN)]
    out, words = terminal_words()
    assert verify_command(store, out, anchors) == 1
    assert "row 3 is not the one that an anchor was taken of" in words()


def test_what_is_done_to_an_alarm_is_in_the_trail_and_what_fails_is_not(store: Store) -> None:
    alarm = open_alarm(store)
    acted = alarms.act(
        store, alarm.alarm_id, AlarmAction.ACKNOWLEDGE, actor="王五", version=1, now=NOW, reason="seen", note="在看"
    )
    with pytest.raises(StoreError):
        alarms.act(store, alarm.alarm_id, AlarmAction.CANCEL, actor="li", version=1, now=NOW, reason="false")
    newest, opened = audit.entries(store, subject=f"alarm:{acted.alarm_id}")
    assert (newest.who, newest.action, newest.detail["note"]) == ("王五", "alarm.acknowledge", "在看")
    assert (newest.detail["from"], newest.detail["to"], newest.detail["level"]) == ("open", "acknowledged", 3)
    assert (opened.who, opened.action, opened.detail["of"]) == ("system:alerts", "alarm.open", alarm.subject)
    assert verify(store).sound


@pytest.mark.parametrize("line", ["3", "3 zz", "x 00", "-1 " + "00" * 32, "3 00"])
def test_a_spoilt_anchor_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "anchors.txt"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"anchors\.txt:2"):
        read_anchors(path)


def test_an_anchor_reads_as_it_is_written(tmp_path: Path) -> None:
    anchor = Anchor(7, bytes(range(32)))
    path = tmp_path / "anchors.txt"
    path.write_text(f"2026-07-20T08:00:00+00:00 {anchor}\n{anchor}\n", encoding="utf-8")
    assert read_anchors(path) == [anchor, anchor]
