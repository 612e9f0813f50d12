"""A large recipients.csv: seconds from its drop until sending begins, and until the indexes of
its ledger are done. It is sent slowly meanwhile (--rate), so that the import is what is seen."""
import time

import bench
from bench import pt


def main():
    args = bench.options(__doc__, rows=(1000000, "rows"), domains=(1, "recipient domains"),
                         rate=("10/s", "of the campaign"), timeout=(300.0, "seconds"))
    seen = {}
    with bench.Folder(args) as folder, pt.Sink(folder, log=False) as sink, \
            pt.Daemon(folder, sink) as daemon:
        bench.note("writing %d rows ..." % args.rows)
        campaign = pt.make_campaign(folder, "bench", args.rows, args.domains, bench.OCTETS,
                                    {"rate": args.rate})
        before, begin = pt.cpu_us(daemon.pid), time.monotonic()
        daemon.drop(campaign)

        def done(objects):
            c, now = objects[0], time.monotonic() - begin
            if c and c["state"] == "sending":
                seen.setdefault("sending", now)
            if c and c.get("indexed"):
                seen.setdefault("indexed", now)
            if c and c["state"] in ("held", "failed", "finished"):
                raise AssertionError("the campaign is %s" % c["state"])
            return len(seen) == 2
        bench.wait_campaigns(daemon, ["bench"], done, args.timeout, 0.02)
        seen.update(rows=args.rows, cpu=(pt.cpu_us(daemon.pid) - before) / args.rows,
                    peak=pt.peak_kb(daemon.pid) / 1024)
    bench.show(args, "import", [seen],
               (("rows", "rows", "%d"), ("sending", "sending after s", "%.2f"),
                ("indexed", "indexed after s", "%.2f"), ("cpu", "CPU us/row", "%.2f"),
                ("peak", "peak MB", "%.0f")))
    return 0


bench.run(main)
