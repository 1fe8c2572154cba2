"""What convert.py computes, in the plainest way, for the tests to compare with."""

import datetime
import math

import calendars
from made_up import SELLERS


def naive_days(order):
    """Handling and transit days, counted day by day."""
    seller = order["lines"][0][1]
    fc_closed = closed_days(SELLERS[seller])
    day = order["purchased"].date()
    if (order["purchased"].hour, order["purchased"].minute) == (23, 59):
        day += datetime.timedelta(days=1)
    while not works(day, fc_closed):
        day += datetime.timedelta(days=1)
    handed_over = order["handed_over"].date()
    return (
        least_steps(day, handed_over, fc_closed),
        least_steps(handed_over, order["delivered"].date(), closed_days(None)),
    )


def closed_days(state):
    return {day for year in (2016, 2017, 2018) for day in calendars.holidays(year, state)}


def works(day, closed):
    return day.isoweekday() <= 5 and day not in closed


def least_steps(day, goal, closed):
    steps = 0
    while day < goal:
        day += datetime.timedelta(days=1)
        while not works(day, closed):
            day += datetime.timedelta(days=1)
        steps += 1
    return steps


def nearest_rank(values, percent):
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]
