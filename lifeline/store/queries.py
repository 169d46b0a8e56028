"""Named SQL: every query stands in sql/NOUN.sql under a name and a sentence of what it answers."""

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"
_HEAD = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(noun: str) -> dict[str, bytes]:
    """The blocks of sql/NOUN.sql by name. Each block begins with `-- name: NAME` and a comment line that says what for.

    Raises KeyError where a name stands twice, FileNotFoundError where the file is missing.
    """
    text = (FOLDER / f"{noun}.sql").read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    blocks: dict[str, bytes] = {}
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        if head[1] in blocks:
            raise KeyError(f"{noun}.sql has {head[1]} twice")
        blocks[head[1]] = text[head.end() : following.start() if following else None].strip().encode()
    return blocks
