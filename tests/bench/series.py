"""Series: everybody in a segment enters one at once, which is the worst that can happen to it. Seconds
until all have entered, until the first step of all was accepted, and until the second was; then what
a series of birthdays costs that has nobody to write to: CPU seconds of a look at all contacts."""
import os
import time

import bench
import contacts
from bench import pt

STEPS = {"first": {"subject": "One for {{ first_name }}"}, "second": {"subject": "Two", "after": "1s"}}


def drop(daemon, folder, name, **manifest):
    daemon.drop(pt.make_campaign(folder, name, manifest=dict({
        "recipients": None, "list": "news", "audience": {"list": "all"}}, **manifest),
        files={"body.txt": "Hello {{ first_name }} of {{ city }}"}))
    daemon.wait_state(name, "sending", timeout=60)


def seconds_until(daemon, name, what, timeout):
    begin = time.monotonic()
    while not what(daemon.campaign(name)):
        if time.monotonic() - begin > timeout:
            raise AssertionError("too slow: %s" % daemon.campaign(name))
        time.sleep(0.1)
    return time.monotonic() - begin


def cpu(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def birthdays(daemon, folder):
    """Beside what an idle daemon uses in the same time."""
    idle = cpu(daemon.pid)
    time.sleep(10)
    idle = cpu(daemon.pid) - idle
    before = cpu(daemon.pid)
    drop(daemon, folder, "birthdays", trigger={"date": "birthday", "hour": "00:00", "late": "1m"})
    time.sleep(10)
    return max(0, cpu(daemon.pid) - before - idle)


def main():
    args = bench.options(__doc__, count=(1000000, "contacts"), enter=(200000, "of whom so many enter"))
    with bench.Folder(args) as folder, pt.Sink(folder) as sink, pt.Daemon(folder, sink) as daemon:
        path = os.path.join(folder, "contacts.csv")
        bench.note("writing and importing %d contacts ..." % args.count)
        contacts.write(path, args.count)
        contacts.import_file(daemon, path)
        points = args.enter * 1000 // args.count
        n = sum(1 for i in range(args.count) if i % 1000 < points)
        drop(daemon, folder, "series", steps=STEPS,
             trigger={"segment": "points < %d" % points, "existing": True})
        begin = time.monotonic()
        entered = seconds_until(daemon, "series", lambda c: c["series"]["entered"] == n, 600)
        seconds_until(daemon, "series", lambda c: c["counts"]["total"] >= n, 600)
        seconds_until(daemon, "series", lambda c: c["counts"]["delivered"] == 2 * n, 600)
        both = time.monotonic() - begin
        look = birthdays(daemon, folder)
        peak = pt.peak_kb(daemon.pid) / 1024
    bench.show(args, "series", [{"count": args.count, "n": n, "entered": entered, "both": both,
                                 "rate": 2 * n / both, "look": look, "peak": peak}],
               (("count", "contacts", "%d"), ("n", "entered", "%d"), ("entered", "entering s", "%.1f"),
                ("both", "both steps s", "%.1f"), ("rate", "steps/s", "%.0f"),
                ("look", "look CPU s", "%.2f"), ("peak", "daemon peak MB", "%.0f")))
    return 0


bench.run(main)
