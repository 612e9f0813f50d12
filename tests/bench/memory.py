"""Peak memory of the daemon with very many recipients queued: imported, indexed, then sent for
some seconds at a limited rate, then paused."""
import time

import bench
from bench import pt


def main():
    args = bench.options(__doc__, rows=(10000000, "recipients"),
                         domains=(100000, "recipient domains"),
                         rate=("2000/s", "of the campaign"),
                         seconds=(10.0, "of sending"), timeout=(1200.0, "seconds"))
    with bench.Folder(args) as folder, pt.Sink(folder, log=False) as sink, \
            pt.Daemon(folder, sink) as daemon:
        bench.note("writing %d rows ..." % args.rows)
        campaign = pt.make_campaign(folder, "bench", args.rows, args.domains, bench.OCTETS,
                                    {"rate": args.rate})
        idle, begin = pt.peak_kb(daemon.pid), time.monotonic()
        daemon.drop(campaign)
        bench.note("importing ...")
        bench.wait_campaigns(daemon, ["bench"], lambda c: c[0] and c[0].get("indexed"),
                             args.timeout, 0.2)
        row = {"rows": args.rows, "seconds": time.monotonic() - begin,
               "idle": idle / 1024, "imported": pt.peak_kb(daemon.pid) / 1024}
        time.sleep(args.seconds)
        c = daemon.campaign("bench")
        paused = time.monotonic()
        daemon.post("/v1/campaigns/%s/pause" % c["id"])
        row.update(pause=time.monotonic() - paused, peak=pt.peak_kb(daemon.pid) / 1024,
                   queued=c["counts"]["pending"], delivered=c["counts"]["delivered"])
    bench.show(args, "memory", [row],
               (("rows", "recipients", "%d"), ("seconds", "indexed after s", "%.1f"),
                ("queued", "queued", "%d"), ("delivered", "delivered", "%d"),
                ("idle", "idle MB", "%.1f"), ("imported", "imported MB", "%.1f"),
                ("peak", "peak MB", "%.1f"), ("pause", "pause s", "%.2f")))
    return 0


bench.run(main)
