"""Seeds: internal copies of a campaign. They are sent and tracked as the recipients' messages are,
and in none of the figures. Clicks are made over HTTP, as in test_variants."""
import collections
import email
import email.policy
import json
import os
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
sys.path.insert(0, os.path.dirname(__file__))
import accounted  # noqa: E402
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402
from test_variants import VariantsCase  # noqa: E402

BASE = 4294960000  # rows behind it are seeds
RECIPIENTS = "email,first_name,product\n,Nobody,x\nada@one.example,Ada,Lamp\nbob@two.example,Bob,Pen\n"


class SeedsCase(VariantsCase):
    def report(self, campaign):
        with open(os.path.join(campaign["folder"], "report.json"), encoding="utf-8") as f:
            return json.load(f)

    def page(self, campaign):
        with open(os.path.join(campaign["folder"], "report.html"), encoding="utf-8") as f:
            return f.read()

    def give(self, name, recipients=RECIPIENTS, files=None, **manifest):
        self.daemon.drop(pt.make_campaign(self.folder, name, manifest=manifest, files=files,
                                          recipients=recipients))

    def copies(self):
        return collections.Counter(m["to"][0] for m in self.sink.messages())


class Seeds(SeedsCase):
    def test_a_seed_gets_what_the_first_good_row_gets_and_is_in_no_figure(self):
        self.begin(maildir=True)
        self.give("spring", seeds=["me@acme.example", "boss@acme.example"], list="news",
                  files={"body.html": '<p>{{ email }} {{ coupon }}</p>'
                                      '<a href="https://shop.example/x">Go</a>',
                         "body.txt": "Hello {{ first_name }}", "codes.csv": "k1\nk2\n"},
                  coupons="codes.csv")
        campaign = self.daemon.wait_state("spring", "finished")
        self.assertEqual(self.copies(), {"ada@one.example": 1, "bob@two.example": 1,
                                         "me@acme.example": 1, "boss@acme.example": 1})
        subjects, bodies, links = {}, {}, {}
        for octets in self.sink.mails():
            mail = email.message_from_bytes(octets, policy=email.policy.default)
            to = mail["To"].addresses[0].addr_spec
            subjects[to] = mail["Subject"]
            bodies[to] = mail.get_body(("html",)).get_content()
            self.assertIn("List-Unsubscribe", mail)
        links = {a: path for a, (_, path) in self.read_mail().items()}
        self.assertEqual(subjects["me@acme.example"], "Ada, Lamp is here")
        self.assertIn("me@acme.example SEED", bodies["me@acme.example"])
        self.assertIn("bob@two.example k2", bodies["bob@two.example"])
        self.assertEqual(len(set(links.values())), 4)

        self.click(links["me@acme.example"])
        self.click(links["bob@two.example"])
        self.wait_for(lambda: self.daemon.campaign("spring")["clicks"]["total"] == 1)
        time.sleep(0.3)
        campaign = self.daemon.campaign("spring")
        self.assertEqual(campaign["clicks"]["unique"], 1)
        counts = campaign["counts"]
        self.assertEqual((counts["total"], counts["delivered"], counts["skipped"]), (3, 2, 1))
        self.assertEqual((campaign["seeds"]["total"], campaign["seeds"]["delivered"]), (2, 2))
        self.assertEqual([r["row"] for r in self.daemon.results(campaign)], ["1", "2", "3"])
        rows = self.daemon.get("/v1/campaigns/%s/recipients" % campaign["id"])["recipients"]
        self.assertEqual([r["row"] for r in rows], [1, 2, 3])
        self.assertEqual(self.daemon.get("/v1/recipient?address=me@acme.example")["campaigns"], [])

        def reported():
            report = self.report(campaign)
            return report if report["seeds"][0]["clicks"] else None
        report = self.wait_for(reported)
        self.assertEqual([(s["email"], s["state"], s["clicks"], s["code"])
                          for s in report["seeds"]],
                         [("me@acme.example", "delivered", 1, 250),
                          ("boss@acme.example", "delivered", 0, 250)])
        self.assertEqual(report["rates"]["clicked"]["part"], 1)
        self.assertEqual({d["domain"] for d in report["domains"]}, {"one.example", "two.example"})
        self.assertTrue(report["seeds"][0]["reply"])
        self.assertIn("boss@acme.example", self.page(campaign))
        events = [e for e in self.daemon.events() if e.get("email") == "me@acme.example"]
        self.assertTrue(events and all(e["seed"] for e in events))
        self.assertFalse([e for e in self.daemon.events()
                          if e.get("seed") and e["row"] <= BASE])
        told = subprocess.run([pt.program("postrider"), "--config", self.daemon.config_path,
                                  "campaign", campaign["id"]], capture_output=True, text=True)
        self.assertIn("Seeds, counted apart: 2 of 2 delivered", told.stdout)

    def test_each_seed_gets_each_variant_at_once_and_no_test_counts_it(self):
        self.begin(maildir=True)
        self.drop("two", 40, seeds=["me@acme.example"],
                  test={"share": "50%", "wait": "3s", "fallback": "plain"})
        self.wait_for(lambda: self.copies()["me@acme.example"] == 2)
        self.assertEqual(self.daemon.campaign("two")["state"], "sending")
        of = {subject: path for subject, path in self.links("me@acme.example")}
        self.assertEqual(set(of), {"Hello", "LOUD"})
        for path in of.values():
            self.click(path)
        campaign = self.daemon.wait_state("two", "finished", timeout=60)
        self.assertEqual(self.copies()["me@acme.example"], 2)
        report = self.report(campaign)
        self.assertEqual([(s["variant"], s["state"]) for s in report["seeds"]],
                         [("plain", "delivered"), ("loud", "delivered")])
        self.assertEqual(sum(v["delivered"] for v in report["variants"]), 40)
        self.assertEqual([v["clicks"]["part"] for v in report["variants"]], [0, 0])

    def links(self, address):
        for to, subject, html in self.letters():
            if to == address:
                yield subject, re.search(r"/c/[A-Za-z0-9_-]+", html).group(0)

    def test_seeds_go_at_the_start_and_the_campaign_waits_for_them(self):
        self.begin(retry={"first": "1s", "factor": 1})
        self.give("many", recipients="email\n" + "".join(
            "user%d@x.example\n" % i for i in range(3000)), seeds=["me@acme.example"])
        self.daemon.wait_state("many", "finished", timeout=60)
        order = [m["to"][0] for m in self.sink.messages()]
        self.assertLess(order.index("me@acme.example"), 1500)

    def test_by_mx_too_they_go_while_their_receivers_are_busy(self):
        self.sink = self.enter(pt.Sink(self.folder, latency="20ms"))
        dns = self.enter(dns_server.Dns(
            self.folder, mx={"d%d.example" % n: [(10, "mx%d.example" % (n % 2))]
                             for n in range(4)} | {"acme.example": [(10, "mx1.example")],
                                                   "gone.example": [(0, ".")]},
            hosts={"mx%d.example" % n: "127.0.0.1" for n in range(2)}))
        self.daemon = self.enter(pt.Daemon(self.folder, start=False, config={
            "retry": accounted.SOON, "preflight": "off", "dns": {"servers": [dns.server]}}))
        self.daemon.config["routes"] = {"default": {"via": "mx", "port": self.sink.port,
                                                    "connections": 2}}
        self.daemon.write_config()
        self.daemon.start()
        self.daemon.drop(pt.make_campaign(self.folder, "many", rows=600, domains=4, manifest={
            "seeds": ["me@acme.example", "user1@d1.example", "nobody@gone.example"]}))
        self.wait_for(lambda: len(self.sink.messages()) > 100)
        self.daemon.kill()
        self.daemon.start()
        campaign = self.daemon.wait_state("many", "finished", timeout=90)
        self.assertEqual(campaign["counts"]["delivered"], 600)
        self.assertEqual([(s["email"], s["state"]) for s in self.report(campaign)["seeds"]],
                         [("me@acme.example", "delivered"), ("user1@d1.example", "delivered"),
                          ("nobody@gone.example", "bounced")])
        report = self.report(campaign)
        self.assertEqual(report["rates"]["bounced"]["part"], 0)
        self.assertEqual({d["domain"] for d in report["domains"]},
                         {"d%d.example" % n for n in range(4)})
        copies = self.copies()
        self.assertGreaterEqual(copies["user1@d1.example"], 2)  # the recipient's, and the seed's
        self.assertLessEqual(1, copies["me@acme.example"])
        self.assertLessEqual(copies["me@acme.example"], report["seeds"][0]["attempts"])

    def test_a_seed_in_doubt_is_held_apart_and_resolved_with_the_others(self):
        self.sink = self.enter(pt.Sink(self.folder, "--no-chunking", rules=[
            "on=dot,match=me@*,tries=1,drop=before"]))
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink,
                                           config={"retry": accounted.SOON}))
        for action in ("--resend", "--delivered"):
            name = action.strip("-")
            self.give(name, seeds=["me@%s.example" % name], in_doubt="hold", subject=name)
            campaign = self.daemon.wait_state(name, "finished")
            self.assertEqual((campaign["counts"]["delivered"], campaign["needs_decision"],
                              campaign["in_doubt_ever"]), (2, 0, 0))
            self.assertEqual(campaign["seeds"]["in_doubt"], 1)
            self.daemon.cli("resolve", campaign["id"], action)
            self.wait_for(lambda: self.daemon.campaign(name)["seeds"]["delivered"] == 1)
            campaign = self.daemon.wait_state(name, "finished")
            self.assertEqual(campaign["counts"]["delivered"], 2)
        self.assertEqual(self.copies()["me@resend.example"], 2)  # the first one, too, was taken
        self.assertEqual(self.copies()["me@delivered.example"], 1)

    def test_a_seed_that_may_not_be_written_to_is_said(self):
        self.begin()
        self.daemon.cli("suppress", "add", "me@acme.example")
        self.give("spring", seeds=["me@acme.example"])
        campaign = self.daemon.wait_state("spring", "finished")
        self.assertNotIn("me@acme.example", self.copies())
        self.assertEqual(campaign["counts"]["suppressed"], 0)
        self.assertEqual(campaign["seeds"]["suppressed"], 1)
        seed = self.report(campaign)["seeds"][0]
        self.assertEqual(seed["state"], "suppressed")
        self.assertTrue(seed["reply"])

    def test_a_seed_has_no_part_in_caps(self):
        self.begin(caps=[{"messages": 1, "per": "7d"}])
        for name in ("one", "two"):
            self.give(name, seeds=["me@acme.example"], subject=name)
            campaign = self.daemon.wait_state(name, "finished")
        self.assertEqual(self.copies()["me@acme.example"], 2)
        self.assertEqual(self.copies()["ada@one.example"], 1)
        self.assertEqual(campaign["seeds"]["delivered"], 1)

    def test_a_cancelled_campaign_cancels_its_seeds(self):
        self.begin()
        self.give("held", seeds=["me@acme.example"], hold=True)
        campaign = self.daemon.wait_state("held", "held")
        self.assertEqual(campaign["seeds"]["pending"], 1)
        self.daemon.cli("cancel", campaign["id"])
        campaign = self.wait_for(lambda: [c for c in [self.daemon.campaign("held")]
                                          if "/done/" in c["folder"]])[0]
        self.assertEqual(campaign["seeds"]["cancelled"], 1)
        self.assertNotIn("me@acme.example", self.copies())

    def test_whoever_is_forgotten_is_not_shown_by_seeds(self):
        self.begin(maildir=True)
        self.give("held", seeds=["me@acme.example"], hold=True)
        campaign = self.daemon.wait_state("held", "held")
        self.daemon.cli("forget", "ada@one.example", "--yes")
        self.daemon.cli("approve", campaign["id"])
        self.daemon.wait_state("held", "finished")
        self.assertEqual(self.copies(), {"bob@two.example": 1, "me@acme.example": 1})
        for octets in self.sink.mails():
            self.assertNotIn(b"Ada", octets)

    def test_bad_ones_are_refused_with_their_lines(self):
        self.begin()
        path = pt.make_campaign(self.folder, "good", manifest={"seeds": ["me@acme.example"]})
        told = json.loads(self.daemon.cli("check", path).stdout)
        self.assertEqual((told["rows"], told["good"], told["seeds"]), (10, 10, 1))
        path = pt.make_campaign(self.folder, "bad", manifest={"seeds": ["nobody"]})
        told = self.daemon.cli("check", path, check=False)
        self.assertEqual(told.returncode, 1)
        self.assertRegex(told.stdout, r"seeds: .*nobody.* is not an address")
        path = pt.make_campaign(self.folder, "many", manifest={
            "seeds": ["s%d@acme.example" % i for i in range(51)]})
        told = self.daemon.cli("check", path, check=False)
        self.assertEqual(told.returncode, 1)
        self.assertRegex(told.stdout, r"seeds")


