"""What a person does on a page of one thing: done in a thread, and answered in words."""

import asyncio
from collections.abc import Callable
from typing import Any

from console.pages.frame import Frame
from console.pages.parts import Leaf
from console.pages.wanting import WantingError
from lifeline.errors import AccessError, IllegalTransitionError, NotFoundError, StaleVersionError, StoreError

_LONGEST = 2000
Json = dict[str, Any]


async def acted(frame: Frame, leaf: Leaf, told: Json, work: Callable[[Json], None]) -> bool:
    """Does `work`, which blocks, with what the person told; False where the page must not be drawn again."""
    if not await frame.still():
        return False
    texts = frame.desk.texts
    told = told | {"note": str(told.get("note") or "").replace("\x00", "")[:_LONGEST]}
    try:
        await asyncio.to_thread(work, told)
    except WantingError as wanting:
        frame.say(texts(wanting.key), "warning")
    except StaleVersionError:
        frame.say(texts("act.was_first"), "warning")
    except IllegalTransitionError as error:
        frame.say(f"{texts('act.refused')}{texts.known('refused', error.reason)}", "warning")
    except (AccessError, NotFoundError, ValueError):
        frame.say(texts("act.not_yours"), "warning")
    except StoreError:
        frame.say(texts("act.away"), "negative")
    else:
        leaf.run_method("written")
        frame.say(texts("act.recorded"), "positive")
    return True
