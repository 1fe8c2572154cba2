"""Reads the Olist tables, in either of two forms, into the few columns that the converter needs.

The *derived* form is orders, items, products and sellers (.csv or .csv.gz); the *published* form is the data set's own
olist_*_dataset.csv. A row that cannot be used is named by file and line, counted and skipped; a file that is missing,
cut short or without one of its columns stops the conversion, since what follows would mean something else.
"""

import csv
import datetime
import gzip
import math
import pathlib
import re
import sys
import zlib
from typing import NamedTuple, Optional
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

TIME_ZONE = "America/Sao_Paulo"  # assumed: the data set names none (NOTES.md)
STATES = frozenset(
    "AC AL AM AP BA CE DF ES GO MA MG MS MT PA PB PE PI PR RJ RN RO RR RS SC SE SP TO".split()
)
YEARS = range(2010, 2031)  # a time outside these is a typing error, and calendars are built for these only
SIDE_MM_MAX = 100_000
WEIGHT_G_MAX = 10**8

DERIVED = {
    "orders": "orders",
    "items": "items",
    "products": "products",
    "sellers": "sellers",
}
PUBLISHED = {
    "orders": "olist_orders_dataset",
    "items": "olist_order_items_dataset",
    "products": "olist_products_dataset",
    "sellers": "olist_sellers_dataset",
    "customers": "olist_customers_dataset",
}
# Our name of a column, and what each form calls it.
COLUMNS = {
    "orders": {
        "order": ("order_id", "order_id"),
        "state": ("customer_state", None),
        "customer": (None, "customer_id"),
        "status": ("status", "order_status"),
        "purchased": ("purchase_ts", "order_purchase_timestamp"),
        "handed_over": ("carrier_ts", "order_delivered_carrier_date"),
        "delivered": ("delivered_ts", "order_delivered_customer_date"),
        "promised": ("estimated_ts", "order_estimated_delivery_date"),
    },
    "items": {
        "order": ("order_id", "order_id"),
        "product": ("product_id", "product_id"),
        "seller": ("seller_id", "seller_id"),
    },
    "products": {
        "product": ("product_id", "product_id"),
        "category": ("category", "product_category_name"),
        "weight": ("weight_g", "product_weight_g"),
        "length": ("length_cm", "product_length_cm"),
        "height": ("height_cm", "product_height_cm"),
        "width": ("width_cm", "product_width_cm"),
    },
    "sellers": {
        "seller": ("seller_id", "seller_id"),
        "state": ("state", "seller_state"),
    },
    "customers": {
        "customer": (None, "customer_id"),
        "state": (None, "customer_state"),
    },
}


class DataError(Exception):
    """The data as a whole cannot be used; the message says what, where and how to mend it."""


class RowError(Exception):
    """One row cannot be used."""


class Product(NamedTuple):
    category: str  # empty: none
    length_mm: int
    width_mm: int
    height_mm: int
    weight_g: int


class Order(NamedTuple):
    order: str
    state: str
    status: str
    purchased: datetime.datetime  # all times carry their offset
    handed_over: Optional[datetime.datetime]
    delivered: Optional[datetime.datetime]
    promised: Optional[datetime.date]  # by the shop
    lines: dict  # (seller, product) -> quantity
    whole: bool  # False: a row of it was skipped, so what it says is only part of the order

    def seller(self):
        """The order's one seller; None if it has several or no lines."""
        sellers = {seller for seller, _ in self.lines}
        return sellers.pop() if len(sellers) == 1 else None


class Tables(NamedTuple):
    orders: list  # of Order, in order of purchase
    products: dict  # id -> Product
    sellers: dict  # id -> state
    skipped: int  # rows that were named and left out


class Skipped:
    """Names the rows that are left out, the first few of them in full, and counts all."""

    SHOWN_MAX = 50

    def __init__(self, out=None):
        self.count = 0
        self._out = out

    def add(self, where, reason):
        self.count += 1
        out = self._out or sys.stderr
        if self.count <= self.SHOWN_MAX:
            print(f"{where}: {reason}; row skipped", file=out)
        elif self.count == self.SHOWN_MAX + 1:
            print("further rows are skipped without being named", file=out)


def read(folder, skipped):
    """Tables of the data set in `folder`, whichever form it has."""
    form, files = _find(pathlib.Path(folder))
    rows = {
        table: _rows(path, {name: c[form] for name, c in COLUMNS[table].items() if c[form]}, skipped)
        for table, path in files.items()
    }
    zone = _time_zone()
    products, sellers, customers = {}, {}, {}
    for where, row in rows["products"]:
        _put(products, row, "product", lambda: _product(row), where, skipped)
    for where, row in rows["sellers"]:
        _put(sellers, row, "seller", lambda: _state(row), where, skipped)
    for where, row in rows.get("customers", ()):
        _put(customers, row, "customer", lambda: _state(row), where, skipped)
    orders = {}
    for where, row in rows["orders"]:
        _put(orders, row, "order", lambda: _order(row, customers, zone), where, skipped)
    _add_lines(rows["items"], orders, products, sellers, skipped)
    in_order = sorted(orders.values(), key=lambda order: (order.purchased, order.order))
    if not in_order:
        raise DataError(f"{files['orders']}: no order in it can be used")
    return Tables(in_order, products, sellers, skipped.count)


