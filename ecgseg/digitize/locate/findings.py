"""What was found on a flat page before anyone knows which lead is where: rows of trace, names, pulses, texts."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Box:
    """An upright box in flat px: left, top, right, bottom; `score` 0..1 is how sure the finder is."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float = 1.0

    @property
    def x(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def y(self) -> float:
        return (self.y0 + self.y1) / 2

    def share_in(self, other: "Box") -> float:
        """Return the share 0..1 of the box's area that lies in another."""
        wide, high = min(self.x1, other.x1) - max(self.x0, other.x0), min(self.y1, other.y1) - max(self.y0, other.y0)
        return wide * high / ((self.x1 - self.x0) * (self.y1 - self.y0)) if min(wide, high) > 0 else 0.0


@dataclass(frozen=True)
class LeadName(Box):
    """The printed name of a lead; `sign` is -1 where it says that the lead is upside down (-aVR)."""

    lead: str = ""
    sign: int = 1


@dataclass(frozen=True)
class Stretch:
    """A piece of a row's trace: from x0 to x1 (flat px) about the height `baseline`.

    It goes through all strips of a row that share a zero line, and may break where they do not, or where the trace
    is faint; `score` 0..1 is how sure the finder is.
    """

    x0: float
    x1: float
    baseline: float
    score: float = 1.0


@dataclass(frozen=True)
class Point:
    """A place in flat px with its score 0..1: where a strip starts or ends, at its baseline."""

    x: float
    y: float
    score: float = 1.0


@dataclass(frozen=True)
class Findings:
    """All that was found on a flat page, in flat px (pixel centres at whole numbers), from the top and from the left.

    names: printed lead names; pulses: calibration pulses (the box around their ink: its height is that of 1 mV where
    the pulse has one step); texts: lines of text that tell speed or gain; stretches: rows of trace; starts and ends:
    where single strips begin and end.
    """

    names: list[LeadName] = field(default_factory=list)
    pulses: list[Box] = field(default_factory=list)
    texts: list[Box] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    starts: list[Point] = field(default_factory=list)
    ends: list[Point] = field(default_factory=list)
