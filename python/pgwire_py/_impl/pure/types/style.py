"""How values are printed and read in text: the settings DateStyle, IntervalStyle, TimeZone, extra_float_digits and bytea_output."""

from __future__ import annotations

from typing import Final

from ...interface.text_style import ZoneTable
from .interval_text import STYLES
from .zone import LocalTime, Zone

__all__ = ["DEFAULT", "TextStyle"]


class TextStyle:
    """The settings that text depends on, checked; see the contract in ``_impl/interface``. It cannot be changed.

    Attributes:
        zone: None is UTC.
    """

    __slots__ = ("bytea", "dates", "float_digits", "intervals", "order", "zone")

    def __init__(
        self,
        *,
        dates: str = "ISO",
        order: str = "MDY",
        intervals: str = "postgres",
        zone: ZoneTable | None = None,
        float_digits: int = 1,
        bytea: str = "hex",
    ) -> None:
        for name, value, known in (
            ("dates", dates, ("ISO", "SQL", "Postgres", "German")),
            ("order", order, ("MDY", "DMY", "YMD")),
            ("intervals", intervals, STYLES),
            ("float_digits", float_digits, range(-15, 4)),
            ("bytea", bytea, ("hex", "escape")),
        ):
            if value not in known:
                raise ValueError(f"wrong {name}")
        self.dates = dates
        self.order = order
        self.intervals = intervals
        self.float_digits = float_digits
        self.bytea = bytea
        self.zone: Zone | None = None
        if zone is not None:
            changes, times, repeats, now = zone
            self.zone = Zone(list(changes), [LocalTime(*time) for time in times], repeats, now)


DEFAULT: Final = TextStyle()
"""PostgreSQL's own settings, with UTC."""
