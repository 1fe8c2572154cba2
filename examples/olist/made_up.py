"""Orders of our own making, written in both forms of the data, for the tests."""

import csv
import datetime
import gzip
import random

SELLERS = {"s1": "SP", "s2": "SP", "s3": "MG", "s4": "RJ", "s5": "SP", "s6": "PR"}
PRODUCTS = {
    # id: category, weight_g, length_cm, height_cm, width_cm
    "p1": ("perfumaria", "300", "20", "16", "16"),
    "p2": ("", "", "", "", ""),
    "p3": ("moveis", "0", "105", "30", "40"),
    "p4": ("automotivo", "40000", "118", "90", "100"),
}


def orders_of(seed=1, count=400):
    """Orders as dicts, the same for the same seed; times are wall clock, None if missing."""
    rng = random.Random(seed)
    orders = []
    for n in range(count):
        purchased = datetime.datetime(2017, 1, 2) + datetime.timedelta(
            minutes=rng.randrange(200 * 24 * 60)
        )
        if n % 29 == 0:
            purchased = purchased.replace(hour=23, minute=59)
        if n % 10 == 5 and orders[-1]["delivered"]:  # in the very second of a delivery
            purchased = orders[-1]["delivered"].replace(microsecond=0)
        handed_over = purchased + datetime.timedelta(days=rng.expovariate(1 / 3) - 0.1)
        delivered = handed_over + datetime.timedelta(days=rng.expovariate(1 / 8))
        seller = rng.choices(list(SELLERS), (20, 10, 10, 5, 1, 2))[0]
        lines = [(rng.choice(list(PRODUCTS)), seller)] * rng.choice((1, 1, 1, 2))
        status = "delivered"
        if n % 17 == 0:
            lines.append(("p1", rng.choice(list(SELLERS))))
        if n % 31 == 0:
            status = "canceled"  # after its delivery
        if n % 23 == 0:
            status, delivered = "shipped", None
        if n % 41 == 0:
            lines = []
        orders.append(
            {
                "order": f"o{n:04}",
                "state": rng.choice(("SP", "SP", "RJ", "AM")),
                "status": status,
                "purchased": purchased,
                "handed_over": handed_over,
                "delivered": delivered,
                "promised": purchased.replace(hour=0, minute=0) + datetime.timedelta(days=24),
                "lines": lines,
            }
        )
    return orders


def text(moment):
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def write_derived(folder, orders):
    """As the derived files: gzip, states in the orders."""
    data = {
        "orders": [
            "order_id customer_zip_prefix customer_state status purchase_ts approved_ts carrier_ts "
            "delivered_ts estimated_ts".split()
        ],
        "items": ["order_id line product_id seller_id shipping_limit_ts price freight".split()],
        "products": ["product_id category weight_g length_cm height_cm width_cm".split()],
        "sellers": ["seller_id zip_prefix state".split()],
    }
    for o in orders:
        times = [text(o[name]) for name in ("handed_over", "delivered", "promised")]
        data["orders"].append(
            [o["order"], "01000", o["state"], o["status"], text(o["purchased"]), "", *times]
        )
        for line, (product, seller) in enumerate(o["lines"], 1):
            data["items"].append([o["order"], line, product, seller, "", "1.00", "0.00"])
    data["products"] += [[key, *values] for key, values in PRODUCTS.items()]
    data["sellers"] += [[key, "01000", state] for key, state in SELLERS.items()]
    for name, rows in data.items():
        with gzip.open(folder / f"{name}.csv.gz", "wt", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def write_published(folder, orders):
    """As the data set's own files: quoted, states with the customers, more columns."""
    data = {
        "olist_orders_dataset": [
            "order_id customer_id order_status order_purchase_timestamp order_approved_at "
            "order_delivered_carrier_date order_delivered_customer_date "
            "order_estimated_delivery_date".split()
        ],
        "olist_order_items_dataset": [
            "order_id order_item_id product_id seller_id shipping_limit_date price "
            "freight_value".split()
        ],
        "olist_products_dataset": [
            "product_id product_category_name product_name_lenght product_description_lenght "
            "product_photos_qty product_weight_g product_length_cm product_height_cm "
            "product_width_cm".split()
        ],
        "olist_sellers_dataset": ["seller_id seller_zip_code_prefix seller_city seller_state".split()],
        "olist_customers_dataset": [
            "customer_id customer_unique_id customer_zip_code_prefix customer_city "
            "customer_state".split()
        ],
    }
    for o in orders:
        times = [text(o[name]) for name in ("handed_over", "delivered", "promised")]
        data["olist_orders_dataset"].append(
            [o["order"], "c" + o["order"], o["status"], text(o["purchased"]), "", *times]
        )
        data["olist_customers_dataset"].append(
            ["c" + o["order"], "u", "01000", "são paulo, sp", o["state"]]
        )
        for line, (product, seller) in enumerate(o["lines"], 1):
            data["olist_order_items_dataset"].append(
                [o["order"], line, product, seller, "", "1.0", "0.0"]
            )
    data["olist_products_dataset"] += [
        [key, category, "1", "2", "3", *measures]
        for key, (category, *measures) in PRODUCTS.items()
    ]
    data["olist_sellers_dataset"] += [
        [key, "01000", "rio de janeiro, brasil", state] for key, state in SELLERS.items()
    ]
    for name, rows in data.items():
        with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
