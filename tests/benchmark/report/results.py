"""What scripts/bench.sh has left in a directory."""

import json
from dataclasses import dataclass
from pathlib import Path

from measure import Range, range_of, ratio_of, sum_of


@dataclass(frozen=True)
class Load:
    """One subject with so many calls, or streams, in flight: a value for each round."""

    calls_per_second: list[float]
    user_us: list[float]
    system_us: list[float]

    @property
    def cpu_us(self) -> list[float]:
        return sum_of(self.user_us, self.system_us)


class Throughput:
    """Subjects that took turns."""

    def __init__(self, raw: dict):
        self.rounds: int = raw["rounds"]
        self.slice_ms: int = raw["slice_ms"]
        self.grpc: str = raw["grpc"]
        self.connect_ms = {row["subject"]: row["connect_ms"] for row in raw["subjects"]}
        self.heap_bytes = {row["subject"]: row["heap_bytes"] for row in raw["subjects"]}
        self.loads = {
            (row["subject"], row["callers"]): Load(
                row["calls_per_second"], row["user_us_per_call"], row["system_us_per_call"])
            for row in raw["loads"]
        }

    def callers(self) -> list[int]:
        return sorted({callers for _, callers in self.loads})

    def has(self, subject: str) -> bool:
        return any(subject == name for name, _ in self.loads)

    def speed_ratio(self, subject: str, reference: str, callers: int) -> Range:
        return ratio_of(self.loads[subject, callers].calls_per_second, self.loads[reference, callers].calls_per_second)

    def cpu_ratio(self, subject: str, reference: str, callers: int) -> Range:
        return ratio_of(self.loads[subject, callers].cpu_us, self.loads[reference, callers].cpu_us)


@dataclass(frozen=True)
class Wave:
    """So many calls in flight at once."""

    heap_per_call: float
    cpu_us: Range


class Results:
    """Everything, as `raw` (for a file) and read. What was left out is absent or empty."""

    def __init__(self, directory: Path):
        def read(path: Path):
            return json.loads(path.read_text())

        def numbered(prefix: str) -> dict[int, object]:
            found = {int(path.name.split(".")[1]): read(path) for path in directory.glob(f"{prefix}.*.json")}
            return dict(sorted(found.items()))

        self.raw = {path.stem: read(path) for path in sorted(directory.glob("*.json")) if path.name != "result.json"}
        self.machine: dict = self.raw["machine"]
        self.allocations: dict = self.raw["allocations"]
        self.resilience: dict = self.raw["resilience"]
        self.discovery: dict = self.raw["discovery"]
        self.policies: dict | None = self.raw.get("policies")
        self.blocking = Throughput(self.raw["blocking"])
        self.callback = Throughput(self.raw["callback"])
        self.streams = Throughput(self.raw["streams"])
        self.streams_async = Throughput(self.raw["streams_async"])
        self.observers = Throughput(self.raw["observers"]) if "observers" in self.raw else None
        self.endpoints = {count: Throughput(raw) for count, raw in numbered("endpoints").items()}
        self.waves = {
            count: {row["subject"]: Wave(row["heap_per_call"], range_of(row["cpu_us_per_call"])) for row in rows}
            for count, rows in numbered("waves").items()
        }
        # By subject, "endpoints.100.subject" or "waves.100.subject".
        self.instructions = {
            path.name: float(path.read_text()) for path in sorted((directory / "instructions").iterdir())
        }
        self.raw["instructions"] = self.instructions
