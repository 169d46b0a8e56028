"""docs/alarms.md names every reason that the alerts stage can store."""

from pathlib import Path

from alerts.assess import Ground
from alerts.channels import KINDS
from alerts.lifecycle import Step, Why
from alerts.policy import Audience
from alerts.telling import Told

TEXT = (Path(__file__).parents[2] / "docs/alarms.md").read_text(encoding="utf-8")


def test_every_reason_and_channel_is_described() -> None:
    words = [*Why, *Told, *Ground, *(step for step in Step if step not in {Step.UPDATE, Step.IGNORE}), *KINDS]
    words += [one for one in Audience if one is not Audience.NOBODY]
    assert [word for word in words if f"`{word}`" not in TEXT] == []
