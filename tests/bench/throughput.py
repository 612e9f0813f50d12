"""Messages a second, CPU and memory: Postrider, Postfix fed by smtp-source, and smtp-source
alone, one after the other on this machine, into the same sink program.

Postrider is measured from the moment its campaign leaves `importing` until it is `finished`,
the others from the start of smtp-source until the sink has the last message.

--tls: STARTTLS to the sink, AES-GCM. --dkim rsa|ed25519: each message is signed; beside it what
`openssl speed` signs on all cores right after. --track: twelve links, pages, an open pixel and a
return path of its own in each message. --contacts: all recipients are contacts, so what comes back
about them is looked for in the journal. --caps: each message counts for a frequency cap of its
person. --zones: each at their own hour, in eight time zones, which has passed everywhere.

--each N: N rounds of Postrider alone: as the other options say, then with one more of track, caps,
zones and contacts each, then with all of them; the median of each, the least and the most."""
import datetime
import itertools
import os
import re
import socket
import statistics
import subprocess
import time
import types
import unittest

import bench
import postfix
from bench import pt

COLUMNS = (("program", "program", "%s"), ("messages", "messages", "%d"),
           ("seconds", "seconds", "%.2f"), ("rate", "messages/s", "%.0f"),
           ("cpu_us", "CPU us/message", "%.1f"), ("sink_cpu_us", "sink us/message", "%.1f"),
           ("peak_mb", "peak MB", "%.0f"))


def slow_sync(folder, delay):
    """Environment that makes each sync of a file so much slower ("10ms")."""
    if not delay:
        return {}
    library = os.path.join(folder, "slowsync.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slowsync.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": library,
            "POSTRIDER_SLOW_SYNC_US": str(int(float(delay.rstrip("ms")) * 1000))}


def result(program, messages, seconds, cpu_us, sink_cpu_us, peak_kb):
    return {"program": program, "messages": messages, "seconds": seconds,
            "rate": messages / seconds, "cpu_us": cpu_us / messages,
            "sink_cpu_us": sink_cpu_us / messages, "peak_mb": peak_kb / 1024}


