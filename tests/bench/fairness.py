"""Ten campaigns at once with priorities 1 to 9 (and one more 5) over few connections: each
one's share of what is delivered, against its weight. All are held until all are imported, and
none ends while it is measured."""
import time

import bench
from bench import pt

PRIORITIES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 5)


def delivered(daemon, names):
    return [daemon.campaign(name)["counts"]["delivered"] for name in names]


def main():
    args = bench.options(__doc__, rows=(50000, "recipients of each campaign"),
                         latency=("5ms", "of the sink: makes the connections scarce"),
                         connections=(20, "connections"), seconds=(20.0, "measured"),
                         timeout=(300.0, "seconds"))
    names = ["priority-%d-%d" % (p, n) for n, p in enumerate(PRIORITIES)]
    with bench.Folder(args) as folder, pt.Sink(folder, log=False, latency=args.latency) as sink, \
            pt.Daemon(folder, sink, args.connections) as daemon:
        for name, priority in zip(names, PRIORITIES):
            daemon.drop(pt.make_campaign(folder, name, args.rows, octets=bench.OCTETS, manifest={
                "hold": True, "priority": priority, "subject": name}))
        bench.note("importing ...")
        for name in names:
            held = daemon.wait_state(name, "held", timeout=args.timeout)
            bench.wait_campaigns(daemon, [name], lambda c: c[0].get("indexed"), args.timeout)
        for name in names:
            daemon.post("/v1/campaigns/%s/approve" % daemon.campaign(name)["id"])
        pt.wait_until(lambda: min(delivered(daemon, names)) > 0, "all to begin", args.timeout)
        before = delivered(daemon, names)
        time.sleep(args.seconds)
        after = delivered(daemon, names)
        if held["counts"]["total"] in after:
            raise AssertionError("a campaign ended while it was measured: use more --rows")
    sent = [b - a for a, b in zip(before, after)]
    rows = []
    for name, priority, n in zip(names, PRIORITIES, sent):
        share, due = n / sum(sent), priority / sum(PRIORITIES)
        rows.append({"priority": priority, "delivered": n, "share": 100 * share,
                     "due": 100 * due, "off": 100 * (share / due - 1)})
    bench.show(args, "fairness", rows,
               (("priority", "priority", "%d"), ("delivered", "delivered", "%d"),
                ("share", "share %", "%.2f"), ("due", "weight %", "%.2f"),
                ("off", "off by %", "%+.1f")),
               {"rate": sum(sent) / args.seconds,
                "worst_percent": max(abs(row["off"]) for row in rows)})
    return 0


bench.run(main)
