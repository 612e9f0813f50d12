"""Frequency caps: many campaigns to the same people, with failures and kills between. What the sink
accepted is counted by address."""
import collections
import os
import random
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import dns_server
import postrider_test as pt

ROWS = int(os.environ.get("POSTRIDER_CAPS_ROWS", "2000"))
CAMPAIGNS = 10
CAP = 3
REASON = "frequency cap: 3 marketing messages in 7d"
FAULTS = ["on=rcpt,share=50%,tries=2,reply=451 4.3.0 later",
          "on=rcpt,share=10%,tries=4,reply=550 5.7.1 no"]
SOON = {"first": "1s", "factor": 1, "jitter": 0.1, "max": "1s", "give_up": "1h"}


def caps(messages=CAP, per="7d", **more):
    return {"caps": [dict({"messages": messages, "per": per}, **more)]}


class CapsTest(pt.TestCase):
    def start(self, config, *options, rules=(), latency=None):
        self.sink = self.enter(pt.Sink(self.folder, *options, rules=rules, latency=latency))
        return self.enter(pt.Daemon(self.folder, relay=self.sink,
                                    config=dict({"retry": SOON}, **config)))

    def drop(self, daemon, name, rows=10, **how):
        how.setdefault("manifest", {})
        how["manifest"] = dict({"again": True}, **how["manifest"])
        daemon.drop(pt.make_campaign(self.folder, name, rows=rows, **how))

    def run_to_end(self, daemon, name, rows=10, **how):
        self.drop(daemon, name, rows, **how)
        return daemon.wait_state(name, "finished")

    def got(self):
        """address -> how many messages the sink accepted."""
        return collections.Counter(a for m in self.sink.messages() for a in m["to"])

    def test_a_person_gets_as_many_as_the_cap_says(self):
        daemon = self.start(caps(messages=2))
        for name in ("one", "two"):
            self.assertEqual(self.run_to_end(daemon, name)["counts"]["delivered"], 10)
        campaign = self.run_to_end(daemon, "three")
        self.assertEqual(campaign["counts"]["skipped"], 10)
        for row in daemon.results(campaign):
            self.assertEqual((row["state"], row["class"], row["attempts"], row["reply"]),
                             ("skipped", "capped", "0",
                              "frequency cap: 2 marketing messages in 7d"))
        self.assertEqual(set(self.got().values()), {2})

    def test_how_many_a_cap_has_left_out_is_told_and_which_cap(self):
        daemon = self.start(caps(messages=1))
        recipients = "email\n" + "".join("user%d@example.com\n" % n for n in range(1, 11))
        self.assertEqual(self.run_to_end(daemon, "one", rows=4)["capped"], 0)
        two = self.run_to_end(daemon, "two", recipients=recipients + "nobody\n")
        self.assertEqual((two["counts"]["skipped"], two["capped"]), (5, 4))
        shown = subprocess.run([pt.program("postrider"), "--config", daemon.config_path,
                                "campaign", two["id"]], capture_output=True, text=True)
        self.assertRegex(shown.stdout, r"left out: over a frequency cap +4 ")
        self.assertRegex(shown.stdout, r"left out: bad row, duplicate or template +1 ")
        person = daemon.get("/v1/recipient?address=user1@example.com")["campaigns"]
        self.assertEqual(sorted((c["state"], c["class"], c["reply"][:13]) for c in person)[1],
                         ("skipped", "capped", "frequency cap"))
        shown = subprocess.run([pt.program("postrider"), "--config", daemon.config_path,
                                "recipient", "user1@example.com"], capture_output=True, text=True)
        self.assertIn("frequency cap: 1 marketing message in 7d", shown.stdout)
        daemon.terminate()
        daemon.start()
        self.assertEqual(daemon.campaign("two")["capped"], 4)

    def test_under_way_it_is_told_too_and_a_kill_forgets_none(self):
        daemon = self.start(caps(messages=1), latency="100ms")
        self.run_to_end(daemon, "one", rows=30)
        self.drop(daemon, "two", rows=3000)
        pt.wait_until(lambda: (daemon.campaign("two") or {}).get("capped") == 30, "the 30")
        daemon.kill()
        daemon.start()
        self.assertEqual(daemon.campaign("two")["state"], "sending")
        pt.wait_until(lambda: daemon.campaign("two")["capped"] == 30, "the 30 again")
        daemon.cli("cancel", daemon.campaign("two")["id"])

    def test_receipts_are_neither_counted_nor_stopped(self):
        daemon = self.start(caps(messages=1))
        for name in ("receipt", "another"):
            campaign = self.run_to_end(daemon, name, manifest={"class": "transactional"})
            self.assertEqual(campaign["counts"]["delivered"], 10)
        self.assertEqual(self.run_to_end(daemon, "news")["counts"]["delivered"], 10)
        campaign = self.run_to_end(daemon, "third", manifest={"class": "transactional"})
        self.assertEqual(campaign["counts"]["delivered"], 10)

    def test_a_campaign_may_be_stricter_than_the_house(self):
        daemon = self.start(caps(messages=5))
        self.run_to_end(daemon, "one")
        strict = caps(messages=1, per="day")
        campaign = self.run_to_end(daemon, "two", manifest=strict)
        self.assertEqual(campaign["counts"]["skipped"], 10)
        self.assertEqual(daemon.results(campaign)[0]["reply"],
                         "frequency cap: 1 marketing message a day")
        self.assertEqual(self.run_to_end(daemon, "three")["counts"]["delivered"], 10)

    def test_what_bounced_is_given_back(self):
        daemon = self.start(caps(messages=1), rules=["on=rcpt,tries=1,reply=550 5.7.1 not today"])
        self.assertEqual(self.run_to_end(daemon, "one")["counts"]["bounced"], 10)
        self.assertEqual(self.run_to_end(daemon, "two")["counts"]["delivered"], 10)
        self.assertEqual(self.run_to_end(daemon, "three")["counts"]["skipped"], 10)

    def test_a_reload_brings_caps_and_takes_them(self):
        daemon = self.start({})
        self.run_to_end(daemon, "before")
        daemon.write_config(**caps(messages=1))
        daemon.post("/v1/reload")
        self.assertEqual(self.run_to_end(daemon, "counted")["counts"]["delivered"], 10)
        self.assertEqual(self.run_to_end(daemon, "over")["counts"]["skipped"], 10)
        daemon.write_config(caps=[])
        daemon.post("/v1/reload")
        self.assertEqual(self.run_to_end(daemon, "free")["counts"]["delivered"], 10)

    def test_what_others_hold_is_waited_for(self):
        """The first campaign's messages are deferred, and bounce later: the second gets the slot.
        """
        daemon = self.start(
            dict(caps(messages=1), retry={"first": "2s", "factor": 1, "jitter": 0.1, "max": "2s",
                                          "give_up": "1h"}),
            rules=["on=rcpt,tries=1,reply=451 4.3.0 later",
                   "on=rcpt,from=first@*,reply=550 5.7.1 no"])
        self.drop(daemon, "one", manifest={"from": "Acme <first@acme.example>"})
        daemon.wait_state("one", "sending")
        pt.wait_until(lambda: daemon.campaign("one")["counts"]["deferred"] == 10, "deferrals")
        self.drop(daemon, "two", manifest={"from": "Acme <second@acme.example>"})
        self.assertEqual(daemon.wait_state("one", "finished")["counts"]["bounced"], 10)
        self.assertEqual(daemon.campaign("two")["counts"]["skipped"], 0)
        self.assertEqual(daemon.campaign("two")["counts"]["pending"], 10)
        campaign = daemon.wait_state("two", "finished", timeout=100)
        self.assertEqual(campaign["counts"]["delivered"], 10)

    def test_over_wait_sends_when_there_is_room(self):
        daemon = self.start(caps(messages=1, per="1m", over="wait"))
        self.run_to_end(daemon, "one", rows=3)
        began = time.monotonic()
        self.drop(daemon, "two", rows=3)
        pt.wait_until(lambda: (daemon.campaign("two") or {}).get("state") == "sending", "sending")
        campaign = daemon.wait_state("two", "finished", timeout=100)
        self.assertEqual(campaign["counts"]["delivered"], 3)
        self.assertGreater(time.monotonic() - began, 50)

    def test_who_is_forgotten_is_not_counted_any_more(self):
        daemon = self.start(caps(messages=1))
        self.run_to_end(daemon, "one")
        ann = pt.address(3, 1)
        daemon.cli("forget", "--yes", ann)
        daemon.cli("suppress", "remove", ann)
        daemon.kill()  # the journal is read again
        daemon.start()
        campaign = self.run_to_end(daemon, "two")
        self.assertEqual(campaign["counts"]["skipped"], 9)
        self.assertEqual([r["email"] for r in daemon.results(campaign)
                          if r["state"] == "delivered"], [ann])

    def test_days_are_those_of_the_person(self):
        """Two zones whose days never begin at the same time: a message of an hour ago is of
        yesterday where midnight has just passed."""
        daemon = self.start({"caps": [{"messages": 1, "per": "day"}]})
        table = "email,first_name,product,timezone\n" + "".join(
            "user%d@example.com,Ada,X,%s\n" % (n, zone) for n, zone in
            enumerate(("Europe/Berlin", "Pacific/Kiritimati", "", "Not/AZone"), 1))
        self.run_to_end(daemon, "one", recipients=table)
        campaign = self.run_to_end(daemon, "two", recipients=table)
        self.assertLessEqual(campaign["counts"]["delivered"], 1)  # should a midnight pass
        self.assertGreaterEqual(campaign["counts"]["skipped"], 3)

    def test_ten_campaigns_at_once_and_kills(self):
        """Half of the people are deferred at first, some bounce some times, the daemon is killed
        again and again: nobody gets more than the cap, and all who could get that many do."""
        daemon = self.start(dict(caps(), in_doubt={"marketing": "hold"}), rules=FAULTS,
                            latency="2ms")
        self.overlap(daemon, ROWS, 1)

    def test_ten_campaigns_over_many_receivers(self):
        """The same by MX, paused and gone on with besides: rows wait for their receivers, go back
        to their ledgers and are read again."""
        domains = 20
        self.sink = self.enter(pt.Sink(self.folder, rules=FAULTS, latency="5ms"))
        dns = self.enter(dns_server.Dns(
            self.folder, mx={"d%d.example" % n: [(10, "mx%d.example" % (n % 7))]
                             for n in range(domains)},
            hosts={"mx%d.example" % n: "127.0.0.1" for n in range(7)}))
        daemon = self.enter(pt.Daemon(self.folder, start=False, config=dict(
            caps(), in_doubt={"marketing": "hold"}, retry=SOON, preflight="off",
            dns={"servers": [dns.server]})))
        daemon.config["routes"] = {"default": {"via": "mx", "port": self.sink.port,
                                               "connections": 3}}
        daemon.write_config()
        daemon.start()
        self.overlap(daemon, ROWS, domains, pause=True)

    def overlap(self, daemon, rows, domains, pause=False):
        chance = random.Random(1)
        for i in range(CAMPAIGNS):
            self.drop(daemon, "c%d" % i, rows, domains=domains,
                      manifest={"rate": "%d/s" % (rows // 4)})
        for i in range(6):
            time.sleep(chance.random() * 1.5)
            if pause:
                self.pause_some(daemon)
            daemon.kill()
            daemon.start()
        ended = [daemon.wait_state("c%d" % i, "finished", timeout=200) for i in range(CAMPAIGNS)]
        self.check_overlap(daemon, ended, [pt.address(r, domains) for r in range(1, rows + 1)])

    @staticmethod
    def pause_some(daemon):
        for campaign in daemon.campaigns():
            if campaign["state"] == "sending":
                daemon.post("/v1/campaigns/%s/pause" % campaign["id"])
                daemon.post("/v1/campaigns/%s/resume" % campaign["id"])

    def check_overlap(self, daemon, ended, people):
        got, doubted = self.got(), collections.Counter()
        for campaign in ended:
            for row in daemon.results(campaign):
                self.assertIn(row["state"], ("delivered", "skipped", "bounced", "in_doubt"))
                if row["state"] == "skipped":
                    self.assertEqual(row["reply"], REASON)
                doubted[row["email"]] += row["state"] == "in_doubt"
        self.assertEqual({a: n for a, n in got.items() if n > CAP}, {})
        self.assertEqual({a: got[a] for a in people if got[a] + doubted[a] < CAP}, {})
        self.assertGreater(sum(c["counts"]["bounced"] for c in ended), 0)


if __name__ == "__main__":
    unittest.main()
