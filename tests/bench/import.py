"""A large recipients.csv: seconds from its drop until sending begins, and until the indexes of
its ledger are done. It is sent slowly meanwhile (--rate), so that the import is what is seen.
--zones: its rows have time zones, at random, and each its own start: until sending could begin."""
import datetime
import os
import random
import time
import zoneinfo

import bench
from bench import pt


def add_zones(campaign, n):
    """A further column `timezone` with n zones, in no order; the keys for it."""
    names = sorted(z for z in zoneinfo.available_timezones() if "/" in z)
    random.seed(7)
    zones = random.sample(names, min(n, len(names)))
    path = os.path.join(campaign, "recipients.csv")
    with open(path, encoding="utf-8") as old, open(path + "~", "w", encoding="utf-8") as new:
        new.write(old.readline().rstrip("\n") + ",timezone\n")
        for line in old:
            new.write("%s,%s\n" % (line.rstrip("\n"), random.choice(zones)))
    os.rename(path + "~", path)


def main():
    args = bench.options(__doc__, rows=(1000000, "rows"), domains=(1, "recipient domains"),
                         rate=("10/s", "of the campaign"),
                         zones=(0, "time zones of the recipients; 0: none"),
                         jitter=("0s", "schedule.jitter, with --zones"),
                         timeout=(300.0, "seconds"))
    seen = {}
    with bench.Folder(args) as folder, pt.Sink(folder, log=False) as sink, \
            pt.Daemon(folder, sink) as daemon:
        bench.note("writing %d rows ..." % args.rows)
        manifest = {"rate": args.rate}
        if args.zones:
            tomorrow = datetime.datetime.now() + datetime.timedelta(days=2)
            manifest["schedule"] = {"timezone": "recipient", "jitter": args.jitter,
                                    "start": tomorrow.strftime("%Y-%m-%dT09:00")}
        campaign = pt.make_campaign(folder, "bench", args.rows, args.domains, bench.OCTETS,
                                    manifest)
        if args.zones:
            add_zones(campaign, args.zones)
        before, begin = pt.cpu_us(daemon.pid), time.monotonic()
        daemon.drop(campaign)

        def done(objects):
            c, now = objects[0], time.monotonic() - begin
            if c and c["state"] in ("sending", "scheduled"):
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
