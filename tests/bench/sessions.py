"""Memory of sessions: what each of very many connections costs the daemon that wait for a reply, in
clear and over TLS."""
import resource
import time

import bench
from bench import pt


def resident_kb(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def measure(args, folder, tls):
    """Resident octets a session, between a few and all of them."""
    options = ["--tls", "starttls"] if tls else []
    few = 100
    with pt.Sink(folder, *options, log=False, rules=["on=rcpt,stall"]) as sink, \
            pt.Daemon(folder, sink, few, config={
                "max_connections": args.sessions,
                "routes": {"default": {"tls": "required" if tls else "none"}}}) as daemon:
        daemon.drop(pt.make_campaign(folder, "bench", 10 * args.sessions, octets=bench.OCTETS))
        found = []
        for n in (few, args.sessions):
            daemon.write_config(routes={"default": {"connections": n}})
            daemon.post("/v1/reload")
            pt.wait_until(lambda: sink.totals()["open"] >= n, "%d sessions" % n, args.timeout)
            time.sleep(2)
            found.append(resident_kb(daemon.pid))
        daemon.kill()
    return {"tls": "TLS" if tls else "none", "sessions": args.sessions,
            "each": (found[1] - found[0]) / (args.sessions - few), "all": found[1] / 1024}


def main():
    args = bench.options(__doc__, sessions=(1000, "at once"), timeout=(120.0, "seconds"))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rows = []
    for tls in (False, True):
        with bench.Folder(args) as folder:
            rows.append(measure(args, folder, tls))
    bench.show(args, "sessions", rows, (("tls", "TLS", "%s"), ("sessions", "sessions", "%d"),
                                        ("each", "KB each", "%.1f"), ("all", "MB in all", "%.0f")))
    return 0


bench.run(main)
