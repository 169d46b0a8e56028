"""What people read, in their language: catalogues under locale/, one entry per key, Chinese first, English second."""

from enum import StrEnum
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

_FOLDER = Path(__file__).parent / "locale"


class Language(StrEnum):
    """What a person can choose; the value is part of a page's address."""

    ZH = "zh"
    EN = "en"

    @property
    def other(self) -> "Language":
        """The language that the switch offers."""
        return Language.EN if self is Language.ZH else Language.ZH


class Texts:
    """The texts of one language.

    >>> Texts.of(Language.EN)("age.minutes", n=5)
    '5 min'
    """

    def __init__(self, language: Language, entries: dict[str, str]) -> None:
        self.language = language
        self._entries = entries

    @staticmethod
    @cache
    def of(language: Language) -> "Texts":
        """The texts of `language`."""
        with (_FOLDER / f"{language.value}.po").open("rb") as file:
            catalogue = read_po(file, abort_invalid=True)
        return Texts(language, {str(entry.id): str(entry.string) for entry in catalogue if entry.id})

    def __call__(self, key: str, **values: object) -> str:
        """The text under `key` with `values` put in. Raises KeyError where the catalogue lacks it."""
        text = self._entries[key]
        return text.format(**values) if values else text

    def known(self, group: str, value: str) -> str:
        """The text of `value` in `group`, or `value` itself where there is none: for names that others give."""
        return self._entries.get(f"{group}.{value}", value)

    def every_key(self) -> frozenset[str]:
        """Every key of the catalogue."""
        return frozenset(self._entries)

    def part(self, *prefixes: str) -> dict[str, str]:
        """All entries whose key begins with one of `prefixes` and a dot: for the parts that run in the browser."""
        return {key: text for key, text in self._entries.items() if key.split(".", 1)[0] in prefixes}

    def name(self, zh: str, en: str) -> str:
        """The one of a pair of names that belongs to the language."""
        return zh if self.language is Language.ZH else en