class Killed(accounted.TestCase):
    def test_seeds_are_neither_lost_nor_doubled_but_for_what_is_in_doubt(self):
        seeds = ["seed%d@acme.example" % i for i in range(50)]
        sink = self.enter(pt.Sink(self.folder, commands=True, latency="20ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, connections=4,
                                      config={"retry": accounted.SOON}))
        daemon.drop(pt.make_campaign(self.folder, "crash", rows=400,
                                     manifest={"seeds": seeds}))
        for n in (5, 25, 45):
            pt.wait_until(lambda: len(sink.messages()) >= n, "%d messages" % n)
            daemon.kill()
            daemon.start()
        campaign = daemon.wait_state("crash", "finished", timeout=60)
        self.assert_counts(campaign, 400)
        self.assertEqual(campaign["seeds"]["total"], 50)
        copies = collections.Counter(m["to"][0] for m in sink.messages())
        with open(os.path.join(campaign["folder"], "report.json"), encoding="utf-8") as f:
            reported = {s["email"]: s for s in json.load(f)["seeds"]}
        self.assertEqual(set(reported), set(seeds))
        for address in seeds:
            self.assertGreaterEqual(copies[address], 1)
            self.assertLessEqual(copies[address], reported[address]["attempts"])
            self.assertEqual(reported[address]["state"], "delivered")


if __name__ == "__main__":
    unittest.main()
