"""Sorting: by radix where the order of equals does not count, else as libstdc++'s std::sort.

OpenCV sorts edges and similarities by std::sort, which leaves equals in an order of its own. Where
that order decides, the same algorithm is run: introsort as libstdc++ has it (Musser, Introspective
Sorting and Selection Algorithms, 1997; bits/stl_algo.h and bits/stl_heap.h).
"""

import numpy as np
from numpy.typing import NDArray

from detect.proposals.search.compiled import compiled

_THRESHOLD = 16  # elements that are left to the insertion sort (_S_threshold)
_RADIX = 11  # bits a pass
_BUCKETS = 1 << _RADIX

Keys = NDArray[np.float32]
Order = NDArray[np.int32]


@compiled
def radix_sort(keys: Keys) -> tuple[Keys, Order]:
    """`keys` (N,), none negative -> the keys in ascending order, and their places; stable."""
    count = len(keys)
    bits, other_bits = keys.view(np.uint32).copy(), np.empty(count, np.uint32)
    order, other_order = np.arange(count).astype(np.int32), np.empty(count, np.int32)
    for shift in range(0, 32, _RADIX):
        starts = np.zeros(_BUCKETS + 1, np.int64)
        for i in range(count):
            starts[((bits[i] >> np.uint32(shift)) & np.uint32(_BUCKETS - 1)) + 1] += 1
        for bucket in range(_BUCKETS):
            starts[bucket + 1] += starts[bucket]
        for i in range(count):
            bucket = (bits[i] >> np.uint32(shift)) & np.uint32(_BUCKETS - 1)
            place = starts[bucket]
            starts[bucket] += 1
            other_bits[place], other_order[place] = bits[i], order[i]
        bits, other_bits = other_bits, bits
        order, other_order = other_order, order
    return bits.view(np.float32), order


@compiled
def std_sort(keys: Keys, values: Order) -> None:
    """Sort `keys` and `values` (N,) in place by key, as std::sort does."""
    if len(keys) < 2:
        return
    stack = [(0, len(keys), 2 * _log2(len(keys)))]
    while len(stack) > 0:
        first, last, depth = stack.pop()
        while last - first > _THRESHOLD:
            if depth == 0:
                _heap_sort(keys, values, first, last)
                break
            depth -= 1
            cut = _partition(keys, values, first, last)
            stack.append((cut, last, depth))
            last = cut
    _insertion_sort(keys, values)


@compiled
def _log2(number: int) -> int:
    power = 0
    while number > 1:
        number >>= 1
        power += 1
    return power


@compiled
def _swap(keys: Keys, values: Order, a: int, b: int) -> None:
    keys[a], keys[b] = keys[b], keys[a]
    values[a], values[b] = values[b], values[a]


@compiled
def _partition(keys: Keys, values: Order, first: int, last: int) -> int:
    """Part [first, last) by the median of three, put first (__unguarded_partition_pivot)."""
    a, b, c = first + 1, first + (last - first) // 2, last - 1
    if keys[a] < keys[b]:
        median = b if keys[b] < keys[c] else (c if keys[a] < keys[c] else a)
    else:
        median = a if keys[a] < keys[c] else (c if keys[b] < keys[c] else b)
    _swap(keys, values, first, median)
    pivot = keys[first]
    low, high = first + 1, last
    while True:
        while keys[low] < pivot:
            low += 1
        high -= 1
        while pivot < keys[high]:
            high -= 1
        if not low < high:
            return low
        _swap(keys, values, low, high)
        low += 1


@compiled
def _insertion_sort(keys: Keys, values: Order) -> None:
    """Sort what is nearly sorted; equals keep their order (__final_insertion_sort)."""
    for i in range(1, len(keys)):
        key, value = keys[i], values[i]
        j = i
        while j > 0 and key < keys[j - 1]:
            keys[j], values[j] = keys[j - 1], values[j - 1]
            j -= 1
        keys[j], values[j] = key, value


@compiled
def _heap_sort(keys: Keys, values: Order, first: int, last: int) -> None:
    """Sort [first, last) by a heap (__partial_sort of all of it)."""
    count = last - first
    for parent in range((count - 2) // 2, -1, -1):
        key, value = keys[first + parent], values[first + parent]
        _adjust_heap(keys, values, first, parent, count, key, value)
    for end in range(last - 1, first, -1):
        key, value = keys[end], values[end]
        keys[end], values[end] = keys[first], values[first]
        _adjust_heap(keys, values, first, 0, end - first, key, value)


@compiled
def _adjust_heap(
    keys: Keys, values: Order, first: int, hole: int, count: int, key: np.float32, value: np.int32
) -> None:
    """Put `key` into the heap of `count` whose `hole` is free (__adjust_heap, __push_heap)."""
    top, child = hole, hole
    while child < (count - 1) // 2:
        child = 2 * (child + 1)
        if keys[first + child] < keys[first + child - 1]:
            child -= 1
        keys[first + hole], values[first + hole] = keys[first + child], values[first + child]
        hole = child
    if count % 2 == 0 and child == (count - 2) // 2:
        child = 2 * (child + 1)
        keys[first + hole] = keys[first + child - 1]
        values[first + hole] = values[first + child - 1]
        hole = child - 1
    parent = (hole - 1) // 2
    while hole > top and keys[first + parent] < key:
        keys[first + hole], values[first + hole] = keys[first + parent], values[first + parent]
        hole = parent
        parent = (hole - 1) // 2
    keys[first + hole], values[first + hole] = key, value
