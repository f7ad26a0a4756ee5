"""docs/performance.md with its plot and its numbers."""

import json
import textwrap
from pathlib import Path

from bars import MET, MISSED, UNDECIDED, Bars
from measure import range_of
from plot import Panel, Series, draw
from results import Results, Throughput
from sections import BALANCED
from table import Section, Table

HEAD = """# What a call costs

`./run bench --write` measured this, and wrote this page, [its plot](performance.svg) and [every number](performance.json). Two things are
compared: the stub that gRPC generates, as a program without the SDK would use it (gRPC's own defaults, a deadline for each call), and
the SDK with its built-in service config, so with retries, breaker and bulkhead. Client and server are processes of one machine and talk
over loopback; what is counted is the client's alone.

![Calls a second and CPU time by calls in flight, CPU time by endpoints and by very many calls in flight](performance.svg)

## How to read this

- **SDK / stub** is the median over rounds of the ratio within a round, in which both have had their turn; in brackets is where it lies with
  95 % certainty. What the machine does to one it does to the other, so the ratio says more than the calls a second, which depend on the
  machine, its load, and the server that shares it.
- **A bar** is what the SDK promises. *met*: the whole range is on the right side. *MISSED*: the whole range is on the wrong side.
  *undecided*: the bar lies within the range, so this measurement cannot tell.
- **CPU** is user and system time of the client process, by call. Calls a second of a client that shares its processors with the server
  cannot tell a cheap client from a cheap server; CPU time can.
- **Instructions** and **allocations** do not depend on how busy the machine is. They show what a change of the code has done, also where
  times are noise. Instructions leave out what the kernel does for the client.
- Loopback has no latency to speak of. Over a network a call takes longer and costs the client the same.
"""


def write_page(docs: Path, results: Results, sections: list[Section], bars: Bars) -> None:
    (docs / "performance.svg").write_text(draw(_panels(results)))
    (docs / "performance.json").write_text(_numbers(results, bars))
    parts = [HEAD, _machine(results), _bars(bars)]
    for section in sections:
        parts.append(f"## {section.title}\n\n{_wrapped(section.text)}\n")
        parts += [f"{table.to_markdown()}\n" for table in section.tables if table.rows]
    (docs / "performance.md").write_text("\n".join(parts))


def bars_table(bars: Bars) -> Table:
    table = Table(["what", "bar", "measured", "verdict"], words=frozenset({0, 1, 3}))
    for bar in bars.all:
        measured = bar.measured
        shown = f"{measured.median:.3f}" if measured.low == measured.high else str(measured)
        table.add(bar.what, bar.bar, shown, bar.verdict)
    return table


def verdicts(bars: Bars) -> str:
    counts = {verdict: sum(bar.verdict == verdict for bar in bars.all) for verdict in (MET, MISSED, UNDECIDED)}
    return f"{len(bars.all)} bars: {counts[MET]} met, {counts[MISSED]} missed, {counts[UNDECIDED]} undecided within noise."


def machine_text(results: Results) -> str:
    machine = results.machine
    quick = " Rough: by `--quick`." if machine["quick"] else ""
    busy = ""
    if machine["load_before"] >= machine["cpus"] / 2:
        busy = (f" The machine was busy with other work when this began (load {machine['load_before']:g}): calls a second and CPU "
                "are rough.")
    return (f"{machine['date']}, {machine['cpus']} processors ({machine['cpu'].strip()}), gRPC {results.blocking.grpc}, release "
            f"build.{quick}{busy}")


def _machine(results: Results) -> str:
    return f"## Where\n\n{_wrapped(machine_text(results))}\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 140, break_long_words=False, break_on_hyphens=False)


def _bars(bars: Bars) -> str:
    return f"## The bars\n\n{verdicts(bars)}\n\n{bars_table(bars).to_markdown()}\n"


def _numbers(results: Results, bars: Bars) -> str:
    """One line for each measurement: small enough to be read, and to be compared with the one before."""

    def rounded(value):
        if isinstance(value, float):
            return float(f"{value:.5g}")
        if isinstance(value, dict):
            return {key: rounded(item) for key, item in value.items()}
        if isinstance(value, list):
            return [rounded(item) for item in value]
        return value

    raw = dict(results.raw)
    if results.policies is not None:
        raw["policies"] = [
            {key: run.get(key) for key in ("name", "threads", "repetition_index", "cpu_time", "allocations")}
            for run in results.policies["benchmarks"] if run["run_type"] == "iteration"
        ]
    raw = {"bars": [bar.to_json() for bar in bars.all], **raw}
    return _lines(rounded(raw), 0) + "\n"


def _lines(value, depth: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if depth >= 3 or not isinstance(value, (dict, list)) or len(flat) < 100:
        return flat
    inner = " " * (depth + 1)
    if isinstance(value, dict):
        body = ",\n".join(f"{inner}{json.dumps(key)}: {_lines(item, depth + 1)}" for key, item in value.items())
        return f"{{\n{body}\n{' ' * depth}}}"
    body = ",\n".join(f"{inner}{_lines(item, depth + 1)}" for item in value)
    return f"[\n{body}\n{' ' * depth}]"


def _panels(results: Results) -> list[Panel]:
    def ratio(measured: Throughput, subject: str, reference: str) -> dict:
        return {callers: measured.speed_ratio(subject, reference, callers) for callers in measured.callers()}

    def cpu(measured: Throughput, subject: str) -> dict:
        return {callers: range_of(measured.loads[subject, callers].cpu_us) for callers in measured.callers()}

    speed = Panel("Calls or messages a second, SDK / stub", "in flight", ratio=True, series=[
        Series("blocking", "sdk", ratio(results.blocking, "sdk", "raw"), dashed=True),
        Series("called back", "sdk", ratio(results.callback, "sdk-callback", "raw-callback")),
        Series("streams, blocking", "stream", ratio(results.streams, "sdk-stream", "raw-stream"), dashed=True),
        Series("streams, called back", "stream", ratio(results.streams_async, "sdk-stream-async", "raw-stream-callback")),
    ])
    cost = Panel("CPU time a call, us", "in flight", series=[
        Series("stub, blocking", "stub", cpu(results.blocking, "raw"), dashed=True),
        Series("SDK, blocking", "sdk", cpu(results.blocking, "sdk"), dashed=True),
        Series("stub, called back", "stub", cpu(results.callback, "raw-callback")),
        Series("SDK, called back", "sdk", cpu(results.callback, "sdk-callback")),
    ])
    kinds = dict(zip(BALANCED, ("stub", "pool", "sdk"), strict=True))
    endpoints = Panel("CPU time a call, balanced over many endpoints, us", "endpoints", series=[
        Series(meaning, kinds[name], {
            count: range_of(measured.loads[name, callers].cpu_us)
            for count, measured in results.endpoints.items() for callers in measured.callers()
        })
        for name, meaning in BALANCED.items()
    ])
    waves = Panel("CPU time a call with very many in flight, us", "in flight", series=[
        Series("stub, called back", "stub", {count: wave["raw-callback"].cpu_us for count, wave in results.waves.items()}),
        Series("SDK, called back", "sdk", {count: wave["sdk-callback"].cpu_us for count, wave in results.waves.items()}),
    ])
    return [speed, cost, endpoints, waves]
