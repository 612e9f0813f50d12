"""200 receivers by their mail exchangers, each paced to 50 messages/s: 140 are well, 20 are not
there, 20 refuse 30 % of recipients for now, 20 take 2 s for each reply. How much of their rate do
those that are well lose?"""
import os
import time

import bench
import dns_server
from bench import pt

KINDS = (("well", 140, ()), ("dead", 20, None),
         ("deferring", 20, ("--rule", "on=rcpt,chance=30%,reply=451 4.7.1 later")),
         ("slow", 20, ("--latency", "2s")))


def recipients(sites, each):
    lines = ["email,first_name,product"]
    for n in range(each):
        lines += ["r%d@%s,Ann,Tea" % (n, site) for site in sites]
    return "\n".join(lines) + "\n"


def rates(sink, begin, seconds):
    """Messages a second of each site within the window."""
    sink.totals()
    found = {}
    for m in sink.messages():
        if begin <= m["ms"] / 1000 < begin + seconds:
            site = m["to"][0].partition("@")[2]
            found[site] = found.get(site, 0) + 1
    return {site: n / seconds for site, n in found.items()}


def main():
    args = bench.options(__doc__, rate=(50, "messages/s of a site"), seconds=(20.0, "measured"),
                         settle=(5.0, "seconds before"), timeout=(120.0, "seconds"))
    with bench.Folder(args) as folder:
        sinks, hosts, sites, port = {}, {}, {}, 0
        for number, (kind, n, options) in enumerate(KINDS, 1):
            address = "127.0.%d.1" % number
            sites[kind] = ["%s%d.example" % (kind, i) for i in range(n)]
            hosts.update({site: address for site in sites[kind]})
            if options is None:
                continue
            os.mkdir(os.path.join(folder, kind))
            sinks[kind] = pt.Sink(os.path.join(folder, kind), *options,
                                  listen="%s:%d" % (address, port))
            port = sinks[kind].port
        dns = dns_server.Dns(folder, hosts=hosts)
        daemon = pt.Daemon(folder, start=False, config={"dns": {"servers": [dns.server]},
                                                        "preflight": "off"})
        daemon.config["routes"] = {"default": {"via": "mx", "port": port}}
        daemon.shape({"message_rate": "%d/s" % args.rate, "burst": 1, "connections": 10})
        daemon.start()
        names = [site for kind in sites.values() for site in kind]
        text = recipients(names, int(args.rate * (args.seconds + 2 * args.settle)))
        daemon.drop(pt.make_campaign(folder, "bench", recipients=text))
        pt.wait_until(lambda: sinks["well"].totals()["messages"] >= len(sites["well"]) * args.rate,
                      "the first second", args.timeout)
        begin = time.time() + args.settle
        time.sleep(args.settle + args.seconds + 1)
        rows = []
        for kind, sink in sinks.items():
            found = rates(sink, begin, args.seconds)
            each = sorted(found.get(site, 0) for site in sites[kind])
            rows.append({"kind": kind, "sites": len(each), "mean": sum(each) / len(each),
                         "least": each[0], "most": each[-1],
                         "lost": 100 - 100 * sum(each) / len(each) / args.rate
                         if kind == "well" else None})
        for process in [daemon, dns, *sinks.values()]:
            process.kill()
    bench.show(args, "sites, each limited to %d/s" % args.rate, rows,
               (("kind", "sites that are", "%s"), ("sites", "number", "%d"),
                ("mean", "mean/s", "%.2f"), ("least", "least/s", "%.2f"),
                ("most", "most/s", "%.2f"), ("lost", "lost %", "%.2f")))
    return 0


bench.run(main)
