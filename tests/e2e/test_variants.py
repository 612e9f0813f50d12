"""Variants: who gets which, the test that finds the one for the rest, what is paused and cancelled
alone. Clicks are made over HTTP with tokens of the campaign's own links, as the messages have them."""
import collections
import csv
import email
import email.policy
import http.client
import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
sys.path.insert(0, os.path.dirname(__file__))
import postrider_test as pt  # noqa: E402
from api_server import Receiver  # noqa: E402
from test_track import HUMAN, TrackCase  # noqa: E402

BODY = "<html><body><p>Hello</p><a href=\"https://shop.example/%s\">Go</a></body></html>"
TWO = {"plain": {}, "loud": {"subject": "LOUD", "html": "loud.html"}}
FILES = {"body.html": BODY % "plain", "body.txt": "Hello", "loud.html": BODY % "loud"}
DOMAINS = ["big.example", "big.example", "big.example", "small.example"]


def recipients(n):
    return "email\n" + "".join("user%d@%s\n" % (i, DOMAINS[i % 4]) for i in range(1, n + 1))


class VariantsCase(TrackCase):
    # Each person comes from an address of their own.
    track = {"url": "https://t.acme.example", "proxies": ["127.0.0.1"]}
    clicks = 0

    def drop(self, name, rows, **manifest):
        manifest = dict({"variants": TWO, "subject": "Hello", "list": "news"}, **manifest)
        self.daemon.drop(pt.make_campaign(self.folder, name, manifest=manifest, files=FILES,
                                          recipients=recipients(rows)))

    def results(self, name):
        folder = self.daemon.campaign(name)["folder"]
        with open(os.path.join(folder, "results.csv"), encoding="utf-8-sig") as f:
            return list(csv.DictReader(f))

    def letters(self):
        """(address, subject, HTML) of each message, copies too."""
        for octets in self.sink.mails():
            mail = email.message_from_bytes(octets, policy=email.policy.default)
            html = mail.get_body(("html",)).get_content()
            yield mail["To"].addresses[0].addr_spec, mail["Subject"], html

    def read_mail(self, copies=False):
        """address -> (subject, path of its link), of what the sink has kept."""
        mail = {}
        for to, subject, html in self.letters():
            self.assertTrue(copies or to not in mail, "twice: " + to)
            mail[to] = (subject, re.search(r"/c/[A-Za-z0-9_-]+", html).group(0))
        return mail

    def click(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        self.clicks += 1
        visitor = "100.%d.%d.9" % divmod(self.clicks, 250)
        connection.request("GET", path, headers=dict(HUMAN, **{"X-Forwarded-For": visitor}))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        self.assertEqual(answer.status, 302)

    def wait_for(self, what, seconds=30):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            value = what()
            if value:
                return value
            time.sleep(0.1)
        self.fail("did not come to be")

    def wait_delivered(self, name, n):
        def enough():
            campaign = self.daemon.campaign(name)
            return campaign and campaign["counts"]["delivered"] >= n
        return self.wait_for(enough)


class Split(VariantsCase):
    def test_everybody_gets_a_variant_alike_at_each_receiver_and_keeps_it(self):
        self.begin(maildir=True)
        self.drop("two", 4000)
        self.daemon.wait_state("two", "finished", timeout=60)
        of = collections.Counter((r["email"].split("@")[1], r["variant"])
                                 for r in self.results("two"))
        for domain, n in (("big.example", 3000), ("small.example", 1000)):
            # Four standard deviations: once in 16,000 lists, and this list is always the same.
            self.assertLess(abs(of[domain, "loud"] - n / 2), 4 * (n / 4) ** 0.5, of)
            self.assertEqual(of[domain, "loud"] + of[domain, "plain"], n)
        subjects = {a: s for a, (s, _) in self.read_mail().items()}
        for row in self.results("two"):
            self.assertEqual(subjects[row["email"]] == "LOUD", row["variant"] == "loud")

    def test_who_is_held_out_gets_nothing_and_is_counted(self):
        self.begin(maildir=True)
        self.drop("held", 2000, test={"holdout": "20%"})
        counts = self.daemon.wait_state("held", "finished", timeout=60)["counts"]
        self.assertLess(abs(counts["skipped"] - 400), 4 * 18)
        self.assertEqual(counts["skipped"] + counts["delivered"], 2000)
        out = {r["email"] for r in self.results("held") if r["reply"] == "hold-out group"}
        self.assertEqual(len(out), counts["skipped"])
        self.assertFalse(out & set(self.read_mail()))


class Events(VariantsCase):
    def test_events_about_a_row_name_its_variant(self):
        ours, theirs = self.enter(Receiver()), self.enter(Receiver())
        secret = os.path.join(self.folder, "hook")
        with open(secret, "w", encoding="utf-8") as f:
            f.write("secret\n")
        os.chmod(secret, 0o600)
        wanted = ["sending", "delivered", "skipped", "click"]
        self.begin(maildir=True, webhooks=[
            {"url": ours.url, "secret_file": secret, "events": wanted},
            {"url": theirs.url, "secret_file": secret, "events": wanted, "format": "sendgrid"}])
        self.drop("two", 40, test={"holdout": "20%"})
        campaign = self.daemon.wait_state("two", "finished")
        results = self.daemon.results(campaign)
        of = {int(r["row"]): r["variant"] for r in results}
        sent = [r["email"] for r in results if r["state"] == "delivered"]
        mail = self.read_mail()
        for address in sent[:6]:
            self.click(mail[address][1])
        self.wait_for(lambda: sum(e["type"] == "click" for e in ours.events()) == 6 and
                      sum(e["event"] == "click" for e in theirs.events()) == 6)
        kinds = collections.Counter(e["type"] for e in ours.events())
        self.assertEqual(kinds["sending"], len(sent))
        self.assertEqual(kinds["delivered"], len(sent))
        for event in ours.events() + theirs.events() + self.daemon.events():
            if "row" in event:
                self.assertEqual(event.get("variant", ""), of[event["row"]], event)
        self.assertLess({"plain", "loud"}, set(of.values()) | {""})

    def test_events_of_a_campaign_without_variants_name_none(self):
        self.begin()
        self.send("one", rows=3)
        self.assertFalse([e for e in self.daemon.events() if "variant" in e])


class Starts(VariantsCase):
    def at(self, seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now + seconds))

    def begin_at(self, *seconds, kill=False, **manifest):
        """Variants plain and loud, each so many seconds from now."""
        self.begin(maildir=True)
        self.now = int(time.time())
        variants = {"plain": dict(TWO["plain"], start=self.at(seconds[0])),
                    "loud": dict(TWO["loud"], start=self.at(seconds[1]))}
        self.drop("times", 60, variants=variants, seeds=["me@acme.example"], **manifest)
        self.daemon.wait_state("times", "scheduled")

    def first_by(self, results):
        of = collections.defaultdict(list)
        for row in results:
            if row["state"] == "delivered":
                of[row["variant"]].append(row["first_attempt"])
        return of

    def test_each_variant_goes_at_its_own_time_also_after_a_kill(self):
        self.begin_at(3, 8)
        self.assertEqual(self.daemon.campaign("times")["start"][:19] + "Z", self.at(3))
        self.wait_for(lambda: self.sink.totals()["messages"] > 10)
        self.daemon.kill()
        self.daemon.start()
        campaign = self.daemon.wait_state("times", "finished", timeout=40)
        of = self.first_by(self.daemon.results(campaign))
        self.assertEqual(len(of["plain"]) + len(of["loud"]), 60)
        self.assertGreaterEqual(min(of["plain"])[:19] + "Z", self.at(3))
        self.assertLess(max(of["plain"])[:19] + "Z", self.at(8))
        self.assertGreaterEqual(min(of["loud"])[:19] + "Z", self.at(8))
        self.assertEqual(campaign["seeds"]["delivered"], 2)

    def test_a_test_waits_from_the_latest_start_on(self):
        self.begin_at(3, 6, test={"share": "50%", "wait": "3s", "fallback": "loud"})
        self.wait_for(lambda: self.sink.totals()["messages"] > 4)
        self.assertIsNone(self.daemon.campaign("times")["decision"])
        campaign = self.daemon.wait_state("times", "finished", timeout=40)
        with open(os.path.join(campaign["folder"], "report.json"), encoding="utf-8") as f:
            decision = json.load(f)["decision"]
        self.assertEqual(decision["variant"], "loud")
        self.daemon.kill()
        self.daemon.start()  # it is known from done/ only, now
        self.assertEqual(self.daemon.campaign("times")["decision"], decision)
        self.assertGreaterEqual(decision["decided"][:19] + "Z", self.at(9))
        results = self.daemon.results(campaign)
        self.assertEqual(sum(r["state"] == "delivered" for r in results), 60)
        rest = [r["first_attempt"] for r in results if r["first_attempt"][:19] + "Z" >= self.at(9)]
        self.assertTrue(rest)
        self.assertEqual({r["variant"] for r in results if r["first_attempt"] in rest}, {"loud"})
        tested = [r for r in results if r["first_attempt"] not in rest]
        self.assertEqual({r["variant"] for r in tested}, {"plain", "loud"})
        self.assertLess(len(tested), 50)


