"""Samples of operations: exact in number, uniform, the same however the work is cut."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest

from amcspice.simulation.sample import Sample, draw, priorities

INDICES = list(itertools.product(range(3), range(4), range(5)))


def sampled(count, indices, seed=0):
    sample = Sample(count, seed)
    for index in indices:
        sample.offer(index, f"operation {index}")
    return sample


def test_priorities_are_those_of_splitmix64():
    """Written out with Python's own integers."""

    def mix(state):
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state = (state ^ (state >> shift)) * factor % 2**64
        return state ^ (state >> 31)

    def by_hand(*parts):
        state = 0
        for part in parts:
            state = mix((state + 0x9E3779B97F4A7C15 + part) % 2**64)
        return state

    # The first number of the generator that starts at 0, as published with it.
    assert priorities(0)[0] == 0xE220A8397B1DCDAF
    for index in ((7,), (7, 2, 3), (2**40, 0)):
        assert priorities(11, *index)[0] == by_hand(11, *index)
    many = priorities(11, 7, np.arange(4))
    assert many.tolist() == [by_hand(11, 7, k) for k in range(4)]
    assert priorities(2**64 + 11, 7)[0] == priorities(11, 7)[0]


def test_priorities_are_uniform_in_every_part_of_the_index():
    for parts in ((np.arange(40_000), 3), (3, np.arange(40_000)), (np.arange(40_000), 0, 1)):
        values = priorities(5, *parts)
        assert len(np.unique(values)) == 40_000
        counts = np.bincount((values >> np.uint64(59)).astype(int), minlength=32)
        chi_square = np.sum((counts - 1250) ** 2 / 1250)
        assert chi_square < 62  # 31 degrees of freedom: 0.1 % lie above
        assert abs(np.corrcoef(values[1:].astype(float), values[:-1].astype(float))[0, 1]) < 0.02


def test_every_operation_has_the_same_chance():
    counts = dict.fromkeys(INDICES, 0)
    for seed in range(1200):
        for index in sampled(6, INDICES, seed).indices:
            counts[index] += 1
    # Each is drawn 120 times of 1200; the standard deviation of the binomial is 10.4.
    assert sum(counts.values()) == 7200
    assert min(counts.values()) > 120 - 45
    assert max(counts.values()) < 120 + 45
    assert np.std(list(counts.values())) == pytest.approx(10.4, rel=0.35)


@pytest.mark.parametrize("count", [0, 1, 7, 60, 100])
def test_it_is_exact_in_number(count):
    sample = sampled(count, INDICES)
    assert len(sample) == len(sample.indices) == min(count, 60)
    assert list(sample) == [f"operation {index}" for index in sample.indices]
    assert sample.indices == sorted(sample.indices)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 7, 59])
def test_neither_order_nor_partition_matters(count, seed):
    whole = sampled(count, INDICES, seed).indices
    order = np.random.default_rng(seed).permutation(60)
    assert sampled(count, [INDICES[k] for k in order], seed).indices == whole
    for cuts in ([20, 40], [1, 2, 59], []):
        merged = Sample(count, seed)
        for numbers in np.split(order, cuts):
            part = pickle.loads(pickle.dumps(merged.part()))  # as in another process
            for k in numbers:
                part.offer(INDICES[k], f"operation {INDICES[k]}")
            merged.merge(part)
        assert merged.indices == whole
        assert list(merged) == [f"operation {index}" for index in whole]


def test_what_does_not_happen_leaves_the_order_of_the_others():
    """After an early stop the sample is that of the operations that happened."""
    everything = sampled(60, INDICES)
    before = [index for index in INDICES if index[0] < 2]
    stopped = sampled(9, before).indices
    ranked = sorted(before, key=lambda index: int(priorities(0, *index)[0]))
    assert stopped == sorted(ranked[:9])
    assert set(stopped) <= set(everything.indices)


def test_only_what_may_be_taken_is_admitted():
    sample = sampled(4, INDICES)
    for first, second in itertools.product(range(3), range(4)):
        admitted = sample.admitted(first, second, np.arange(5)).tolist()
        inside = [index[2] for index in sample.indices if index[:2] == (first, second)]
        assert admitted == inside
    assert Sample(0, 0).admitted(np.arange(5)).size == 0


@pytest.mark.parametrize("shape", [(60,), (12, 5), (3, 4, 5)])
def test_a_draw_is_the_sample_of_all(shape):
    indices = list(np.ndindex(*shape))
    for count in (0, 1, 13, 60, 99):
        assert draw(count, 3, shape) == sampled(count, indices, 3).indices
