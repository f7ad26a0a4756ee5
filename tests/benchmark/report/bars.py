"""What the SDK promises about its speed, and whether that was kept."""

from dataclasses import dataclass, field

from measure import Range

# Against the generated stub as a program without the SDK would use it: gRPC's own defaults, a deadline for each call.
LEAST_BLOCKING = 0.97
LEAST_CALLBACK = 0.95
LEAST_POOL = 1.0
LEAST_STREAM = 0.95
MOST_MORE_BLOCKING_INSTRUCTIONS = 1.05
MOST_MORE_BLOCKING_ALLOCATIONS = 2
MOST_CALLBACK_INSTRUCTIONS = 1.0
# Where instructions vary by themselves, from run to run: how much of the threads' hand-over falls into a call.
INSTRUCTION_NOISE = 0.01
MOST_POLICY_NANOSECONDS = 100
# A mean: what the benchmark's own frame takes counts too.
MOST_POLICY_ALLOCATIONS = 0.001
MOST_OPEN_CIRCUIT_US = 5
LEAST_HEDGING_GAIN = 10
MOST_HEDGED_ATTEMPTS = 1.1

MET, MISSED, UNDECIDED = "met", "MISSED", "undecided"


@dataclass
class Bar:
    what: str
    bar: str
    measured: Range
    verdict: str

    def to_json(self) -> dict:
        return {"what": self.what, "bar": self.bar, "measured": self.measured.to_json(), "verdict": self.verdict}


@dataclass
class Bars:
    """All of them, in the order in which they were asked for."""

    all: list[Bar] = field(default_factory=list)

    def at_least(self, what: str, limit: float, measured: Range) -> Bar:
        """A bar between the two ends of a range is not decided by the measurement."""
        verdict = MET if measured.low >= limit else MISSED if measured.high < limit else UNDECIDED
        return self._add(Bar(what, f"at least {limit:g}", measured, verdict))

    def at_most(self, what: str, limit: float, measured: Range) -> Bar:
        verdict = MET if measured.high <= limit else MISSED if measured.low > limit else UNDECIDED
        return self._add(Bar(what, f"at most {limit:g}", measured, verdict))

    def _add(self, bar: Bar) -> Bar:
        self.all.append(bar)
        return bar
