"""One leak, one alarm: which subject a leak of the core goes by, when other detectors may have told of it before.

The fast detector says `burst:ZONE` within seconds and `leak:ZONE` after some nights. What the core places later is the
same water: it goes on under that subject. What nobody has told of becomes `leak:ZONE` or `burst:ZONE`, a second leak
that runs in the zone at the same time `leak:ZONE:NUMBER`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from lifeline.finding import Finding, FindingKind

BURST_BEFORE = timedelta(hours=48)
"""the core sees a leak in means over a day: a burst that began so long before may be the one"""
LOSSES = (FindingKind.BURST, FindingKind.LEAK)
LEAK_BEFORE = timedelta(days=21)
"""night flows need as many nights, the core as many days"""


def told_before(
    standing: Sequence[Finding], zone_id: str | None, began_at: datetime, taken: Collection[str]
) -> Finding | None:
    """What another detector has told of the same leak; None where nobody has. `taken` are subjects of other leaks.

    A burst goes before a leak, the one that began nearest before others.
    """
    if zone_id is None:
        return None

    def apart(finding: Finding) -> timedelta:
        return abs(finding.began_at - began_at)

    near = [
        f
        for f in standing
        if f.zone_id == zone_id
        and f.kind in LOSSES
        and f.subject not in taken
        and apart(f) <= (BURST_BEFORE if f.kind is FindingKind.BURST else LEAK_BEFORE)
    ]
    return min(near, key=lambda f: (f.kind is not FindingKind.BURST, apart(f)), default=None)


def own_subject(kind: str, zone_id: str | None, city_code: str, number: int, taken: Collection[str]) -> str:
    """The subject of a leak or burst that nobody else told of."""
    first = f"{kind}:{zone_id or city_code}"
    return first if zone_id is not None and first not in taken else f"{first}:{number}"