def _find(folder):
    for form, names in enumerate((DERIVED, PUBLISHED)):
        found = {}
        for table, name in names.items():
            paths = [folder / (name + ending) for ending in (".csv", ".csv.gz")]
            path = next((path for path in paths if path.is_file()), None)
            if path:
                found[table] = path
            elif "orders" in found:
                raise DataError(f"{paths[0]} (or .gz) is missing beside {found['orders'].name}")
            else:
                break
        if len(found) == len(names):
            return form, found
    raise DataError(
        f"{folder} holds neither orders.csv.gz, items.csv.gz, products.csv.gz and sellers.csv.gz nor "
        "olist_orders_dataset.csv and its fellows; give the folder that holds them"
    )


def _rows(path, columns, skipped):
    """Yields (file:line, row by our names) of each well-formed row."""
    opener = gzip.open if path.suffix == ".gz" else open
    # What is not UTF-8 becomes a replacement character, which no column that is used admits: the row is named.
    with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file, strict=True)
        header, line = None, 1
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                if header is None:
                    raise DataError(f"{path}:1: the header is no CSV: {error}") from error
                skipped.add(f"{path}:{line}", f"no CSV: {error}")
                line = reader.line_num + 1
                continue
            except (EOFError, OSError, ValueError, zlib.error) as error:
                raise DataError(f"{path}: cannot be read past line {line}: {error}") from error
            where, line = f"{path}:{line}", reader.line_num + 1
            if header is None:
                header = fields
                absent = [column for column in columns.values() if column not in header]
                if absent:
                    raise DataError(f"{path}:1: no column {', '.join(absent)}")
                places = [(name, header.index(column)) for name, column in columns.items()]
            elif len(fields) != len(header):
                skipped.add(where, f"{len(fields)} fields where the header has {len(header)}")
            else:
                yield where, {name: fields[place] for name, place in places}
        if header is None:
            raise DataError(f"{path}: empty; the header line is missing")


def _put(table, row, key_column, value, where, skipped):
    try:
        key = _id(row, key_column)
        if key in table:
            raise RowError(f"{key_column} {key} stands here a second time")
        table[key] = value()
    except RowError as error:
        skipped.add(where, error)


def _id(row, name, _admitted=re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch):
    if not _admitted(row[name]):
        raise RowError(f"{name} {row[name][:80]!r} is no id")
    return row[name]


def _state(row):
    if row["state"] not in STATES:
        raise RowError(f"state {row['state'][:80]!r} is none of Brazil's")
    return row["state"]


def _product(row):
    category = row["category"]
    if not category.isascii() or not category.isprintable() or len(category) > 100:
        raise RowError(f"category {category[:80]!r} is no name")
    sides = (_measure(row, name, 10, SIDE_MM_MAX) for name in ("length", "width", "height"))
    return Product(category, *sides, _measure(row, "weight", 1, WEIGHT_G_MAX))


def _measure(row, name, factor, most):
    """A missing measure is 0, which the catalog admits: the item then takes no room in a box."""
    if not row[name]:
        return 0
    try:
        value = float(row[name]) * factor
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise RowError(f"{name} {row[name][:80]!r} is not a measure")
    return round(value)


def _order(row, customers, zone):
    if "customer" in row:
        state = customers.get(row["customer"])
        if state is None:
            raise RowError(f"customer {row['customer'][:80]!r} is unknown")
    else:
        state = _state(row)
    purchased = _time(row, "purchased", zone)
    if purchased is None:
        raise RowError("purchased is missing")
    promised = _time(row, "promised", zone)
    return Order(
        order=row["order"],
        state=state,
        status=row["status"],
        purchased=purchased,
        handed_over=_time(row, "handed_over", zone),
        delivered=_time(row, "delivered", zone),
        promised=promised.date() if promised else None,
        lines={},
        whole=True,
    )


def _time(row, name, zone):
    """Wall-clock time with the offset that Sao Paulo had then."""
    text = row[name]
    if not text:
        return None
    try:
        if len(text) != 19 or text[10] != " ":
            raise ValueError
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise RowError(f"{name} {text[:80]!r} is not YYYY-MM-DD HH:MM:SS") from None
    if time.year not in YEARS:
        raise RowError(f"{name} {text!r} lies outside {YEARS[0]}-{YEARS[-1]}")
    # A plain offset, since times of one ZoneInfo compare by wall clock, even across a change of offset.
    return time.replace(tzinfo=datetime.timezone(zone.utcoffset(time)))


def _add_lines(rows, orders, products, sellers, skipped):
    for where, row in rows:
        order = orders.get(row["order"])
        try:
            if order is None:
                raise RowError(f"order {row['order'][:80]!r} is unknown")
            if row["product"] not in products:
                raise RowError(f"product {row['product'][:80]!r} is unknown")
            if row["seller"] not in sellers:
                raise RowError(f"seller {row['seller'][:80]!r} is unknown")
        except RowError as error:
            skipped.add(where, error)
            if order is not None:
                orders[row["order"]] = order._replace(whole=False)
            continue
        line = (row["seller"], row["product"])
        order.lines[line] = order.lines.get(line, 0) + 1


def _time_zone():
    try:
        return ZoneInfo(TIME_ZONE)
    except ZoneInfoNotFoundError:
        raise DataError(f"the time zone {TIME_ZONE} is unknown here; install tzdata") from None
