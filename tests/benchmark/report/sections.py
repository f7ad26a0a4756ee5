"""The report, section by section: what was measured, as tables, and the bars that it is held against."""

from dataclasses import dataclass

import bars as limits
from bars import Bars
from measure import Range, exactly, range_of
from results import Results, Throughput
from table import Section, Table

SUBJECTS = {
    # name: (what it is, the stub on a channel of the same kind)
    "raw": ("stub, gRPC's default channel", None),
    "raw-light": ("stub, channel without gRPC's retry filter", None),
    "sdk": ("SDK, built-in policies, one connection", "raw-light"),
    "sdk-no-retries": ("SDK, without retryPolicy: with gRPC's filter", "raw"),
    "sdk-pool": ("SDK, built-in config: a pool", "raw-light"),
    "raw-callback": ("callback stub, gRPC's default channel", None),
    "raw-callback-light": ("callback stub, without gRPC's retry filter", None),
    "sdk-callback": ("callback SDK, built-in policies, one connection", "raw-callback-light"),
    "sdk-callback-pool": ("callback SDK, built-in config: a pool", "raw-callback-light"),
    "raw-stream": ("a message of a stream, stub, blocking", None),
    "sdk-stream": ("a message of a stream, SDK, Next", "raw-stream"),
    "raw-stream-callback": ("a message of a stream, stub, reactor", None),
    "sdk-stream-async": ("a message of a stream, SDK, NextAsync", "raw-stream-callback"),
}
BALANCED = {"raw-callback-balanced": "stub", "raw-callback-ejecting": "stub + outlier detection", "sdk-callback": "SDK"}


def sections(results: Results, bars: Bars) -> list[Section]:
    """In the order of the page. Collects every bar in `bars`."""
    made = [
        _blocking(results, bars),
        _callback(results, bars),
        _call_cost(results, bars),
        _streams(results, bars),
        _observers(results),
        _policies(results, bars),
        _endpoints(results),
        _in_flight(results),
        _guards(results, bars),
        _discovery(results),
    ]
    return [section for section in made if section is not None]


def _number(value: float, digits: int = 0) -> str:
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def _kilo(value: float) -> str:
    return f"{value / 1000:.1f} k"


@dataclass(frozen=True)
class _Duel:
    """An SDK against a stub, and the least part of the stub's speed that is promised: from so many at once on, or never."""

    title: str
    subject: str
    reference: str
    bar: float | None = None
    bar_from: int = 1
    # "calls in flight" and so on: what the first column counts.
    at_once: str = "in flight"
    what: str = "calls"


def _speed_table(measured: Throughput, duel: _Duel, bars: Bars) -> Table:
    table = Table([f"{duel.at_once}, {duel.title}", f"stub, {duel.what}/s", f"SDK, {duel.what}/s", "SDK / stub", "bar", "verdict",
                   "stub, CPU us", "SDK, CPU us", "CPU, SDK / stub"], words=frozenset({5}))
    for callers in measured.callers():
        ratio = measured.speed_ratio(duel.subject, duel.reference, callers)
        limit, verdict = "", ""
        if duel.bar is not None and callers >= duel.bar_from:
            limit = f">= {duel.bar:g}"
            what = f"{duel.what}/s, SDK / stub: {duel.at_once}, {duel.title}: {callers}"
            verdict = bars.at_least(what, duel.bar, ratio).verdict
        ours, theirs = measured.loads[duel.subject, callers], measured.loads[duel.reference, callers]
        table.add(callers, _kilo(range_of(theirs.calls_per_second).median), _kilo(range_of(ours.calls_per_second).median), ratio,
                  limit, verdict, _number(range_of(theirs.cpu_us).median, 1), _number(range_of(ours.cpu_us).median, 1),
                  measured.cpu_ratio(duel.subject, duel.reference, callers))
    return table


def _speed_tables(measured: Throughput, duels: list[_Duel], bars: Bars) -> list[Table]:
    """Of those that were measured."""
    return [_speed_table(measured, duel, bars) for duel in duels if measured.has(duel.subject)]


def _turns(measured: Throughput) -> str:
    return f"Stub and SDK take turns: {measured.rounds} rounds of {measured.slice_ms} ms."


