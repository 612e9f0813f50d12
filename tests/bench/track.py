"""Clicks and opens a second: the daemon on one core, whoever asks on another; kept-alive
connections, all tokens distinct, each recorded in the journal. With --beside, on all cores, a
campaign at 10,000/s is sent before and at the same time: what tracking costs delivery.

With --orders, a campaign of so many rows is sent, all of them click, and then each buys once by POST
/e: orders a second, each credited and durable when it is answered.

    tests/bench/track [--requests N] [--connections N] [--beside ROWS] [--orders ROWS]
"""
import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time

import bench
from bench import pt

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import tokens  # noqa: E402

KEY = "an events key of enough characters"
SECRET = "a secret of thirty-two octets or so"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def daemon_of(folder, sink, port, pinned):
    key = os.path.join(folder, "token.key")
    with open(key, "w", encoding="utf-8") as f:
        f.write(SECRET)
    os.chmod(key, 0o600)
    events = os.path.join(folder, "events.key")
    with open(events, "w", encoding="utf-8") as f:
        f.write(KEY)
    os.chmod(events, 0o600)
    return pt.Daemon(folder, relay=sink, prefix=("taskset", "-c", "0") if pinned else (), config={
        "secrets": [{"id": "a", "file": key}],
        "track": {"listen": "127.0.0.1:%d" % port, "proxies": ["127.0.0.1"],
                  "events_key_file": events}})


def links(daemon, rows=10):
    """A campaign, so that there is something to answer to: its number."""
    daemon.drop(pt.make_campaign(daemon.folder, "few", rows=rows))
    serial = tokens.serial_of(daemon, daemon.wait_state("few", "finished", timeout=600)["id"])
    with contextlib.closing(sqlite3.connect(daemon.state + "/state.db")) as db:
        db.execute("INSERT OR REPLACE INTO links VALUES (?, 1, 'https://shop.example/spring?a=1')",
                   (serial,))
        db.commit()
    return serial


def load(port, serial, args, requests=None, key=()):
    program = os.path.join(pt.BUILD, "tests", "bench", "track_load")
    if not os.access(program, os.X_OK):
        sys.exit("bench: ninja -C %s tests/bench/track_load" % pt.BUILD)
    pinned = [] if args.beside else ["taskset", "-c", "1"]
    return subprocess.Popen([*pinned, program, str(port), str(args.connections),
                             str(requests or args.requests), str(serial), SECRET, *key],
                            stdout=subprocess.PIPE)


def send(daemon, name, rows):
    """Seconds that a campaign takes to be sent."""
    daemon.drop(pt.make_campaign(daemon.folder, name, rows=rows, octets=3000,
                                 manifest={"rate": "10000/s", "again": True}))
    campaign = daemon.wait_state(name, "finished", timeout=600)
    started, ended = campaign["started"], campaign["first_pass"]

    def seconds(at):
        return time.mktime(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S")) + float(at[19:23])
    return seconds(ended) - seconds(started)


def orders(args, folder, port, sink):
    with daemon_of(folder, sink, port, not args.beside) as daemon:
        serial = links(daemon, args.orders)
        time.sleep(6)  # who clicks at once is a machine
        load(port, serial, args, 2 * args.orders).wait()  # clicks of odd rows, opens of even ones
        pt.wait_until(lambda: daemon.campaign("few")["clicks"]["total"] >= args.orders // 2, "clicks",
                      timeout=120)
        before = pt.cpu_us(daemon.pid)
        row = json.loads(load(port, serial, args, args.orders, (KEY,)).communicate()[0])
        row["cpu_us"] = (pt.cpu_us(daemon.pid) - before) / args.orders
        row["rate"] = args.orders / row["seconds"]
        credited = daemon.campaign("few")["clicks"]["unique"]
        pt.wait_until(lambda: daemon.campaign("few")["conversions"]["total"] >= args.orders // 2 - 1,
                      "conversions", timeout=120)
        row["credited"], row["clicked"] = daemon.campaign("few")["conversions"]["total"], credited
    bench.show(args, "orders by POST /e", [row], [
        ("rate", "orders/s", "%.0f"), ("p50_ms", "p50 ms", "%.2f"), ("p99_ms", "p99 ms", "%.2f"),
        ("cpu_us", "CPU us each", "%.1f"), ("good", "answered", "%d"), ("bad", "refused", "%d"),
        ("credited", "credited", "%d")], {})
    return 0 if row["bad"] == 0 else 1


def main():
    args = bench.options(__doc__, requests=(300000, "clicks and opens"),
                         connections=(64, "kept alive"),
                         orders=(0, "rows of a campaign whose people buy; 0: none"),
                         beside=(0, "rows of a campaign sent at the same time; 0: none"))
    with bench.Folder(args) as folder:
        port = free_port()
        if args.orders:
            with pt.Sink(folder, log=False) as sink:
                return orders(args, folder, port, sink)
        with pt.Sink(folder, log=False) as sink, \
             daemon_of(folder, sink, port, not args.beside) as daemon:
            serial = links(daemon)
            alone = send(daemon, "alone", args.beside) if args.beside else None
            before = pt.cpu_us(daemon.pid)
            running = load(port, serial, args)
            beside = send(daemon, "beside", args.beside) if args.beside else None
            row = json.loads(running.communicate()[0])
            pt.wait_until(lambda: sum(daemon.get("/v1/status")["track"][k] for k in
                                      ("recorded", "dropped")) >= args.requests, "all records")
            track = daemon.get("/v1/status")["track"]
            row["cpu_us"] = (pt.cpu_us(daemon.pid) - before) / args.requests
            row["rate"] = args.requests / row["seconds"]
            row["recorded"], row["dropped"] = track["recorded"], track["dropped"]
            facts = {"delivery_alone_s": alone, "delivery_beside_s": beside} if alone else {}
        bench.show(args, "clicks and opens", [row], [
            ("rate", "requests/s", "%.0f"), ("p50_ms", "p50 ms", "%.2f"),
            ("p99_ms", "p99 ms", "%.2f"), ("cpu_us", "CPU us each", "%.1f"),
            ("good", "answered", "%d"), ("bad", "refused", "%d"),
            ("recorded", "recorded", "%d"), ("dropped", "dropped", "%d")], facts)
    return 0 if row["bad"] == 0 and row["dropped"] == 0 else 1


if __name__ == "__main__":
    bench.run(main)
