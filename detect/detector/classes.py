"""The classes that several networks have in common."""

from collections.abc import Sequence

from detect.errors import DataError


def shared_classes(known: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the class names that all networks know, in the first one's order.

    Raises DataError where they differ, ValueError without a network.
    """
    if not known:
        raise ValueError("models: expected at least one")
    first = set(known[0])
    for number, other in enumerate(known[1:], start=2):
        if different := sorted(first ^ set(other)):
            raise DataError(
                f"the models do not know the same classes: only one of model 1 and model "
                f"{number} knows {listed(different)}. Networks can be averaged over the same "
                "classes alone."
            )
    return known[0]


def listed(names: Sequence[str]) -> str:
    """Return up to five of `names` for an error."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