def _blocking(results: Results, bars: Bars) -> Section:
    measured = results.blocking
    duels = [
        _Duel("1 connection", "sdk", "raw", limits.LEAST_BLOCKING, at_once="callers"),
        _Duel("2 connections", "sdk-2-channels", "raw-2-channels", limits.LEAST_BLOCKING, at_once="callers"),
        _Duel("pool : 1 connection", "sdk-pool", "raw", at_once="callers"),
    ]
    return Section("Calls that block", f"GetUser, each caller a thread. {_turns(measured)}", _speed_tables(measured, duels, bars))


def _callback(results: Results, bars: Bars) -> Section:
    measured = results.callback
    duels = [
        _Duel("1 connection", "sdk-callback", "raw-callback", limits.LEAST_CALLBACK, bar_from=8),
        _Duel("2 connections", "sdk-callback-2-channels", "raw-callback-2-channels", limits.LEAST_CALLBACK, bar_from=8),
        _Duel("pool : 1 connection", "sdk-callback-pool", "raw-callback", limits.LEAST_POOL, bar_from=8),
    ]
    return Section("Calls that call back", "GetUser by GetUserAsync and Then, and by the stub's async(): no thread waits. The "
                   f"pool of the built-in config is held against the stub's one connection. {_turns(measured)}",
                   _speed_tables(measured, duels, bars))


def _call_cost(results: Results, bars: Bars) -> Section:
    instructions, allocations = results.instructions, results.allocations
    held = Table(["bar", "stub", "SDK", "", "bar is", "verdict"], words=frozenset({0, 5}))

    def ratio_bar(title: str, subject: str, reference: str, limit: float) -> None:
        ratio = instructions[subject] / instructions[reference]
        wobble = Range(ratio, ratio * (1 - limits.INSTRUCTION_NOISE), ratio * (1 + limits.INSTRUCTION_NOISE))
        bar = bars.at_most(f"{title}, SDK / stub", limit, wobble)
        held.add(title, _number(instructions[reference]), _number(instructions[subject]), f"{100 * (ratio - 1):+.1f} %",
                 f"<= {100 * (limit - 1):+.0f} %", bar.verdict)

    ratio_bar("instructions of a blocking call", "sdk", "raw", limits.MOST_MORE_BLOCKING_INSTRUCTIONS)
    more = round(allocations["sdk"]["count"] - allocations["raw"]["count"], 1) + 0.0
    bar = bars.at_most("allocations of a blocking call, more than the stub's", limits.MOST_MORE_BLOCKING_ALLOCATIONS,
                       exactly(more))
    held.add("allocations of a blocking call", _number(allocations["raw"]["count"], 1), _number(allocations["sdk"]["count"], 1),
             f"{more:+.1f}", f"<= {limits.MOST_MORE_BLOCKING_ALLOCATIONS:+d}", bar.verdict)
    ratio_bar("instructions of a callback, 32 in flight", "sdk-callback", "raw-callback", limits.MOST_CALLBACK_INSTRUCTIONS)

    table = Table(["a call", "instructions", "own", "allocations", "own", "bytes"])
    for name, (meaning, peer) in SUBJECTS.items():
        if name not in instructions or name not in allocations:
            continue
        count = allocations[name]["count"]
        has_peer = peer is not None and peer in instructions and peer in allocations
        own_instructions = f"{instructions[name] - instructions[peer]:+,.0f}" if has_peer else ""
        own_allocations = f"{round(count - allocations[peer]['count'], 1) + 0.0:+.1f}" if has_peer else ""
        table.add(meaning, _number(instructions[name]), own_instructions, _number(count, 1), own_allocations,
                  _number(allocations[name]["bytes"]))
    return Section("What a call takes", "User instructions under callgrind and what is asked of malloc, start-up and warm-up not "
                   "counted. These do not depend on how busy the machine is; instructions vary by 1 % from run to run. *own*: "
                   "beyond a stub on a channel of the same kind, that is, the SDK's own doing.", [held, table])


