"""Numbers that were measured several times, and what can be said of them."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """The middle of several measurements, and between which two the true middle lies with 95 %."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f}-{self.high:.3f})"

    def to_json(self) -> dict:
        return {"median": self.median, "low": self.low, "high": self.high}


def exactly(value: float) -> Range:
    """What does not wobble."""
    return Range(value, value, value)


def range_of(samples: list[float]) -> Range:
    """By order statistics, so without an assumption about how the samples are distributed. At least one sample."""
    ordered = sorted(samples)
    n = len(ordered)
    low = max(0, math.floor(n / 2 - 0.98 * math.sqrt(n) - 0.5))
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return Range(middle, ordered[low], ordered[n - 1 - low])


def ratio_of(ours: list[float], theirs: list[float]) -> Range:
    """Round by round: what both had to suffer from the machine cancels out."""
    return range_of([a / b for a, b in zip(ours, theirs, strict=True)])


def sum_of(first: list[float], second: list[float]) -> list[float]:
    return [a + b for a, b in zip(first, second, strict=True)]
