"""One campaign without a webhook, beside one whose receiver takes all, and beside one whose receiver
hangs until the campaign has ended and then takes all: what the delivery makes, and how many events a
second the receiver gets. Receiver and sink are on the same machine."""
import os
import threading
import time

import bench
from bench import pt

from api_server import OK, Receiver


def answers(behaviour, go):
    """Whether the receiver takes at once, or when `go` is set."""
    if behaviour == "hangs":
        return lambda request: (go.wait(), OK)[1]
    return lambda request: OK


def wait_taken(daemon, timeout):
    pt.wait_until(lambda: daemon.get("/v1/status")["webhooks"][0]["backlog_bytes"] == 0,
                  "the events to be taken", timeout)


def measure(args, folder, behaviour):
    bench.note("webhook: %s ..." % behaviour)
    os.makedirs(folder)
    go = threading.Event()
    with Receiver(answers(behaviour, go)) as receiver, \
            pt.Sink(folder, log=False) as sink:
        hook = {"url": receiver.url, "events": "delivered"}
        with pt.Daemon(folder, sink, args.connections, config={
                "webhooks": [] if behaviour == "none" else [hook]}) as daemon:
            before = pt.cpu_us(daemon.pid)
            daemon.drop(pt.make_campaign(folder, "bench", args.count, octets=bench.OCTETS))
            campaign = daemon.wait_state("bench", "finished", timeout=args.timeout)
            sent, begun = sink.totals(), time.monotonic()
            row = {"webhook": behaviour, "messages": campaign["counts"]["delivered"],
                   "rate": args.count / sent["seconds"]}
            if behaviour != "none":
                go.set()
                wait_taken(daemon, args.timeout)
                row.update(taken(args, receiver, begun if behaviour == "hangs" else None))
            row["cpu"] = (pt.cpu_us(daemon.pid) - before) / args.count
            row["peak"] = pt.peak_kb(daemon.pid) / 1024
    if row["messages"] != args.count or sent["messages"] != args.count:
        raise AssertionError("not all were delivered: %s" % campaign["counts"])
    return row


def taken(args, receiver, begun):
    """What the receiver got until its last request, from its first one on or from `begun`."""
    rows = {event["row"] for event in receiver.events()}
    if len(rows) != args.count:
        raise AssertionError("%d events of %d came" % (len(rows), args.count))
    seconds = receiver.requests[-1].at - (begun or receiver.requests[0].at)
    return {"events": len(rows), "posts": len(receiver.requests), "taken": len(rows) / seconds}


def main():
    args = bench.options(__doc__, count=(200000, "messages"), connections=(20, "connections"),
                         timeout=(300.0, "seconds for each"))
    with bench.Folder(args) as folder:
        rows = [measure(args, os.path.join(folder, behaviour), behaviour)
                for behaviour in ("none", "takes", "hangs")]
    bench.show(args, "webhooks", rows,
               (("webhook", "webhook", "%s"), ("messages", "messages", "%d"),
                ("rate", "messages/s", "%.0f"), ("cpu", "us of CPU", "%.1f"),
                ("peak", "MB at most", "%.0f"), ("events", "events", "%d"),
                ("posts", "posts", "%d"), ("taken", "events/s taken", "%.0f")),
               {"beside_one_that_takes": rows[1]["rate"] / rows[0]["rate"],
                "beside_one_that_hangs": rows[2]["rate"] / rows[0]["rate"]})
    return 0


bench.run(main)
