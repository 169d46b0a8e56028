"""The topic grammar of docs/wire.md: what a topic names, or why it names nothing."""

import re
from functools import lru_cache
from typing import NamedTuple

from lifeline.errors import WireError
from lifeline.reading import RejectReason

SUBSCRIPTIONS = ("lifeline/1/+/+/up/+", "lifeline/1/+/+/state")
STATE = "state"

_GRAMMAR = re.compile(r"lifeline/1/([0-9]{6})/([A-Za-z0-9][A-Za-z0-9_.-]{0,63})/(?:up/([^/]+)|(state))")


class Topic(NamedTuple):
    """Whose message it is and how it is coded; `format` is `state` on the state topic."""

    city_code: str
    device_id: str
    format: str
    is_state: bool


@lru_cache(maxsize=200_000)
def parse(topic: str) -> Topic:
    """Raises WireError where `topic` does not follow the grammar."""
    match = _GRAMMAR.fullmatch(topic)
    if match is None:
        raise WireError(
            f"the topic {topic!r} does not follow docs/wire.md",
            reason=RejectReason.TOPIC,
            advice="publish to lifeline/1/CITY/DEVICE/up/FORMAT",
        )
    return Topic(match[1], match[2], match[3] or STATE, match[4] is not None)


def receipt_topic(topic: Topic) -> str:
    """Where the device of `topic` waits for receipts."""
    return f"lifeline/1/{topic.city_code}/{topic.device_id}/receipt"
