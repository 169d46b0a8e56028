"""How devices are divided, and how workers come to their shares."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ingest.partition import Partition, moves

TOPIC = "lifeline/1/220100/{}/up/senml"


@given(st.text("ABCxyz019_.-", min_size=1, max_size=64), st.integers(2, 64))
def test_a_device_belongs_to_one_partition_whatever_it_sends(device: str, of: int) -> None:
    filters = [Partition(number, of).filter for number in range(of)]
    for topic in (TOPIC.format(device), f"lifeline/1/220200/{device}/up/hj212", f"lifeline/1/220100/{device}/state"):
        assert [keeps is not None and keeps(topic) for keeps in filters].count(True) == 1
    at_home = {
        keeps is not None and keeps(TOPIC.format(device)) and keeps(f"lifeline/1/9/{device}/state") for keeps in filters
    }
    assert True in at_home


def test_devices_are_spread_evenly() -> None:
    keeps = Partition(0, 4).filter
    assert keeps is not None
    kept = sum(keeps(TOPIC.format(f"CC-P-{number:05}")) for number in range(10_000))
    assert 2_300 < kept < 2_700


@given(st.integers(1, 16), st.integers(1, 8))
def test_workers_come_to_rest_with_everything_taken_and_nobody_above_its_share(of: int, workers: int) -> None:
    held: list[set[int]] = [set() for _ in range(workers)]
    held[0] = set(range(of))  # the first was alone until now
    for _ in range(3 * workers):
        for own in held:
            take, give = moves(own, set().union(*held), of=of, workers=workers)
            own.difference_update(give)
            own.update(take)
    assert sorted(number for own in held for number in own) == list(range(of))
    assert max(map(len, held)) <= math.ceil(of / workers)
    before = [set(own) for own in held]
    assert all(moves(own, set(range(of)), of=of, workers=workers) == ([], []) for own in before)
