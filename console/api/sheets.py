"""Large answers that many ask for: made once for all, compressed once, and not sent to who has them already."""

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from fastapi import Request, Response

from console.api.tagging import has

_KEPT = 32
_WORTH_PACKING_BYTES = 2048
_PACK_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Sheet:
    """An answer as it goes out; `packed` where it is large enough to be worth it."""

    body: bytes
    packed: bytes | None
    tag: str

    @classmethod
    def of(cls, text: str) -> "Sheet":
        """The answer with this body; its tag is weak, for it goes out packed or not."""
        body = text.encode()
        packed = gzip.compress(body, _PACK_LEVEL, mtime=0) if len(body) >= _WORTH_PACKING_BYTES else None
        return cls(body, packed, f'W/"{hashlib.sha256(body).hexdigest()[:20]}"')

    def answer(self, request: Request, media_type: str) -> Response:
        """The answer to `request`: nothing but its tag where it is known, packed where that is understood."""
        headers = {"ETag": self.tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
        if has(request.headers.get("if-none-match"), self.tag):
            return Response(status_code=304, headers=headers)
        if self.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})
        return Response(self.body, media_type=media_type, headers=headers)


class Sheets:
    """The last answers, by what was asked; an answer holds as long as its stamp."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Hashable, Sheet]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def sheet(self, asked: Hashable, stamp: Hashable, make: Callable[[], str]) -> Sheet:
        """The answer to `asked`, made anew only where `stamp` is another; who asks meanwhile waits for the same."""
        with self._lock:
            making = self._making.setdefault(asked, threading.Lock())
        with making:
            kept = self._kept.get(asked)
            if kept is None or kept[0] != stamp:
                kept = (stamp, Sheet.of(make()))
            with self._lock:
                self._kept[asked] = kept
                self._kept.move_to_end(asked)
                if len(self._kept) > _KEPT:
                    oldest, _ = self._kept.popitem(last=False)
                    self._making.pop(oldest, None)
            return kept[1]
