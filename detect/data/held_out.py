"""Images held out of a training set, with every class in them about as often as in the rest."""

import numpy as np

from detect.structures import IntArray

# Ours: draws that are compared. More hardly better the best one.
DRAWS = 500


def held_out(
    counts: IntArray, share: float, rng: np.random.Generator, *, leave: bool = True
) -> IntArray:
    """Return the places, ascending, of about `share` of N images with `counts` (N, C) objects.

    Of DRAWS random ones that whose worst class is nearest to its share: |held - share| / share,
    a class without objects aside; of equal ones the next classes decide. At least one image is
    held out and one is not. With `leave` draws whose rest lacks no class come first, or else draws
    that lack none themselves. ValueError for fewer than two images, or a share that is not between
    0 and 1.
    """
    images = len(counts)
    if images < 2 or not 0 < share < 1:
        raise ValueError(
            f"held_out: expected two images and a share below 1, got {images}, {share}"
        )
    number = min(images - 1, max(1, round(share * images)))
    totals = counts.sum(axis=0)
    known = totals > 0
    best, worst = np.zeros(0, np.int64), (np.inf, ())
    for _ in range(DRAWS):
        drawn = rng.permutation(images)[:number]
        shares = counts[drawn][:, known].sum(axis=0) / totals[known]
        missing = int((shares == (1 if leave else 0)).sum())
        off = missing, tuple(sorted(np.abs(shares / share - 1).tolist(), reverse=True))
        if off < worst:
            best, worst = drawn, off
    return np.sort(best)
