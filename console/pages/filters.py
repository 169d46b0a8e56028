"""What a person has chosen to see of a list: kept in the address, shown above the list, asked of each row."""

from collections.abc import Mapping, Sequence
from typing import Any

from console.texts import Texts

_LONGEST = 64
WORDS = "words"
Json = dict[str, Any]
Choice = tuple[str, str]
"""A value and its word."""


class Filters:
    """Choices by key, each with its values and their words, and a box for words."""

    def __init__(self, texts: Texts, query: Mapping[str, str], choices: Mapping[str, Sequence[Choice]]) -> None:
        self._texts = texts
        self._choices = choices
        self.chosen: dict[str, str] = {}
        """by key; empty: everything"""
        for key in (*choices, WORDS):
            self.chosen[key] = ""
            self.take({"key": key, "value": query.get(key, "")})

    def take(self, told: Json) -> None:
        """What the person chose, as the list tells it."""
        key, value = str(told["key"]), str(told["value"])
        value = value.replace("\x00", "").strip()[:_LONGEST]
        if key == WORDS or (key in self._choices and value in ("", *(one for one, _ in self._choices[key]))):
            self.chosen[key] = value

    def shown(self) -> list[Json]:
        """The filters as the list shows them."""
        texts = self._texts
        anything = {"value": "", "label": texts("list.any")}
        return [
            *(
                {
                    "key": key,
                    "label": texts(f"list.{key}"),
                    "value": self.chosen[key],
                    "options": [anything, *({"value": value, "label": word} for value, word in values)],
                }
                for key, values in self._choices.items()
            ),
            {"key": WORDS, "label": texts("list.words"), "value": self.chosen[WORDS], "options": None},
        ]

    def fits(self, values: Mapping[str, str], words: Sequence[str]) -> bool:
        """Whether a row with these values and words is wanted."""
        wanted = self.chosen[WORDS].casefold()
        return all(self.chosen[key] in ("", values.get(key)) for key in self._choices) and (
            not wanted or any(wanted in one.casefold() for one in words)
        )
