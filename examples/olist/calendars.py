"""Working days: Brazil's holidays by law, and counting in days on which somebody works."""

import datetime

MONDAY_TO_FRIDAY = (1, 2, 3, 4, 5)

# Month and day of the national holidays, as the law stood in 2016-2018 (laws 662/1949, 6.802/1980 and 10.607/2002).
NATIONAL = ((1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (12, 25))
# Days from Easter Sunday: Carnival Monday and Tuesday, Good Friday, Corpus Christi. Carnival and Corpus Christi are
# no national holidays by law, but hand-overs stop on them as on holidays, so they count here.
FROM_EASTER = (-48, -47, -2, 60)
# Holidays of one state only: day of the Constitutionalist Revolution in Sao Paulo (state law 9.497/1997).
STATE = {"SP": ((7, 9),)}


def easter(year):
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm, Nature, 20 April 1876)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    w = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 19 * w) // 433
    month = (h + w - 7 * m + 90) // 25
    day = (h + w - 7 * m + 33 * month + 19) % 32
    return datetime.date(year, month, day)


def holidays(year, state=None):
    """The days on which nobody works in that state (None: in all of Brazil), in order."""
    fixed = NATIONAL + STATE.get(state, ())
    days = {datetime.date(year, month, day) for month, day in fixed}
    days |= {easter(year) + datetime.timedelta(days=n) for n in FROM_EASTER}
    return sorted(days)


class WorkingDays:
    """Design section 7's "working day" and "advanced by n", over dates from `first` to the end of year `last_year`.

    Dates go in and come out as ordinals (datetime.date.toordinal): a hundred thousand orders are counted with them.
    """

    def __init__(self, first_year, last_year, state=None):
        self._base = datetime.date(first_year, 1, 1).toordinal()
        end = datetime.date(last_year, 12, 31).toordinal()
        closed = {
            day.toordinal()
            for year in range(first_year, last_year + 1)
            for day in holidays(year, state)
        }
        self._days = []  # every working day
        self._before = []  # for each date from base: how many working days lie before it
        for day in range(self._base, end + 1):
            self._before.append(len(self._days))
            # Ordinal 1 is a Monday.
            if (day - 1) % 7 + 1 in MONDAY_TO_FRIDAY and day not in closed:
                self._days.append(day)
        self._before.append(len(self._days))

    def is_working(self, day):
        return self._before[day - self._base + 1] > self._before[day - self._base]

    def first_from(self, day):
        """The first working day at or after `day`."""
        return self._days[self._before[day - self._base]]

    def advance(self, day, steps):
        """`steps` steps from `day`, each to the next later working day."""
        if steps == 0:
            return day
        return self._days[self._before[day - self._base + 1] + steps - 1]

    def steps_to_reach(self, start, day):
        """The least n for which advance(start, n) is `day` or later: the figure that would just have kept a promise."""
        if day <= start:
            return 0
        return self._before[day - self._base] - self._before[start - self._base + 1] + 1
