"""Renders a second, on one core, of an order confirmation: 36 fields, 3 conditions, a loop of 5
articles and the usual filters make 9 KB of HTML (order/order.liquid). Postrider's Liquid beside
liquidjs, Debian's ruby-liquid and ruby-liquid-c, and memcpy of the finished outputs.

Every engine parses the template once and renders the same 100 orders in turn; their outputs must
be equal to the octet. A measure is the CPU time of the whole process, bound to one core, after a
quarter of the time for warming up. Engines take turns for some rounds; the medians count.

Postrider and memcpy write into 512 buffers of 16 KB in turn (8 MB), as messages that went to the
kernel leave them: not in the nearest cache. "warm" is the same into one buffer. memcpy's source
are the 100 outputs (0.9 MB)."""
import json
import os
import random
import statistics
import subprocess
import sys

import bench
from bench import pt

HERE = os.path.dirname(os.path.abspath(__file__))
TEMPLATE = os.path.join(HERE, "order", "order.liquid")
ORDERS = 100
LIQUIDJS = "10.30.1"
OURS = (("postrider", "render"), ("postrider, warm", "render-warm"),
        ("postrider, autoescape", "escape"), ("memcpy", "copy"), ("memcpy, warm", "copy-warm"))
COLUMNS = (("program", "engine", "%s"), ("rate", "renders/s", "%.0f"),
           ("us", "us/render", "%.2f"), ("ratio", "postrider is x times", "%.2f"),
           ("spread", "spread %", "%.0f"))


def cents(rand, most):
    """An amount that no language prints without cents: neither 12.0 nor 12 may come up."""
    return rand.randrange(1, most) * 100 + rand.choice((25, 49, 95, 99))


def article(rand, number):
    title = rand.choice(("Linen shirt", "Wool & silk scarf", "Running shoe 'Föhn'", "Umbrella",
                         "Notebook <A5>", "Tea for two", "Desk lamp", "Rain jacket"))
    return {"sku": "sku-%05d-%s" % (rand.randrange(99999), rand.choice("abc")),
            "title": title, "variant": rand.choice((None, "blue, M", "42", "Größe L")),
            "image": "https://img.shop.example/p/%d/48.jpg" % number,
            "price": cents(rand, 120), "quantity": rand.choice((1, 1, 1, 3))}


def order(rand, number):
    first, last = rand.choice(("anna", "Zoë", "jean-luc", "MARIA", "Per", "o'neil")), rand.choice(
        ("Müller", "O'Brien", "Smith & Son", "García", "Novák"))
    when = (rand.randrange(1, 13), rand.randrange(1, 28), rand.randrange(24), rand.randrange(60))
    express = rand.random() < 0.3
    return {
        "shop_name": "Haus & Hof", "shop_url": "https://www.shop.example",
        "brand_color": rand.choice((None, "#0a7d4f")), "preheader": "  We have your order, "
        "%s, and it will be on its way to you within the next two working days at most. " % first,
        "order_number": "hh-2026-%06d" % number, "ordered_at": "2026-%02d-%02dT%02d:%02d:00Z" % when,
        "order_key": "%032x" % rand.getrandbits(128), "campaign": "order confirmation 2026",
        "first_name": first, "last_name": last,
        "email": "Customer.%d@Mail.Example" % number,
        "is_member": rand.random() < 0.5, "tier": rand.choice(("gold", "silver")),
        "member_since": "2019-%02d-01" % rand.randrange(1, 13),
        "points": rand.randrange(10, 500), "balance": rand.randrange(5000),
        "items": [article(rand, number * 5 + i) for i in range(5)],
        "currency": "EUR", "subtotal": cents(rand, 900), "shipping": 495, "tax": cents(rand, 99),
        "discount": rand.choice((0, 1025)), "discount_code": "spring26",
        "total": cents(rand, 900), "carrier": "Postnord", "street": "Lange Straße %d" % number,
        "city": "8%04d Köln" % number, "country": rand.choice(("de", "at", "fr")),
        "express": express, "delivery_date": "2026-06-%02d" % when[1] if express else None,
        "delivery_from": "2026-06-%02d" % when[1], "delivery_to": "2026-07-%02d" % when[1],
        "payment": "CARD", "card": "%016d" % rand.randrange(10 ** 16),
        "note": "Please ring twice,\nor leave it with the neighbours at no. %d." % number,
        "support_email": "service@shop.example", "company": "Haus & Hof GmbH",
        "company_address": "Ring 1|50667 Köln|Germany",
        "unsubscribe_url": "https://www.shop.example/u/%016x" % rand.getrandbits(64)}


