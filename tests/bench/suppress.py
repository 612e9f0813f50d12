"""Suppressions: seconds and memory of an import of millions, what asking costs a row, and how long
after `suppress add` was answered a message to that address still arrives."""
import os
import random
import subprocess
import time

import bench
from bench import pt

FORMAT = "someone.%u@left.example"


def import_all(daemon, folder, count):
    """Seconds, and the peak of the daemon in MB."""
    path = os.path.join(folder, "left.txt")
    order = list(range(count))
    random.Random(1).shuffle(order)
    with open(path, "w", encoding="ascii") as f:
        f.writelines("someone.%d@left.example\n" % i for i in order)
    begin = time.monotonic()
    subprocess.run([pt.program("postrider"), "--config", daemon.config_path, "suppress", "import",
                    path], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - begin
    total = daemon.get("/v1/suppressions?limit=1")["total"]
    if total != count:
        raise AssertionError("%d are in the store" % total)
    return seconds, pt.peak_kb(daemon.pid) / 1024


def ask(daemon, count):
    """ns a row, from a cache that is warm and is not."""
    subprocess.run(["ninja", "-C", pt.BUILD, "tests/bench/audience_bench"], check=True,
                   stdout=subprocess.DEVNULL)
    store = os.path.join(daemon.state, "audience.db")
    done = subprocess.run([os.path.join(pt.BUILD, "tests/bench/audience_bench"), store, FORMAT,
                           str(count)], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[0])


def stop(daemon, sink, folder, rows, tries, rate):
    """ms from the answer to the last message to an address that was added just before its turn;
    how many were stopped, and the rate."""
    daemon.drop(pt.make_campaign(folder, "busy", rows, octets=bench.OCTETS,
                                 manifest={"rate": rate}))
    pt.wait_until(lambda: sink.totals()["messages"] >= 500, "the first messages")
    answered, ahead = {}, random.Random(2)
    for _ in range(tries):
        row = sink.totals()["messages"] + ahead.randrange(1, 3000)
        if row > rows:
            break
        daemon.post("/v1/suppressions", {"address": pt.address(row, 1)})
        answered.setdefault(pt.address(row, 1), time.time() * 1000)
    daemon.wait_state("busy", "finished", timeout=300)
    sent = {r["to"][0]: r["ms"] for r in sink.messages()}
    late = [sent[a] - at for a, at in answered.items() if a in sent]
    return max([0.0] + late), len(answered) - len(late), len(answered)


def main():
    args = bench.options(__doc__, count=(5000000, "suppressions"), rows=(100000, "of a campaign"),
                         tries=(300, "addresses that leave during it"), rate=("10000/s", "of it"))
    with bench.Folder(args) as folder, pt.Sink(folder) as sink, pt.Daemon(folder, sink) as daemon:
        bench.note("writing and importing %d addresses ..." % args.count)
        seconds, peak = import_all(daemon, folder, args.count)
        octets = os.path.getsize(os.path.join(daemon.state, "audience.db"))
        cost = ask(daemon, args.count)
        late, stopped, tried = stop(daemon, sink, folder, args.rows, args.tries, args.rate)
    bench.show(args, "suppress", [{"count": args.count, "seconds": seconds,
                                   "rate": args.count / seconds, "peak": peak,
                                   "disk": octets / 1048576 / (args.count / 1e6), "ns": cost,
                                   "late": late, "stopped": stopped, "tried": tried}],
               (("count", "suppressions", "%d"), ("seconds", "import s", "%.1f"),
                ("rate", "rows/s", "%.0f"), ("peak", "daemon peak MB", "%.0f"),
                ("disk", "MB a million", "%.0f"), ("ns", "ns to ask", "%.0f"),
                ("late", "last message ms after the answer", "%.0f"),
                ("stopped", "stopped", "%d"), ("tried", "of", "%d")))
    return 0


bench.run(main)
