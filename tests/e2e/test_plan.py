"""`postrider plan`: what it says is held against what the daemon then does, as the receiver sees
it; and against figures worked out by hand where days would have to pass."""
import datetime
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import exchangers
import name_server
import postrider_test as pt

AT = "2026-11-26T00:00:00Z"  # a Thursday


def seconds(text, since):
    """From `since` (RFC 3339) to text."""
    ends = [datetime.datetime.strptime(t[:19], "%Y-%m-%dT%H:%M:%S") for t in (since, text)]
    return (ends[1] - ends[0]).total_seconds() + float(text[19:-1] or 0)


def took(messages):
    """From the first to the last of messages, seconds."""
    times = [m["ms"] / 1000 for m in messages]
    return max(times) - min(times)


class PlanCase(exchangers.TestCase):
    def run_plan(self, daemon, path, *options, status=0):
        done = subprocess.run([pt.program("postrider"), "--config", daemon.config_path, "plan",
                               path, *options], capture_output=True, text=True,
                              timeout=pt.TIMEOUT, env=dict(os.environ, TZ="UTC"))
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def plan(self, daemon, path, *options):
        return json.loads(self.run_plan(daemon, path, "--json", *options).stdout)

    def duration(self, line):
        return seconds(line["done"], line["begins"][:19] + "Z") - \
            float(line["begins"][19:-1] or 0)

    def receivers(self, plan):
        return {line["receiver"]: line for line in plan["receivers"]}

    def world_of(self, *names, **config):
        """A resolver and a daemon that is not started, with a receiver for each name."""
        for name in names:
            self.receiver(name)
        resolver = self.enter(name_server.NameServer(self.zone))
        return self.daemon(resolver, route_tls="none", **config)

    def to(self, folder, name, counts, **manifest):
        """A campaign with so many rows of each domain NAME.example."""
        rows = ["r%d@%s.example,Ann,Tea" % (i, domain) for domain, n in counts.items()
                for i in range(n)]
        return pt.make_campaign(folder, name, manifest=manifest, recipients="\n".join(
            ["email,first_name,product", *rows, ""]))


