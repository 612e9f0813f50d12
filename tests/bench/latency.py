"""One connection to a receiver 50 ms away, messages of 20 KB: messages a second by what the
receiver offers. With PIPELINING the next envelope is in the flight of the final dot, or of the
last chunk: one round trip a message, or less; without it each command is one."""
import os

import bench
from bench import pt

OFFERS = (("PIPELINING, CHUNKING", ()), ("PIPELINING", ("--no-chunking",)),
          ("CHUNKING", ("--no-pipelining",)),
          ("neither", ("--no-pipelining", "--no-chunking")))


def measure(args, folder, name, options):
    os.makedirs(folder)
    with pt.Sink(folder, *options, log=False, latency=args.latency) as sink, \
            pt.Daemon(folder, sink, args.connections) as daemon:
        daemon.drop(pt.make_campaign(folder, "bench", args.count, octets=args.octets))
        daemon.wait_state("bench", "finished", timeout=args.timeout)
        totals = sink.totals()
    if totals["messages"] != args.count:
        raise AssertionError("%d messages in the sink" % totals["messages"])
    return {"offers": name, "messages": args.count, "seconds": totals["seconds"],
            "rate": (args.count - 1) / totals["seconds"], "connections": totals["connections"],
            "errors": totals["errors"] + totals["pipelining_errors"]}


def main():
    args = bench.options(__doc__, count=(200, "messages"), latency=("50ms", "of each reply"),
                         octets=(20000, "of a message"), connections=(1, "connections"),
                         timeout=(300.0, "seconds"))
    with bench.Folder(args) as folder:
        rows = [measure(args, os.path.join(folder, str(i)), name, options)
                for i, (name, options) in enumerate(OFFERS)]
    bench.show(args, "latency %s" % args.latency, rows,
               (("offers", "receiver offers", "%s"), ("messages", "messages", "%d"),
                ("seconds", "seconds", "%.2f"), ("rate", "messages/s", "%.2f"),
                ("connections", "connections", "%d"), ("errors", "protocol errors", "%d")))
    return 0


bench.run(main)
