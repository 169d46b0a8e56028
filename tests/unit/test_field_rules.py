"""Rules of dispatch and shelters: read again when the file changes; a file with a fault leaves those in force."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts import dispatch, shelters_rules
from alerts.field import FieldRules
from lifeline.errors import SettingsError
from lifeline.settings import FieldSettings

NOW = datetime(2026, 7, 20, 8, tzinfo=UTC)


def test_a_changed_file_comes_into_force_and_a_bad_one_does_not(tmp_path: Path) -> None:
    of_shelters, of_dispatch = tmp_path / "shelters.toml", tmp_path / "dispatch.toml"
    text = shelters_rules.BUILT_IN.read_text(encoding="utf-8")
    crews = dispatch.BUILT_IN.read_text(encoding="utf-8")
    of_shelters.write_text(text, encoding="utf-8")
    of_dispatch.write_text(crews, encoding="utf-8")
    settings = FieldSettings(shelters_file=str(of_shelters), dispatch_file=str(of_dispatch))
    rules = FieldRules(settings, None)
    assert (rules.look(NOW), rules.faults, rules.shelters.reserve_share) == (False, [], 0.1)

    def changed(path: Path, written: str, at: int) -> bool:
        path.write_text(written, encoding="utf-8")
        os.utime(path, (at, at))
        return rules.look(NOW)

    assert changed(of_shelters, text.replace("reserve_share = 0.10", "reserve_share = 0.20"), 1)
    assert rules.shelters.reserve_share == 0.2
    for number, wrong in enumerate(("reserve_share = 7", "reserve_share = 'ten'", "reserve = 0.1"), start=2):
        assert not changed(of_shelters, text.replace("reserve_share = 0.10", wrong), number)
        assert rules.shelters.reserve_share == 0.2, "those in force stay"
        (fault,) = rules.faults
        assert "shelters.toml:4:" in fault or "shelters.toml:5:" in fault, "the line"
        assert "reserve_share" in fault, "and the field"
    assert changed(of_shelters, text, 9)
    assert (rules.faults, rules.shelters.reserve_share) == ([], 0.1)
    assert not changed(of_dispatch, crews.replace("answer_min = 2.0", "answer_min = -2"), 10)
    assert "answer_min" in rules.faults[0]
    with pytest.raises(SettingsError, match="answer_min"):
        FieldRules(settings, None)
