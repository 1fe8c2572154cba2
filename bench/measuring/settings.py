"""How much is measured, and how figures are made of what the programs print."""


class Settings:
    """`scale`: 1 is a full run, where each measurement takes some seconds."""

    # Of a full run, at 256 B: more of what is faster.
    EVENTS = {"forebay": 10_000_000, "nats": 600_000, "redis": 600_000, "rabbit": 100_000}

    def __init__(self, binaries, scratch, scale):
        self.binaries, self.scratch, self.scale = binaries, scratch, scale
        self.full, self.smoke = scale == 1, scale < 0.01
        self.memory_bytes = (7 if self.full else 4) << 30
        self.prepare = lambda: None  # called before anything starts that is measured

    def events(self, system, size=256):
        return self.count(self.EVENTS[system.split("-")[0]] / max(1, size / 256))

    def count(self, full, least=1000):
        return max(least, int(full * self.scale))

    def seconds(self, full):
        return max(0.2, full * self.scale**0.5)


def seconds(begin, end):
    return (end["end_ns"] - begin["begin_ns"]) / 1e9


def rate(figures, end=None):
    """Events a second, from the beginning of one program to its end, or another's."""
    return figures["events"] / seconds(figures, end or figures)


def megabytes(figures):
    """A second."""
    return figures["bytes"] / seconds(figures, figures) / 1e6


def tail(prefix, name, latency):
    """Three figures of percentiles: `prefix`, `prefix-p99`, `prefix-p999`."""
    return {
        f"{prefix}/{name}": latency["p50_us"],
        f"{prefix}-p99/{name}": latency["p99_us"],
        f"{prefix}-p999/{name}": latency["p999_us"],
    }
