"""One connection to a receiver 50 ms away: messages a second. With the next envelope in the
flight of the final dot it is one round trip a message: just under 20/s."""
import bench
from bench import pt


def main():
    args = bench.options(__doc__, count=(300, "messages"), latency=("50ms", "of each reply"),
                         connections=(1, "connections"), timeout=(300.0, "seconds"))
    with bench.Folder(args) as folder, pt.Sink(folder, log=False, latency=args.latency) as sink, \
            pt.Daemon(folder, sink, args.connections) as daemon:
        daemon.drop(pt.make_campaign(folder, "bench", args.count, octets=bench.OCTETS))
        daemon.wait_state("bench", "finished", timeout=args.timeout)
        totals = sink.totals()
    if totals["messages"] != args.count:
        raise AssertionError("%d messages in the sink" % totals["messages"])
    row = {"messages": args.count, "seconds": totals["seconds"],
           "rate": (args.count - 1) / totals["seconds"], "connections": totals["connections"],
           "errors": totals["errors"] + totals["pipelining_errors"]}
    bench.show(args, "latency %s" % args.latency, [row],
               (("messages", "messages", "%d"), ("seconds", "seconds", "%.2f"),
                ("rate", "messages/s", "%.2f"), ("connections", "connections", "%d"),
                ("errors", "protocol errors", "%d")))
    return 0


bench.run(main)
