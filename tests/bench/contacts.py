"""Contacts: seconds of an import with 12 attributes into an empty store, and of the same again, which
updates every one; the addresses come in no order. Then of a campaign to all of them, a tenth of whom
is suppressed: from the drop until its rows are in its ledger and sending could begin."""
import csv
import os
import random
import subprocess
import time

import bench
from bench import pt

HEADS = ["Email Address", "First Name", "Last Name", "City", "Postcode", "Country", "Age", "Points",
         "Balance", "Newsletter", "Birthday", "Signup", "Shop"]
CITIES = ["Lisbon", "Porto", "Berlin", "Hamburg", "Paris", "Lyon", "Rome", "Milan"]


def write(path, count):
    order = list(range(count))
    chance = random.Random(1)
    chance.shuffle(order)
    with open(path, "w", encoding="utf-8", newline="") as f:
        table = csv.writer(f)
        table.writerow(HEADS)
        for i in order:
            table.writerow(["someone.%d@shop%d.example" % (i, i % 50), "First%d" % (i % 5000),
                            "Last%d" % (i % 20000), CITIES[i % 8], "%05d" % (i % 99999), "PT",
                            18 + i % 70, i % 1000, "%d.%02d" % (i % 500, i % 100),
                            "yes" if i % 3 else "no",
                            "19%02d-%02d-%02d" % (40 + i % 60, 1 + i % 12, 1 + i % 28),
                            "20%02d-%02d-%02dT10:%02d:00Z" % (i % 25, 1 + i % 12, 1 + i % 28, i % 60),
                            "shop%d" % (i % 50)])


def import_file(daemon, path):
    begin = time.monotonic()
    subprocess.run([pt.program("postrider"), "--config", daemon.config_path, "contacts", "import",
                    path, "--list", "all"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def suppress(daemon, path, count):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines("someone.%d@shop%d.example\n" % (i, i % 50) for i in range(0, count, 10))
    subprocess.run([pt.program("postrider"), "--config", daemon.config_path, "suppress", "import",
                    path], check=True, stdout=subprocess.DEVNULL)


def snapshot(daemon, folder, count):
    campaign = pt.make_campaign(folder, "all", manifest={
        "audience": {"list": "all"}, "recipients": None, "list": "news", "hold": True,
        "subject": "{{ first_name }} of {{ city }}"},
        files={"body.html": "<p>{{ first_name }}</p>", "body.txt": "{{ first_name }}"})
    open(os.path.join(campaign, ".ready"), "w", encoding="utf-8").close()
    begin = time.monotonic()
    daemon.drop(campaign)
    counts = daemon.wait_state("all", "held", timeout=300)["counts"]
    if counts["total"] != count or counts["suppressed"] != (count + 9) // 10:
        raise AssertionError(str(counts))
    return time.monotonic() - begin


def main():
    args = bench.options(__doc__, count=(1000000, "contacts"))
    with bench.Folder(args) as folder, pt.Sink(folder) as sink, pt.Daemon(folder, sink) as daemon:
        path = os.path.join(folder, "contacts.csv")
        bench.note("writing and importing %d contacts ..." % args.count)
        write(path, args.count)
        first = import_file(daemon, path)
        again = import_file(daemon, path)
        suppress(daemon, os.path.join(folder, "left.csv"), args.count)
        taken = snapshot(daemon, folder, args.count)
        known = daemon.get("/v1/contacts/attributes")
        if known["total"] != args.count or len(known["attributes"]) != 12:
            raise AssertionError(str(known))
        octets = os.path.getsize(os.path.join(daemon.state, "audience.db"))
        peak = pt.peak_kb(daemon.pid) / 1024
    bench.show(args, "contacts", [{"count": args.count, "first": first, "again": again, "taken": taken,
                                   "disk": octets / 1048576 / (args.count / 1e6), "peak": peak}],
               (("count", "contacts", "%d"), ("first", "import s", "%.1f"),
                ("again", "upsert s", "%.1f"), ("taken", "snapshot s", "%.1f"), ("disk", "MB a million", "%.0f"),
                ("peak", "daemon peak MB", "%.0f")))
    return 0


if __name__ == "__main__":
    bench.run(main)