ALGORITHMS = {"rsa": (["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "rsa2048"),
              "ed25519": (["ED25519"], "ed25519")}


def signing(folder, args):
    """Configuration of a key for the campaign's domain."""
    if not args.dkim:
        return {}
    key = os.path.join(folder, "dkim.pem")
    subprocess.run(["openssl", "genpkey", "-out", key, "-algorithm", *ALGORITHMS[args.dkim][0]],
                   check=True, capture_output=True)
    os.chmod(key, 0o600)
    return {"dkim": [{"domain": "acme.example", "selector": "b", "key_file": key}]}


def tracking(folder, args):
    """(configuration, files of the campaign, its manifest) with all that is answered to."""
    if not args.track:
        return {}, None, None
    key = os.path.join(folder, "token.key")
    with open(key, "w", encoding="ascii") as f:
        f.write("a secret of the bench, long enough\n")
    os.chmod(key, 0o600)
    links = "".join('<p><a href="https://www.acme.example/shop/%d">No %d</a></p>\n' % (i, i)
                    for i in range(12))
    return ({"secrets": [{"id": "a", "file": key}], "track": {"url": "https://t.acme.example"},
             "brands": {"acme": {"bounce_domain": "bounce.acme.example"}}}, links,
            {"brand": "acme", "list": "news"})


ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles",
         "Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo")


def capping(args):
    """Configuration of a cap that nobody reaches."""
    return {"caps": [{"messages": 100, "per": "7d"}]} if args.caps else {}


def zoning(args):
    """Schedule of a campaign whose hour has passed for everybody."""
    if not args.zones:
        return {}
    start = datetime.date.today() - datetime.timedelta(days=2)
    return {"schedule": {"start": "%sT09:00" % start, "timezone": "recipient", "passed": "now",
                         "fallback_timezone": "Europe/Berlin", "late": "30d"}}


def add_zones(path):
    """A column `timezone` for the recipients."""
    with open(path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    with open(path, "w", encoding="utf-8") as f:
        f.write(lines[0] + ",timezone\n")
        f.writelines("%s,%s\n" % pair for pair in zip(lines[1:], itertools.cycle(ZONES)))


def openssl_speed(algorithm):
    """Signatures a second of all cores."""
    bench.note("openssl speed ...")
    done = subprocess.run(["openssl", "speed", "-seconds", "5", "-multi", str(os.cpu_count()),
                           ALGORITHMS[algorithm][1]], check=True, capture_output=True, text=True)
    line = [x for x in done.stdout.splitlines() if re.search(r"\ds +[\d.]+ +[\d.]+$", x)][-1]
    return float(line.split()[-2])


def run_postrider(folder, args):
    bench.note("Postrider: %d messages ..." % args.count)
    config, links, manifest = tracking(folder, args)
    campaign = pt.make_campaign(folder, "bench", args.count, args.domains, bench.OCTETS,
                                manifest={**(manifest or {}), **zoning(args)})
    if args.zones:
        add_zones(os.path.join(campaign, "recipients.csv"))
    if links:
        with open(os.path.join(campaign, "body.html"), "r+", encoding="utf-8") as f:
            html = f.read()
            f.seek(0)
            f.write(html.replace("</body>", links + "</body>"))
    env = slow_sync(folder, args.slow_sync)
    with pt.Sink(folder, *(["--tls", "required"] if args.tls else []), log=False) as sink, \
         pt.Daemon(folder, sink, args.connections, env=env, start=False,
                   config={**signing(folder, args), **capping(args), **config}) as daemon:
        if args.tls:
            daemon.config["routes"]["default"]["tls"] = "required"
            daemon.write_config()
        daemon.start()
        if args.contacts:
            daemon.cli("contacts", "import", os.path.join(campaign, "recipients.csv"))
        sending = {}

        def done(objects):
            c = objects[0]
            if c and c["state"] not in ("importing", "scheduled") and not sending:
                sending.update(at=time.monotonic(), cpu=pt.cpu_us(daemon.pid))
            return c and c["state"] in ("finished", "held", "failed", "cancelled")
        daemon.drop(campaign)
        dropped = time.monotonic()
        end, (c,) = bench.wait_campaigns(daemon, ["bench"], done, args.timeout)[-1]
        totals = sink.totals()
        if c["state"] != "finished" or c["counts"]["delivered"] != args.count or \
                totals["messages"] != args.count:
            raise AssertionError("not all delivered: %s %s, sink: %d" % (
                c["state"], c["counts"], totals["messages"]))
        row = result("postrider", args.count, end - sending["at"],
                     pt.cpu_us(daemon.pid) - sending["cpu"], totals["cpu_us"],
                     pt.peak_kb(daemon.pid))
        row["import_seconds"] = sending["at"] - dropped
        row["octets"] = totals["octets"] // args.count
        return row


def run_source(folder, args):
    bench.note("smtp-source: %d messages ..." % args.count)
    with pt.Sink(folder, log=False) as sink:
        begin = time.monotonic()
        cpu_us, peak_kb = postfix.wait_source(postfix.smtp_source(sink.port, args.count))
        seconds = time.monotonic() - begin
        return result("smtp-source", args.count, seconds, cpu_us, sink.totals()["cpu_us"], peak_kb)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run_postfix(folder, args):
    bench.note("Postfix: %d messages ..." % args.postfix_count)
    with pt.Sink(folder, log=False) as sink, \
         postfix.Postfix(folder, sink, free_port()) as server:
        before, begin = server.cpu_us(), time.monotonic()
        source = postfix.smtp_source(server.port, args.postfix_count)
        _, totals = postfix.wait_messages(sink, args.postfix_count, args.timeout)
        seconds = time.monotonic() - begin
        postfix.wait_source(source)
        return result("postfix", args.postfix_count, seconds, server.cpu_us() - before,
                      totals["cpu_us"], server.peak_kb())


PARTS = ("track", "caps", "zones", "contacts")
EACH_COLUMNS = (("what", "with", "%s"), ("rate", "messages/s", "%.0f"), ("least", "least", "%.0f"),
                ("most", "most", "%.0f"), ("cpu_us", "CPU us/message", "%.1f"),
                ("cpu_least", "least", "%.1f"), ("cpu_most", "most", "%.1f"))


def run_each(args):
    """Rounds of plain and of each part, so that what the machine does besides hits all alike."""
    kinds = [("plain", ())] + [(part, (part,)) for part in PARTS] + [("all", PARTS)]
    seen = {what: [] for what, _ in kinds}
    for _ in range(args.each):
        for what, parts in kinds:
            bench.note(what)
            with bench.Folder(args) as folder:
                with_parts = types.SimpleNamespace(**{**vars(args),
                                                      **{part: True for part in parts}})
                seen[what].append(run_postrider(folder, with_parts))
    rows = []
    for what, runs in seen.items():
        rates, cpu = [r["rate"] for r in runs], [r["cpu_us"] for r in runs]
        rows.append({"what": what, "rate": statistics.median(rates), "least": min(rates),
                     "most": max(rates), "cpu_us": statistics.median(cpu), "cpu_least": min(cpu),
                     "cpu_most": max(cpu)})
    bench.show(args, "throughput", rows, EACH_COLUMNS, {"rounds": args.each})
    return 0


def main():
    args = bench.options(
        __doc__, count=(200000, "messages of Postrider and smtp-source"),
        postfix_count=(10000, "messages of Postfix"), domains=(1, "recipient domains"),
        connections=(20, "connections of Postrider"), slow_sync=("", "delay each sync: 10ms"),
        tls=(False, "STARTTLS to the sink"), dkim=("", "sign with a key: rsa or ed25519"),
        track=(False, "links, pages, pixel and return paths"),
        contacts=(False, "all recipients are contacts"),
        caps=(False, "a frequency cap is in force"), zones=(False, "recipients' time zones"),
        each=(0, "rounds of plain, each of track, caps, zones and contacts, and all"),
        only=("", "run only postrider, postfix or smtp-source"),
        timeout=(600.0, "seconds for each"))
    if args.each:
        return run_each(args)
    rows, facts = [], {}
    for name, runner in (("postrider", run_postrider), ("postfix", run_postfix),
                         ("smtp-source", run_source)):
        if args.only and args.only != name:
            continue
        try:
            with bench.Folder(args) as folder:
                rows.append(runner(folder, args))
        except (unittest.SkipTest, FileNotFoundError) as missing:
            bench.note("%s: left out, %s" % (name, missing))
    rates = {row["program"]: row["rate"] for row in rows}
    if "postrider" in rates:
        facts["import_seconds"] = rows[0]["import_seconds"]
        facts["octets_a_message"] = rows[0]["octets"]
        if args.dkim:
            facts["openssl_speed"] = openssl_speed(args.dkim)
            facts["share_of_openssl_speed"] = rates["postrider"] / facts["openssl_speed"]
        if "postfix" in rates:
            facts["times_postfix"] = rates["postrider"] / rates["postfix"]
    bench.show(args, "throughput", rows, COLUMNS, facts)
    return 0 if rows else 1


bench.run(main)
