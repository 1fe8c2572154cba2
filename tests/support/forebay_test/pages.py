"""What daemons say over HTTP, and ports for them to say it at."""

import contextlib
import random
import re
import socket
import urllib.error
import urllib.request


def fetched(url):
    """Status and body; status 0 while it is not reached."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def metrics(url):
    """Value by name with its labels, as they stand; of a page that is not reached none."""
    _, text = fetched(f"{url}/metrics")
    return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.M)}


def free_ports(count):
    """The first of so many that nobody has, below those that the kernel gives to whoever connects."""
    while True:
        first = random.randrange(10_000, 32_000)
        with contextlib.ExitStack() as bound:
            try:
                for port in range(first, first + count):
                    bound.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