def _streams(results: Results, bars: Bars) -> Section:
    bar, common = limits.LEAST_STREAM, {"at_once": "streams", "what": "messages"}
    tables = [
        _speed_table(results.streams, _Duel("blocking", "sdk-stream", "raw-stream", bar, **common), bars),
        _speed_table(results.streams_async, _Duel("called back", "sdk-stream-async", "raw-stream-callback", bar, **common), bars),
    ]
    return Section("Streams", "StreamActivity, messages a second over all streams, which share one connection; CPU is that of "
                   "one message. First by `Next` and the stub's `Read`, a thread for each stream; then by `NextAsync` in a "
                   f"coroutine and the stub's reactor. {_turns(results.streams)}", tables)


def _observers(results: Results) -> Section | None:
    measured = results.observers
    if measured is None:
        return None
    table = Table(["observer", "calls/s", "of none", "CPU us", "instructions", "more", "allocations", "more"])
    for callers in measured.callers():
        for name, load_callers in measured.loads:
            if load_callers != callers:
                continue
            load = measured.loads[name, callers]
            instructions, allocations = results.instructions[name], results.allocations[name]["count"]
            table.add(name.partition("+")[2] or "none", _kilo(range_of(load.calls_per_second).median),
                      measured.speed_ratio(name, "sdk-callback", callers), _number(range_of(load.cpu_us).median, 1),
                      _number(instructions), f"{instructions - results.instructions['sdk-callback']:+,.0f}",
                      _number(allocations, 1), f"{allocations - results.allocations['sdk-callback']['count']:+.1f}")
    return Section("Observers", "GetUserAsync, 32 in flight, with an observer that is told of every call: JsonLog with a line "
                   "for each, written to /dev/null; the Prometheus metrics; OpenTelemetry with its SDK, every call sampled, "
                   "spans dropped when they end.", [table])


def _policies(results: Results, bars: Bars) -> Section | None:
    if results.policies is None:
        return None
    table = Table(["", "threads", "ns", "allocations"])
    held = Table(["bar", "threads", "", "bar is", "verdict"], words=frozenset({0, 4}))
    runs: dict[tuple[str, int], list[dict]] = {}
    for run in results.policies["benchmarks"]:
        if run["run_type"] == "iteration":
            runs.setdefault((run["run_name"].split("/")[0], run["threads"]), []).append(run)
    for (name, threads), repetitions in sorted(runs.items()):
        # By CPU time: it is a call's own, while the machine may be shared.
        nanoseconds = range_of([run["cpu_time"] for run in repetitions])
        allocations = range_of([run.get("allocations", 0) for run in repetitions])
        table.add(name, threads, f"{nanoseconds.median:.1f} ({nanoseconds.low:.1f}-{nanoseconds.high:.1f})",
                  f"{allocations.median:.3f}")
        if name != "LimiterAndBreaker":
            continue
        bar = bars.at_most(f"limiter and breaker: ns a call, threads: {threads}", limits.MOST_POLICY_NANOSECONDS, nanoseconds)
        held.add("limiter and breaker, ns", threads, f"{nanoseconds.median:.1f}", "<= 100", bar.verdict)
        bar = bars.at_most(f"limiter and breaker: allocations a call, threads: {threads}", limits.MOST_POLICY_ALLOCATIONS,
                           allocations)
        held.add("limiter and breaker, allocations", threads, f"{allocations.median:.3f}", "0", bar.verdict)
    return Section("The policies alone", "What stands between a call and its channel: to be admitted and to report, one after "
                   "the other, on one thread and on two that share everything. CPU time of a thread.", [held, table])


def _endpoints(results: Results) -> Section:
    table = Table(["endpoints", "", "CPU us a call", "instructions a call", "heap an endpoint", "connected after"],
                  words=frozenset({1}))
    for count, measured in results.endpoints.items():
        for name, meaning in BALANCED.items():
            counted = results.instructions.get(f"endpoints.{count}.{name}")
            for callers in measured.callers():
                table.add(count, meaning, _range_text(range_of(measured.loads[name, callers].cpu_us)),
                          _number(counted) if counted is not None else "",
                          f"{measured.heap_bytes[name] / count / 1000:,.1f} kB", f"{measured.connect_ms[name]:,.0f} ms")
    return Section("Many endpoints", "GetUser, called back, 32 in flight, by round_robin over so many addresses with a "
                   "connection to each, all in one process. The SDK balances by outlier detection over round_robin, as its "
                   "built-in config says; the stub by round_robin alone, and like the SDK. Heap and time: until every endpoint "
                   "has answered, the client itself included. At 1,000 instructions are not counted.", [table])