class Test(VariantsCase):
    def start_test(self, name="spring", rows=3000, wait="8s", **test):
        self.begin(maildir=True, retry={"first": "1s"})
        self.drop(name, rows, test=dict({"share": "40%", "wait": wait}, **test))
        self.wait_delivered(name, 1)
        last = -1
        while last != self.daemon.campaign(name)["counts"]["delivered"]:
            last = self.daemon.campaign(name)["counts"]["delivered"]
            time.sleep(0.5)
        self.tested = last
        if test.get("method") != "bandit":  # which gives out more with each look
            self.assertLess(abs(last - rows * 0.4), 4 * (rows * 0.24) ** 0.5)
        return self.read_mail()

    def click_as(self, mail, rates):
        """Of each subject the first so many of a hundred, in the order of addresses."""
        seen = collections.Counter()
        for address in sorted(mail):
            subject, link = mail[address]
            seen[subject] += 1
            if seen[subject] % 100 < rates.get(subject, 0):
                self.click(link)

    def verdict(self, name="spring"):
        return self.daemon.campaign(name).get("decision")

    def test_the_rest_gets_the_variant_that_is_clicked_more(self):
        mail = self.start_test(wait="2m")
        self.click_as(mail, {"LOUD": 40})
        # A difference so large ends the test long before the wait.
        self.daemon.wait_state("spring", "finished", timeout=60)
        self.assertEqual(self.verdict()["variant"], "loud")
        self.assertIn("better", self.verdict()["verdict"])
        everybody = self.read_mail()
        self.assertEqual(len(everybody), 3000)
        rest = set(everybody) - set(mail)
        self.assertEqual({everybody[a][0] for a in rest}, {"LOUD"})
        self.assertEqual({r["variant"] for r in self.results("spring") if r["email"] in rest},
                         {"loud"})

    def test_without_a_difference_the_rest_gets_the_fallback(self):
        mail = self.start_test(wait="6s", fallback="loud")
        self.click_as(mail, {"LOUD": 5, "Hello": 5})
        self.daemon.wait_state("spring", "finished", timeout=60)
        self.assertEqual(self.verdict()["variant"], "loud")
        self.assertIn("no difference", self.verdict()["verdict"])
        rest = {a: m for a, m in self.read_mail().items() if a not in mail}
        self.assertEqual({m[0] for m in rest.values()}, {"LOUD"})

    def test_a_decision_outlives_kills_and_nobody_gets_two(self):
        mail = self.start_test(wait="5s", fallback="loud")
        for _ in range(12):
            self.daemon.kill()
            self.daemon.start()
            if self.verdict():
                break
            time.sleep(1)
        for _ in range(3):
            self.daemon.kill()
            self.daemon.start()
        self.daemon.wait_state("spring", "finished", timeout=60)
        doubted = {r["email"] for r in self.results("spring") if r["doubted"] == "1"}
        everybody = {}
        for to, subject, _ in self.letters():
            self.assertTrue(to not in everybody or to in doubted, to)
            self.assertIn(everybody.get(to, subject), (subject,), "another variant")
            everybody[to] = subject
        self.assertEqual(len(everybody), 3000)
        self.assertEqual({s for a, s in everybody.items() if a not in mail}, {"LOUD"})

    def test_a_bandit_gives_more_to_what_does_better_and_ends(self):
        mail = self.start_test(wait="25s", method="bandit", floor="10%")
        self.click_as(mail, {"LOUD": 30, "Hello": 2})
        self.daemon.wait_state("spring", "finished", timeout=120)
        everybody = self.read_mail()
        self.assertEqual(len(everybody), 3000)
        rest = collections.Counter(m[0] for a, m in everybody.items() if a not in mail)
        self.assertGreater(rest["LOUD"], 4 * rest["Hello"])


