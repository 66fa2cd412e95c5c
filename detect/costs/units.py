"""Durations and sizes as people say them."""

_DURATIONS = (
    (86400.0, "days", 2 * 86400.0),
    (3600.0, "h", 1.5 * 3600.0),
    (60.0, "min", 90.0),
    (1.0, "s", 0.1),
    (1e-3, "ms", 0.0),
)
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "KB"))


def duration(seconds: float) -> str:
    """Return "0 s", "36 ms", "0.56 s", "28 min", "3.1 h" or "98 days": two figures or more.

    Seconds from 0.1, minutes from 90 seconds, hours from 90 minutes, days from 48 hours.
    """
    if not seconds:
        return "0 s"
    unit, name = next((unit, name) for unit, name, least in _DURATIONS if seconds >= least)
    return f"{_two_figures(seconds / unit)} {name}"


def bytes_text(count: float) -> str:
    """Return "12 MB" or "1.4 GB", in powers of 1,000; "?" for 0, which stands for not known."""
    if not count:
        return "?"
    unit, name = next((entry for entry in _SIZES if count >= entry[0]), _SIZES[-1])
    return f"{_two_figures(count / unit)} {name}"


def _two_figures(value: float) -> str:
    if value < 0.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"
