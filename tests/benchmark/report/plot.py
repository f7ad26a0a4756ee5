"""Line charts as one SVG file that needs nothing else and is readable on light and on dark pages."""

import math
from dataclasses import dataclass, field
from html import escape

from measure import Range

PANEL_WIDTH, PANEL_HEIGHT = 470, 330
LEFT, RIGHT, TOP, BOTTOM = 58, 30, 78, 46
# Between series at the same x, so that their ranges do not hide each other.
DODGE = 5

STYLE = """
  .page { fill: #ffffff; }
  text { font: 12px system-ui, sans-serif; fill: #4b5563; }
  .title { font-size: 14px; font-weight: 600; fill: #111827; }
  .grid { stroke: #e5e7eb; }
  .one { stroke: #6b7280; stroke-dasharray: 2 3; }
  .line { fill: none; stroke-width: 2; }
  .dashed { stroke-dasharray: 6 4; }
  .stub { stroke: #6b7280; } .stub-dot { fill: #6b7280; }
  .sdk { stroke: #2563eb; } .sdk-dot { fill: #2563eb; }
  .pool { stroke: #b45309; } .pool-dot { fill: #b45309; }
  .stream { stroke: #0f766e; } .stream-dot { fill: #0f766e; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; }
    text { fill: #9ca3af; }
    .title { fill: #f3f4f6; }
    .grid { stroke: #262c36; }
    .one { stroke: #9ca3af; }
    .stub { stroke: #a8b0bd; } .stub-dot { fill: #a8b0bd; }
    .sdk { stroke: #60a5fa; } .sdk-dot { fill: #60a5fa; }
    .pool { stroke: #f59e0b; } .pool-dot { fill: #f59e0b; }
    .stream { stroke: #2dd4bf; } .stream-dot { fill: #2dd4bf; }
  }
"""


@dataclass
class Series:
    name: str
    # One of those in STYLE: stub, sdk, pool, stream.
    kind: str
    points: dict[int, Range]
    dashed: bool = False


@dataclass
class Panel:
    """Over x in logarithmic steps; y from 0, or around 1 for a ratio."""

    title: str
    x_name: str
    series: list[Series] = field(default_factory=list)
    ratio: bool = False


def draw(panels: list[Panel]) -> str:
    """Two beside each other."""
    rows = math.ceil(len(panels) / 2)
    width, height = 2 * PANEL_WIDTH, rows * PANEL_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        "<title>What calls through the SDK cost, beside the stub</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
    ]
    for i, panel in enumerate(panels):
        parts.append(f'<g transform="translate({i % 2 * PANEL_WIDTH} {i // 2 * PANEL_HEIGHT})">')
        parts += _draw_panel(panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _draw_panel(panel: Panel) -> list[str]:
    xs = sorted({x for series in panel.series for x in series.points})
    values = [y for series in panel.series for point in series.points.values() for y in (point.low, point.high)]
    ticks = _ticks(min(*values, 1) if panel.ratio else 0, max(*values, 1) if panel.ratio else max(values))
    x_first, x_last = math.log10(xs[0]), math.log10(xs[-1])
    inner_width, inner_height = PANEL_WIDTH - LEFT - RIGHT, PANEL_HEIGHT - TOP - BOTTOM

    def x_at(x: int) -> float:
        share = (math.log10(x) - x_first) / (x_last - x_first) if x_last > x_first else 0.5
        return LEFT + 10 + share * (inner_width - 20)

    def y_at(y: float) -> float:
        return TOP + inner_height * (1 - (y - ticks[0]) / (ticks[-1] - ticks[0]))

    parts = [f'<text class="title" x="{LEFT}" y="24">{escape(panel.title)}</text>', *_legend(panel.series)]
    for tick in ticks:
        y = y_at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{PANEL_WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_tick_text(tick)}</text>')
    if panel.ratio:
        parts.append(f'<line class="one" x1="{LEFT}" x2="{PANEL_WIDTH - RIGHT}" y1="{y_at(1):.1f}" y2="{y_at(1):.1f}"/>')
    for x in xs:
        parts.append(f'<text x="{x_at(x):.1f}" y="{TOP + inner_height + 18}" text-anchor="middle">{x:,}</text>')
    middle = LEFT + inner_width / 2
    parts.append(f'<text x="{middle}" y="{PANEL_HEIGHT - 10}" text-anchor="middle">{escape(panel.x_name)}</text>')
    for i, series in enumerate(panel.series):
        parts += _draw_series(series, x_at, y_at, DODGE * (i - (len(panel.series) - 1) / 2))
    return parts


def _draw_series(series: Series, x_at, y_at, aside: float) -> list[str]:
    dashed = " dashed" if series.dashed else ""
    path = " ".join(f"{x_at(x) + aside:.1f},{y_at(point.median):.1f}" for x, point in sorted(series.points.items()))
    parts = [f'<polyline class="line {series.kind}{dashed}" points="{path}"/>']
    for x, point in sorted(series.points.items()):
        at = f"{x_at(x) + aside:.1f}"
        low, middle, high = (f"{y_at(y):.1f}" for y in (point.low, point.median, point.high))
        if point.high > point.low:
            parts.append(f'<line class="{series.kind}" x1="{at}" x2="{at}" y1="{low}" y2="{high}"/>')
        tip = escape(f"{series.name}, {x:,}: {_shown(point)}")
        parts.append(f'<circle class="{series.kind}-dot" cx="{at}" cy="{middle}" r="3.5"><title>{tip}</title></circle>')
    return parts


def _legend(all_series: list[Series]) -> list[str]:
    """Two in a row, under the title."""
    parts = []
    for i, series in enumerate(all_series):
        x, y = LEFT + i % 2 * 200, 42 + i // 2 * 17
        dashed = " dashed" if series.dashed else ""
        parts.append(f'<line class="line {series.kind}{dashed}" x1="{x}" x2="{x + 26}" y1="{y - 4}" y2="{y - 4}"/>')
        parts.append(f'<text x="{x + 32}" y="{y}">{escape(series.name)}</text>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """At round numbers, from below `low` to above `high`."""
    rough = max(high - low, 1e-9) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * i for i in range(first, max(last, first + 1) + 1)]


def _tick_text(tick: float) -> str:
    return f"{tick / 1000:,g} k" if tick >= 10_000 else f"{round(tick, 6):g}"


def _shown(point: Range) -> str:
    if point.high > point.low:
        return f"{point.median:.4g} ({point.low:.4g}-{point.high:.4g})"
    return f"{point.median:,.0f}"
