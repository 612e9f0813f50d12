"""Routes via sendgrid and mailgun, by HTTP/2 over TLS to nghttpd on this machine, which takes
everything (Debian's nghttp2-server): messages a second, CPU of the daemon."""
import os
import shutil
import subprocess
import time

import bench
from bench import pt

import api_server


def measure(args, folder, via, certificate, port):
    os.makedirs(folder)
    key = os.path.join(folder, "key")
    with open(key, "w") as f:
        f.write("key\n")
    os.chmod(key, 0o600)
    route = {"via": via, "key_file": key, "endpoint": "https://localhost:%d" % port,
             "connections": args.connections}
    if via == "mailgun":
        route["domain"] = "mg.acme.example"
    daemon = pt.Daemon(folder, start=False, config={"tls": {"ca_file": certificate}})
    daemon.config["routes"] = {"default": route}
    daemon.write_config()
    daemon.start()
    with daemon:
        begun, before = time.monotonic(), pt.cpu_us(daemon.pid)
        daemon.drop(pt.make_campaign(folder, "bench", args.count, octets=bench.OCTETS))
        campaign = daemon.wait_state("bench", "finished", timeout=args.timeout)
        seconds = time.monotonic() - begun
        cpu, peak = pt.cpu_us(daemon.pid) - before, pt.peak_kb(daemon.pid)
    if campaign["counts"]["delivered"] != args.count:
        raise AssertionError("not all were taken: %s" % campaign["counts"])
    return {"via": via, "messages": args.count, "seconds": seconds, "rate": args.count / seconds,
            "cpu": cpu / args.count, "peak": peak / 1024}


def main():
    args = bench.options(__doc__, count=(50000, "messages"), connections=(50, "requests at once"),
                         port=(18443, "of the server"), timeout=(300.0, "seconds"))
    server = shutil.which("nghttpd", path="/usr/sbin:/usr/bin")
    if not server:
        raise AssertionError("nghttpd is missing: apt-get install nghttp2-server")
    with bench.Folder(args) as folder:
        certificate, key = api_server.certify(folder)
        taker = subprocess.Popen([server, "--echo-upload", "-a", "127.0.0.1", str(args.port), key,
                                  certificate], stdout=subprocess.DEVNULL)
        try:
            rows = [measure(args, os.path.join(folder, via), via, certificate, args.port)
                    for via in ("sendgrid", "mailgun")]
        finally:
            taker.kill()
            taker.wait()
    bench.show(args, "api", rows,
               (("via", "via", "%s"), ("messages", "messages", "%d"),
                ("seconds", "seconds", "%.2f"), ("rate", "messages/s", "%.0f"),
                ("cpu", "us of CPU", "%.0f"), ("peak", "MB at most", "%.0f")))
    return 0


bench.run(main)