class PlannedTest(PlanCase):
    """What days would have to pass for."""

    def setUp(self):
        super().setUp()
        self.relay = pt.Daemon(self.folder, start=False)

    def campaign(self, rows, **manifest):
        return pt.make_campaign(self.folder, "world", rows=rows, manifest=manifest)

    def test_recipients_have_their_own_hours_and_holidays(self):
        zones = ["Asia/Tokyo"] * 300 + ["Europe/Berlin"] * 200 + ["America/New_York"] * 100
        rows = ["r%d@x.example,Ann,Tea,%s" % (i, zone) for i, zone in enumerate(zones)]
        path = pt.make_campaign(self.folder, "round", recipients="\n".join(
            ["email,first_name,product,timezone", *rows, ""]), manifest={"schedule": {
                "start": "2026-11-27T09:00", "timezone": "recipient",
                "fallback_timezone": "UTC"}})
        plan = self.plan(self.relay, path, "--at", AT)
        self.assertEqual(plan["begins"], "2026-11-27T00:00:00.000Z")  # nine in Tokyo
        line = plan["receivers"][0]
        self.assertEqual(line["recipients"], 600)
        self.assertAlmostEqual(seconds(line["half"], "2026-11-27T00:00:00Z"), 0, delta=60)
        self.assertAlmostEqual(seconds(plan["done"], "2026-11-27T14:00:00Z"), 0, delta=60)

    def test_a_window_too_short_goes_on_the_next_day(self):
        path = self.campaign(5400, rate="1/s", schedule={"window": "Mon-Fri 08:00-09:00",
                                                        "timezone": "Europe/Berlin"})
        plan = self.plan(self.relay, path, "--at", AT)
        self.assertEqual(plan["begins"], "2026-11-26T07:00:00.000Z")
        self.assertAlmostEqual(seconds(plan["done"], "2026-11-27T07:30:00Z"), 0, delta=20)
        self.assertEqual([d["day"] for d in plan["days"]], ["2026-11-26", "2026-11-27"])
        self.assertAlmostEqual(plan["days"][0]["recipients"], 3600, delta=2)
        self.assertIn("the window is too short: 1,800 recipients", " ".join(plan["warnings"]))
        text = self.run_plan(self.relay, path, "--at", AT).stdout
        self.assertIn("2026-11-26 08:00:00", text)
        self.assertIn("(Europe/Berlin)", text)
        self.assertIn("rate 1/s (campaign.yaml)", text)

    def test_what_the_deadline_cuts_off_is_told(self):
        path = self.campaign(1000, rate="1/s", schedule={"deadline": "2026-11-26T00:10:00Z"})
        plan = self.plan(self.relay, path, "--at", AT)
        self.assertAlmostEqual(plan["too_late"], 400, delta=2)
        self.assertEqual(plan["sent"] + plan["too_late"], 1000)
        self.assertIn("the deadline, 2026-11-26 00:10:00, comes before their turn",
                      " ".join(plan["warnings"]))

    def test_a_warm_up_takes_its_days(self):
        self.relay.config["routes"] = {"default": {"via": "mx", "sources": ["new"]}}
        self.relay.config["sources"] = {"new": {"address": "127.0.0.1", "warm_up": "gentle",
                                                "since": "2026-11-26"}}
        self.relay.shape(warm_up={"gentle": {"days": [50, 100, 500]}})
        plan = self.plan(self.relay, self.campaign(600), "--at", AT, "--no-dns")
        self.assertEqual(plan["days"], [{"day": "2026-11-26", "recipients": 50},
                                        {"day": "2026-11-27", "recipients": 100},
                                        {"day": "2026-11-28", "recipients": 450}])
        self.assertEqual(plan["receivers"][0]["limited_by"], "warm_up")
        self.assertRegex(plan["receivers"][0]["limit"], r"warm_up \(shaping.yaml:\d+ gentle\)")
        self.assertIn("the warm-up of a source takes 3 days, the last is 2026-11-28",
                      plan["warnings"])

    def test_what_a_test_can_find(self):
        variants = {"plain": {}, "loud": {"subject": "Now {{ first_name }}!"}}
        path = self.campaign(20000, rate="10/s", variants=variants,
                             test={"share": "50%", "wait": "4h", "holdout": "10%"})
        plan = self.plan(self.relay, path, "--at", AT)
        self.assertIn("2 variants, 5,000 recipients each at least, 2.5 % clicks (assumed", plan["test"])
        self.assertRegex(plan["test"], r"a lift of \d\d % \(to 3\.\d+ %\) is found with a chance of "
                         r"80 %; one of 10 % would take \d{2,3},\d{3} each$")
        self.assertEqual(plan["sent"], 18000)
        self.assertEqual(plan["done"][:16], "2026-11-26T04:13")  # 4 h, and 8,000 by 10/s
        done = os.path.join(self.relay.spool, "done", "earlier")
        os.makedirs(done)
        with open(os.path.join(done, "report.json"), "w", encoding="utf-8") as f:
            json.dump({"campaign": {"counts": {"delivered": 10000}, "clicks": {"unique": 1200,
                                                                               "machine": 200}}}, f)
        richer = self.plan(self.relay, path, "--at", AT)["test"]
        self.assertIn("10 % clicks (as 1 earlier campaign had)", richer)

    def test_bad_rows_and_duplicates_are_no_recipients(self):
        path = pt.make_campaign(self.folder, "world", recipients="email\na@b.example\nx@@y\n"
                                "a@b.example\n")
        plan = self.plan(self.relay, path)
        self.assertEqual((plan["rows"], plan["recipients"], plan["bad"], plan["duplicates"]),
                         (3, 1, 1, 1))

    def test_what_is_wrong_is_told(self):
        path = self.campaign(3)
        for options, words in ((("--at", "noon"), "--at noon: write a time like"),
                               (("--round-trip", "fast"), "--round-trip fast: write a time")):
            self.assertIn(words, self.run_plan(self.relay, path, *options, status=2).stderr)
        bad = self.campaign_of("lost", route="nowhere")
        done = self.run_plan(self.relay, bad, status=1)
        self.assertIn("nowhere", done.stderr)
        self.assertIn("cannot be planned", done.stderr)
        os.unlink(os.path.join(path, "recipients.csv"))
        self.assertIn("recipients.csv", self.run_plan(self.relay, path, status=1).stderr)

    def campaign_of(self, name, **manifest):
        return pt.make_campaign(self.folder, name, rows=3, manifest=manifest)


