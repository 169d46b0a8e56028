"""An entry of the audit trail as people read it: what was done, and the particulars; codes where no word is known."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime

from console.texts import Texts
from lifeline.store.audit import Entry

_GROUPS = {"alarm": "action", "order": "order.action"}
"""Acts that have their words elsewhere in the catalogue, by what they are done to."""
_VALUES = {
    "shelter": {"from": "shelter.state", "to": "shelter.state", "mode": "shelter.mode", "to_mode": "shelter.mode"},
    "order": {"from": "order.state", "to": "order.state", "kind": "kind", "level": "level.full"},
    "alarm": {"from": "state", "to": "state", "kind": "kind", "level": "level.full"},
    "call": {"what": "lack"},
}
"""Particulars whose values are words of the catalogue."""


_MOMENTS = frozenset({"until", "done_at"})


def done(texts: Texts, action: str) -> str:
    """What was done.

    >>> from console.texts import Language
    >>> done(Texts.of(Language.EN), "alarm.verify"), done(Texts.of(Language.EN), "made.up")
    ('Verified', 'made.up')
    """
    of, _, verb = action.partition(".")
    group, key = (_GROUPS[of], verb) if of in _GROUPS else ("trail", f"{of}-{verb}")
    found = texts.known(group, key)
    return action if found == key else found


def particulars(
    texts: Texts,
    entry: Entry,
    *,
    time: Callable[[datetime], str],
    without: Collection[str] = (),
    names: Mapping[str, str],
) -> str:
    """All that the entry says but `without`, and but what is empty; `names` stand for ids among the values, `time` says
    a moment."""
    of, told = entry.action.partition(".")[0], dict(entry.detail)
    words = _VALUES.get(of, {})

    def value(key: str) -> str:
        found = told.pop(key)
        if isinstance(found, bool):
            return texts("list.yes" if found else "list.no")
        if key in _MOMENTS and isinstance(found, str):
            with suppress(ValueError):
                return time(datetime.fromisoformat(found))
        if isinstance(found, list):
            return " ".join(names.get(str(one), str(one)) for one in found)
        return texts.known(words[key], str(found)) if key in words else names.get(str(found), str(found))

    parts = []
    if told.get("from") and told.get("to"):
        before, after = value("from"), value("to")
        parts += [f"{before} → {after}"] if before != after else []
    for key in list(told):
        if key not in without and told[key] not in ("", None, [], {}):
            parts.append(f"{texts.known('trail_key', key)}: {value(key)}")
    return " · ".join(parts)
