"""What is learned from completed deliveries: handling days per seller, transit days per pair of states."""

SELLER_DELIVERIES_MIN = 10  # fewer, and a seller takes the figure of all sellers
LANE_DELIVERIES_MIN = 20  # fewer, and a pair of states takes the figure of all pairs


class Percentile:
    """The nearest-rank percentile of whole numbers: the least value that at least p per cent do not exceed."""

    def __init__(self, percent):
        self._percent = percent
        self._counts = []  # by value
        self.size = 0

    def add(self, value):
        if value >= len(self._counts):
            self._counts.extend([0] * (value + 1 - len(self._counts)))
        self._counts[value] += 1
        self.size += 1

    def value(self):
        rank = -(-self._percent * self.size // 100)
        below = 0
        for value, count in enumerate(self._counts):
            below += count
            if below >= rank:
                return value
        raise ValueError("a percentile of nothing")


class Learned:
    """A percentile for each of the `keys` that has `enough` observations, else that of all together."""

    def __init__(self, percent, keys, enough):
        self._percent = percent
        self._enough = enough
        self._all = Percentile(percent)
        self._own = {}
        self._common = sorted(keys)  # keys that take the figure of all
        self._current = {}  # what was last told by changes()

    def get(self, key):
        """Days for `key`; None before anything was learned."""
        return self._current.get(key)

    def add(self, key, days):
        """Takes in one observation; returns what it changed, as (key, days)."""
        own = self._own.setdefault(key, Percentile(self._percent))
        own.add(days)
        if own.size == self._enough:
            self._common.remove(key)
        before = self._all.value() if self._all.size else None
        self._all.add(days)
        after = self._all.value()

        changes = [(other, after) for other in self._common] if after != before else []
        if own.size >= self._enough and own.value() != self._current.get(key):
            changes.append((key, own.value()))
        self._current.update(changes)
        return changes