class SentTest(PlanCase):
    """Within a fifth of what happens."""

    def near(self, planned, real):
        self.assertAlmostEqual(planned, real, delta=0.2 * real)

    def test_the_rate_of_a_campaign(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            path = pt.make_campaign(self.folder, "world", rows=1000, manifest={"rate": "200/s"})
            plan = self.plan(daemon, path)
            self.assertEqual(sink.totals()["connections"], 0)
            self.assertEqual(plan["receivers"][0]["limited_by"], "rate")
            daemon.drop(path)
            daemon.wait_state("world", "finished")
            self.near(self.duration(plan), took(sink.messages()))

    def test_connections_and_distance(self):
        with pt.Sink(self.folder, "--no-chunking", latency="50ms") as sink, \
             pt.Daemon(self.folder, relay=sink, connections=4) as daemon:
            path = pt.make_campaign(self.folder, "world", rows=400)
            plan = self.plan(daemon, path, "--round-trip", "50ms")
            self.assertEqual(plan["receivers"][0]["limited_by"], "connections")
            daemon.drop(path)
            daemon.wait_state("world", "finished")
            self.near(self.duration(plan), took(sink.messages()))

    def test_a_rate_that_receivers_share(self):
        daemon = self.world_of("a", "b")
        daemon.shape()
        path = self.to(daemon.folder, "world", {"a": 150, "b": 50}, rate="50/s")
        plan = self.plan(daemon, path)
        self.assertIn("receivers get equal parts of the campaign's rate: when all of them are done "
                      "is sure, which one is first is not", plan["assumed"])
        daemon.start()
        with daemon:
            daemon.drop(path)
            daemon.wait_state("world", "finished")
        self.near(self.duration(plan), took([m for sink in self.sinks.values()
                                             for m in sink.messages()]))

    def test_what_receivers_grant(self):
        """Two domains of one provider share its rate, another has one of its own."""
        daemon = self.world_of("a", "b", "c")
        daemon.shape(providers={
            "big": {"exchangers": ["mx.a.example", "mx.b.example"],
                    "provider_message_rate": "40/s"},
            "small": {"exchangers": ["mx.c.example"], "message_rate": "20/s", "burst": 1}})
        path = self.to(daemon.folder, "world", {"a": 60, "b": 100, "c": 60})
        plan = self.receivers(self.plan(daemon, path))
        self.assertEqual({name: (line["recipients"], line["limited_by"])
                          for name, line in plan.items()},
                         {"big": (160, "provider_message_rate"), "small": (60, "message_rate")})
        daemon.start()
        with daemon:
            daemon.drop(path)
            daemon.wait_state("world", "finished")
        messages = {name: sink.messages() for name, sink in self.sinks.items()}
        self.near(self.duration(plan["big"]), took(messages["a"] + messages["b"]))
        self.near(self.duration(plan["small"]), took(messages["c"]))

    def test_domains_that_take_no_mail_would_bounce(self):
        daemon = self.world_of("a")
        self.zone["null.example"] = {"MX": [(0, ".")]}
        path = self.to(daemon.folder, "world", {"a": 5, "null": 3, "none": 2})
        plan = self.plan(daemon, path)
        self.assertEqual((plan["recipients"], plan["nowhere"]), (5, 5))
        self.assertIn("5 recipients are at domains that take no mail: they would bounce",
                      plan["warnings"])
        daemon.start()
        with daemon:
            daemon.drop(path)
            counts = daemon.wait_state("world", "finished")["counts"]
        self.assertEqual((counts["delivered"], counts["bounced"]), (5, 5))

    def test_a_resolver_that_is_dead_is_told(self):
        daemon = self.world_of("a")
        daemon.write_config(dns={"servers": ["127.0.0.1:9"], "timeout": "200ms"})
        plan = self.plan(daemon, self.to(daemon.folder, "world", {"a": 5}))
        self.assertIn("the DNS answered for 0 of 1 domains; each of the others counts for itself",
                      plan["assumed"])
        self.assertEqual(self.receivers(plan)["a.example"]["recipients"], 5)


if __name__ == "__main__":
    unittest.main()
