"""What daemons say of themselves: metrics and health over HTTP, alerts in the report, to a program, to a stream."""

import json
import pathlib
import re
import unittest
import urllib.error
import urllib.request

from forebay_test import wait_until
from keyed_publishing import KeyedTest


def fetched(url):
    """Status and body."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def metrics(url):
    """Value by name and labels, the labels as they stand."""
    _, text = fetched(url + "/metrics")
    found = re.findall(r"^([a-z_]+(?:\{.*\})?) (\S+)$", text, re.M)
    return {name: float(value) for name, value in found}