def _range_text(value: Range, digits: int = 1) -> str:
    return f"{value.median:.{digits}f} ({value.low:.{digits}f}-{value.high:.{digits}f})"


def _in_flight(results: Results) -> Section:
    table = Table(["in flight", "stub, heap a call", "SDK, heap a call", "stub, instructions", "SDK, instructions",
                   "stub, CPU us", "SDK, CPU us"])
    for count, waves in results.waves.items():
        stub, sdk = waves["raw-callback"], waves["sdk-callback"]
        counted = [results.instructions.get(f"waves.{count}.{name}") for name in ("raw-callback", "sdk-callback")]
        table.add(_number(count), f"{stub.heap_per_call / 1000:.1f} kB", f"{sdk.heap_per_call / 1000:.1f} kB",
                  *(_number(value) if value is not None else "" for value in counted), _range_text(stub.cpu_us),
                  _range_text(sdk.cpu_us))
    return Section("Many calls in flight", "GetUser, called back, on one connection to a server that answers no call of a wave "
                   "before the last of them has arrived. Heap: what is allocated while all of them wait, by call. At 100,000 "
                   "instructions are not counted: under callgrind a wave takes minutes.", [table])


def _guards(results: Results, bars: Bars) -> Section:
    resilience = results.resilience
    alone, beside = resilience["isolation"]
    refused = exactly(resilience["open_circuit"]["us_per_refused_call"])
    plain, hedged, *ejected = resilience["hedging"]
    table = Table(["", "p50, ms", "p99, ms", "attempts a call", "failed"])
    for row in [alone, beside, plain, hedged, *ejected]:
        attempts = f"{row['attempts_per_call']:.3f}" if "attempts_per_call" in row else ""
        table.add(row["what"], f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}", attempts, row["failed"])
    held = Table(["bar", "", "bar is", "verdict"], words=frozenset({0, 3}))
    bar = bars.at_most("open circuit: us for a refused call", limits.MOST_OPEN_CIRCUIT_US, refused)
    held.add("a call that an open circuit refuses, us", f"{refused.median:.2f}", f"<= {limits.MOST_OPEN_CIRCUIT_US}", bar.verdict)
    best = ejected[-1]
    gain = exactly(plain["p99_ms"] / best["p99_ms"])
    bar = bars.at_least("hedging: p99 without, by p99 with", limits.LEAST_HEDGING_GAIN, gain)
    held.add("hedging: p99 without : with", f"{gain.median:.1f}", f">= {limits.LEAST_HEDGING_GAIN}", bar.verdict)
    attempts_per_call = exactly(round(best["attempts_per_call"], 3))
    bar = bars.at_most("hedging: attempts a call", limits.MOST_HEDGED_ATTEMPTS, attempts_per_call)
    held.add("hedging: attempts a call", f"{attempts_per_call.median:.3f}", f"<= {limits.MOST_HEDGED_ATTEMPTS:g}", bar.verdict)
    return Section("What the guards are worth", "Isolation: 8 threads read while 100 writes hang in another compartment. An open "
                   "circuit: what a refused call costs its caller, error, report and all. Hedging: five servers, one of them 100 "
                   "times slower (500 ms), 16 threads; the bars are for hedging with outlier detection, once it has ejected.",
                   [held, table])


def _discovery(results: Results) -> Section:
    discovery = results.discovery
    table = Table(["", "new server called after, median", "slowest", "one that left called for", "failed", "calls"])

    def seconds(value: float | None) -> str:
        return "never" if value is None else f"{value:.2f} s"

    for client in discovery["clients"]:
        left = seconds(client["left_slowest_s"]) if client["left_slowest_s"] is not None else ""
        table.add(client["who"], seconds(client["joined_median_s"]), seconds(client["joined_slowest_s"]), left, client["failed"],
                  _number(client["calls"]))
    return Section("New servers behind a name", f"A third address comes and goes {discovery['rounds']} times while four callers "
                   f"call; dnsRefresh is {discovery['dns_refresh_s']} s. Never: not within 3 s.", [table])