class Alone(VariantsCase):
    def test_a_paused_variant_waits_and_a_cancelled_one_is_not_sent(self):
        self.begin(maildir=True)
        self.drop("part", 2000, rate="300/s")
        campaign = self.wait_for(lambda: self.daemon.campaign("part"))
        self.wait_delivered("part", 100)
        self.daemon.cli("pause", campaign["id"], "--variant", "loud")
        refused = self.daemon.cli("pause", campaign["id"], "--variant", "no", check=False)
        self.assertIn("no such variant", refused.stderr)
        self.daemon.kill()
        self.daemon.start()  # it is paused still
        plain = self.wait_for(lambda: self.count_if_quiet("part"), 60)
        subjects = collections.Counter(s for s, _ in self.read_mail(copies=True).values())
        self.assertGreater(subjects["Hello"], 4 * subjects["LOUD"], plain)
        self.assertNotEqual(self.daemon.campaign("part")["state"], "finished")
        self.daemon.cli("cancel", campaign["id"], "--variant", "loud")
        counts = self.daemon.wait_state("part", "finished", timeout=60)["counts"]
        self.assertEqual(counts["delivered"] + counts["cancelled"] + counts["in_doubt"], 2000)
        self.assertGreater(counts["cancelled"], 500)
        for row in self.results("part"):
            if row["state"] == "cancelled":
                self.assertEqual(row["reply"], "its variant was cancelled")

    def count_if_quiet(self, name):
        before = self.daemon.campaign(name)["counts"]["delivered"]
        time.sleep(1.5)
        return before if self.daemon.campaign(name)["counts"]["delivered"] == before else 0


if __name__ == "__main__":
    unittest.main()