def write_orders(folder):
    rand = random.Random(7)
    path = os.path.join(folder, "orders.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump([order(rand, n + 1) for n in range(ORDERS)], file)
    return path


def liquidjs(args):
    """The folder of the npm package, fetched once into the user's cache."""
    cache = args.cache or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "postrider-bench")
    package = os.path.join(cache, "liquidjs-" + LIQUIDJS)
    found = os.path.join(package, "node_modules", "liquidjs")
    if not os.path.exists(os.path.join(found, "package.json")):
        bench.note("liquidjs: into %s ..." % package)
        os.makedirs(package, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
                        package, "liquidjs@" + LIQUIDJS], check=True, stdout=sys.stderr)
    return found


def engines(args, orders):
    """{name: command without its last argument} of those that are there."""
    program = os.path.join(pt.BUILD, "tests", "bench", "liquid_bench")
    subprocess.run(["ninja", "-C", pt.BUILD, "tests/bench/liquid_bench"], check=True,
                   stdout=subprocess.DEVNULL)
    found = {"postrider": [program, TEMPLATE, orders]}
    others = {
        "liquidjs": lambda: ["node", os.path.join(HERE, "order", "engine.js"), liquidjs(args)],
        "ruby-liquid": lambda: ["ruby", os.path.join(HERE, "order", "engine.rb"), "liquid"],
        "ruby-liquid-c": lambda: ["ruby", os.path.join(HERE, "order", "engine.rb"), "c"]}
    for name, command in others.items():
        if args.only and name not in args.only.split(","):
            continue
        try:
            found[name] = command() + [TEMPLATE, orders]
            ask(found[name] + ["print"])
        except (OSError, subprocess.CalledProcessError) as missing:
            bench.note("%s: left out, %s" % (name, missing))
            found.pop(name, None)
    return found


def ask(command):
    core = max(os.sched_getaffinity(0))
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8",
                          env=dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8"),
                          preexec_fn=lambda: os.sched_setaffinity(0, {core})).stdout


def same_outputs(found):
    """Octets of a message, where all engines make the same."""
    outputs = {name: json.loads(ask(command + ["print"])) for name, command in found.items()}
    ours = outputs.pop("postrider")
    for name, theirs in outputs.items():
        for a, b in zip(ours, theirs):
            if a != b:
                lines = [pair for pair in zip(a.splitlines(), b.splitlines())
                         if pair[0] != pair[1]]
                raise AssertionError("%s makes another text:\n%s\n%s" % (name, *lines[0]))
    return sum(len(text.encode()) for text in ours) // len(ours)


def measure(args, found):
    commands = {name: found["postrider"] + [what] for name, what in OURS}
    commands.update({name: command for name, command in found.items() if name != "postrider"})
    rates = {name: [] for name in commands}
    for turn in range(args.rounds):
        bench.note("round %d of %d ..." % (turn + 1, args.rounds))
        for name, command in commands.items():
            rates[name].append(float(ask(command + [str(args.seconds)])))
    return rates


def main():
    args = bench.options(
        __doc__, rounds=(5, "rounds"), seconds=(0.5, "of CPU for each engine in a round"),
        cache=("", "folder for liquidjs, instead of the user's cache"),
        only=("", "of the other engines only these: liquidjs,ruby-liquid,ruby-liquid-c"))
    with bench.Folder(args) as folder:
        found = engines(args, write_orders(folder))
        octets = same_outputs(found)
        rates = measure(args, found)
    ours = statistics.median(rates["postrider"])
    rows = []
    for name, all_rates in rates.items():
        rate = statistics.median(all_rates)
        rows.append({"program": name, "rate": rate, "us": 1e6 / rate, "ratio": ours / rate,
                     "spread": 100 * (max(all_rates) - min(all_rates)) / rate})
    us = {row["program"]: row["us"] for row in rows}
    bench.show(args, "liquid", rows, COLUMNS, {
        "octets_a_render": octets, "orders": ORDERS,
        "times_of_memcpy": us["postrider"] / us["memcpy"],
        "times_of_memcpy_warm": us["postrider, warm"] / us["memcpy, warm"]})
    return 0


bench.run(main)
