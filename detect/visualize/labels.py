"""Places for labels: inside the picture, and never one over another."""

from collections.abc import Iterator

Rectangle = tuple[int, int, int, int]


class Places:
    """The space labels have in a picture `width` x `height` px, and what of it is taken."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.taken: list[Rectangle] = []

    def reserve(self, around: Rectangle, width: int, height: int) -> Rectangle | None:
        """Take a free place of `width` x `height` px at the box `around`; None if there is none."""
        for place in self._candidates(around, width, height):
            if self._inside(place) and not any(_overlap(place, other) for other in self.taken):
                self.taken.append(place)
                return place
        return None

    def _candidates(self, around: Rectangle, width: int, height: int) -> Iterator[Rectangle]:
        """Yield places, best first: above, below, then within the box; left before right."""
        x1, y1, x2, y2 = around
        lefts = (x1, x2 - width, (x1 + x2 - width) // 2)
        for top in (y1 - height, y2, y1, y2 - height):
            for left in lefts:
                left = max(0, min(left, self.width - width))
                yield left, top, left + width, top + height
        for left in (x2, x1 - width):
            for top in (y1, y2 - height):
                yield left, top, left + width, top + height

    def _inside(self, place: Rectangle) -> bool:
        x1, y1, x2, y2 = place
        return x1 >= 0 and y1 >= 0 and x2 <= self.width and y2 <= self.height


def _overlap(first: Rectangle, second: Rectangle) -> bool:
    across = first[0] < second[2] and second[0] < first[2]
    return across and first[1] < second[3] and second[1] < first[3]
