"""Plots as SVG, written by hand: panels side by side, each with axes, units and a legend."""

import math
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 420, 320  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 72, 16, 44, 52
COLOURS = ["#1f6feb", "#d1590c", "#2c8a43"]


@dataclass
class Series:
    label: str
    points: list  # (x, y)
    colour: int = 0


@dataclass
class Panel:
    title: str
    x_label: str
    y_label: str
    series: list = field(default_factory=list)
    log_x: bool = False
    log_y: bool = False
    span: tuple = ()  # of y, where panels are to be compared; else its own

    def draw(self, left):
        xs = sorted({x for each in self.series for x, _ in each.points})
        ys = self.span or [y for each in self.series for _, y in each.points]
        y_ticks = _decades(min(ys), max(ys)) if self.log_y else _steps(max(ys))
        # Ticks at the x that were measured, with room at both sides.
        low, high = _scaled(xs[0], self.log_x), _scaled(xs[-1], self.log_x)
        room = (high - low or 1) * 0.08

        def x_at(x):
            share = (_scaled(x, self.log_x) - low + room) / (high - low + 2 * room)
            return left + LEFT + share * (WIDTH - LEFT - RIGHT)

        def y_at(y):
            bottom, top = _scaled(y_ticks[0], self.log_y), _scaled(y_ticks[-1], self.log_y)
            share = (_scaled(y, self.log_y) - bottom) / (top - bottom)
            return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

        yield _text(left + LEFT, 22, self.title, size=14, weight="bold")
        for tick in y_ticks:
            yield _line([(left + LEFT, y_at(tick)), (left + WIDTH - RIGHT, y_at(tick))], "#d8dee4", 1)
            yield _text(left + LEFT - 8, y_at(tick) + 4, _number(tick), anchor="end")
        for tick in xs:
            yield _line([(x_at(tick), HEIGHT - BOTTOM), (x_at(tick), HEIGHT - BOTTOM + 5)], "#57606a", 1)
            yield _text(x_at(tick), HEIGHT - BOTTOM + 19, _number(tick), anchor="middle")
        yield _line([(left + LEFT, HEIGHT - BOTTOM), (left + WIDTH - RIGHT, HEIGHT - BOTTOM)], "#57606a", 1)
        yield _text(left + (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, self.x_label, anchor="middle")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        yield _text(left + 16, middle, self.y_label, anchor="middle", turn=(left + 16, middle))
        for each in self.series:
            colour = COLOURS[each.colour]
            points = [(x_at(x), y_at(y)) for x, y in each.points]
            yield _line(points, colour, 2)
            for x, y in points:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def svg(panels):
    """With one legend for all, below."""
    named = dict.fromkeys((each.label, each.colour) for panel in panels for each in panel.series if each.label)
    width, legend = WIDTH * len(panels), 28 if named else 0
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT + legend}" '
        f'viewBox="0 0 {width} {HEIGHT + legend}" font-family="sans-serif">',
        f'<rect width="{width}" height="{HEIGHT + legend}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        lines += panel.draw(number * WIDTH)
    x = LEFT
    for label, colour in named:
        lines.append(_line([(x, HEIGHT + 8), (x + 26, HEIGHT + 8)], COLOURS[colour], 2))
        lines.append(_text(x + 32, HEIGHT + 12, label))
        x += 32 + 7 * len(label) + 22
    return "\n".join([*lines, "</svg>"]) + "\n"


def _scaled(value, log):
    return math.log10(value) if log else value


def _decades(least, most):
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    return [10**power for power in range(first, max(last, first + 1) + 1)]


def _steps(most):
    """From 0 past the largest, in four to eight round steps."""
    unit = 10 ** math.floor(math.log10(most or 1))
    step = next(part * unit for part in (0.1, 0.2, 0.25, 0.5, 1, 2) if most / (part * unit) <= 7)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def _number(value):
    for size, name in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {name}"
    return f"{value:g}"


def _line(points, colour, width):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(x, y, text, anchor="start", size=12, weight="normal", turn=None):
    rotate = f' transform="rotate(-90 {turn[0]:.1f} {turn[1]:.1f})"' if turn else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="#1f2328"{rotate}>{escape(text)}</text>'
    )
