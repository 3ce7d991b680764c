"""Small charts as inline SVG: bars in groups, one group for a stage, one colour for a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import msgspec

WIDTH = 640
HEIGHT = 220
LEFT = 58
RIGHT = 8
TOP = 14
BOTTOM = 30
GAP = 0.28
"""Part of a group that stays empty."""
BAR_PIXELS_MAX = 46.0
TICKS = 4


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One bar; `beyond` is drawn as a thin line above it (a percentile over a median), `part` as
    its darker foot (of the tokens, those that were made). None is no bar."""

    value: float | None
    beyond: float | None = None
    part: float | None = None
    says: str = ""
    """What is shown over it, and read aloud."""

    @property
    def top(self) -> float:
        """The highest of it."""
        return max(self.value or 0.0, self.beyond or 0.0)


class Group(msgspec.Struct, frozen=True):
    """Bars side by side, one for each run."""

    label: str
    bars: Sequence[Bar]


def bars(title: str, groups: Sequence[Group], unit: Callable[[float], str]) -> str:
    """A chart; `unit` writes a value of the axis."""
    highest = max((bar.top for group in groups for bar in group.bars), default=0.0)
    scale = rounded_up(highest)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">',
        *_axis(scale, unit),
    ]
    width = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    for number, group in enumerate(groups):
        parts += _group(group, LEFT + number * width, width, scale)
    return "".join([*parts, "</svg>"])


def rounded_up(value: float) -> float:
    """The next 1, 2, 2.5 or 5 times a power of ten, at which an axis may end; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 1.0
    while value < power:
        power /= 10
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value)


def _height(value: float, scale: float) -> float:
    return (HEIGHT - TOP - BOTTOM) * value / scale


def _axis(scale: float, unit: Callable[[float], str]) -> list[str]:
    parts = []
    for tick in range(TICKS + 1):
        value = scale * tick / TICKS
        y = HEIGHT - BOTTOM - _height(value, scale)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" '
                     f'y2="{y:.1f}"/>')  # fmt: skip
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
                     f"{escape(unit(value))}</text>")  # fmt: skip
    return parts


def _group(group: Group, left: float, width: float, scale: float) -> list[str]:
    count = max(1, len(group.bars))
    each = min(BAR_PIXELS_MAX, width * (1 - GAP) / count)
    start = left + (width - each * count) / 2
    parts = []
    for number, bar in enumerate(group.bars):
        if bar.value is not None:
            parts.append(_bar(bar, start + number * each, each, scale, number))
    middle = left + width / 2
    parts.append(f'<text class="label" x="{middle:.1f}" y="{HEIGHT - 9}" text-anchor="middle">'
                 f"{escape(group.label)}</text>")  # fmt: skip
    return parts


def _bar(bar: Bar, x: float, width: float, scale: float, run: int) -> str:
    base = HEIGHT - BOTTOM
    tall = _height(bar.value or 0.0, scale)
    inner = max(2.0, width - 3)
    parts = [
        f'<g class="run{run}"><title>{escape(bar.says)}</title>',
        f'<rect class="bar" x="{x:.1f}" y="{base - tall:.1f}" width="{inner:.1f}" '
        f'height="{max(tall, 0.8):.1f}" rx="2"/>',
    ]
    if bar.part:
        foot = _height(bar.part, scale)
        parts.append(f'<rect class="foot" x="{x:.1f}" y="{base - foot:.1f}" '
                     f'width="{inner:.1f}" height="{foot:.1f}" rx="2"/>')  # fmt: skip
    if bar.beyond is not None:
        top, middle = base - _height(bar.beyond, scale), x + inner / 2
        parts.append(f'<path class="beyond" d="M{middle:.1f} {base - tall:.1f}V{top:.1f}'
                     f'M{middle - 5:.1f} {top:.1f}H{middle + 5:.1f}"/>')  # fmt: skip
    return "".join([*parts, "</g>"])
