"""The cold tail: very many receivers of one message each, each reply 200 ms away, over TLS. Look-ups,
connections and handshakes have to overlap."""
import resource

import bench
import dns_server
from bench import pt

SINKS = 4  # addresses: a pair of them has some 28,000 ports


def main():
    args = bench.options(__doc__, sites=(100000, "receivers"), latency=("200ms", "of each reply"),
                         connections=(4000, "at once"), timeout=(600.0, "seconds"))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    addresses = ["127.0.9.%d" % (n + 1) for n in range(SINKS)]
    with bench.Folder(args) as folder:
        more, port = [], dns_server.free_port()
        for address in addresses[1:]:
            more += ["--listen", "%s:%d" % (address, port)]
        sink = pt.Sink(folder, "--tls", "starttls", *more, log=False, latency=args.latency,
                       listen="%s:%d" % (addresses[0], port))
        for _ in addresses[1:]:
            sink._line()
        dns = dns_server.Dns(folder, hosts={"d%d.example" % n: addresses[n % SINKS]
                                            for n in range(args.sites)})
        daemon = pt.Daemon(folder, start=False, config={
            "dns": {"servers": [dns.server]}, "tls": {"mta_sts": False},
            "max_connections": args.connections, "preflight": "off"})
        daemon.config["routes"] = {"default": {"via": "mx", "port": port, "tls": "required"}}
        daemon.write_config()
        daemon.start()
        text = "email,first_name,product\n" + "".join(
            "a@d%d.example,Ann,Tea\n" % n for n in range(args.sites))
        daemon.drop(pt.make_campaign(folder, "bench", recipients=text))
        c = daemon.wait_state("bench", "finished", timeout=args.timeout, every=0.2)
        totals, peak = sink.totals(), pt.peak_kb(daemon.pid) / 1024
        for process in (daemon, dns, sink):
            process.kill()
    if totals["messages"] != args.sites:
        raise AssertionError("%d of %d messages: %s" % (totals["messages"], args.sites, c["counts"]))
    row = {"sites": args.sites, "seconds": totals["seconds"],
           "rate": totals["messages"] / totals["seconds"], "open": totals["max_open"],
           "delivered": c["counts"]["delivered"], "peak": peak}
    bench.show(args, "cold tail, %s away, TLS" % args.latency, [row],
               (("sites", "receivers", "%d"), ("delivered", "delivered", "%d"),
                ("seconds", "seconds", "%.1f"), ("rate", "messages/s", "%.0f"),
                ("open", "connections at once", "%d"), ("peak", "peak MB", "%.0f")))
    return 0


bench.run(main)
