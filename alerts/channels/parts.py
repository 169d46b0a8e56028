"""Cuts a long text for channels that take short ones: nothing is lost, characters stay whole. Pure."""

_MARK_BYTES = len("(999/999)\n")


def parts(text: str, most_bytes: int) -> list[str]:
    """The text in pieces of at most `most_bytes` of UTF-8, cut at ends of lines where that does not waste half a piece;
    several pieces begin with `(1/3)`.

    >>> parts("短", 100), [len(one.encode()) <= 40 for one in parts("长" * 30, 40)]
    (['短'], [True, True, True])
    """
    if len(text.encode()) <= most_bytes:
        return [text]
    room = most_bytes - _MARK_BYTES
    pieces: list[str] = []
    rest = text
    while rest:
        piece = rest.encode()[:room].decode(errors="ignore")
        cut = piece.rfind("\n") + 1
        if len(piece) < len(rest) and cut > len(piece) // 2:
            piece = piece[:cut]
        pieces.append(piece)
        rest = rest[len(piece) :]
    return [f"({number}/{len(pieces)})\n{piece}" for number, piece in enumerate(pieces, start=1)]
