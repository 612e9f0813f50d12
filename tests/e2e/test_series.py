"""Series: campaigns with a trigger, which write to people when something happens to them, each once,
whatever happens to the daemon."""
import collections
import contextlib
import datetime
import email
import email.policy
import json
import mmap
import os
import sqlite3
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import accounted
import postrider_test as pt


class SeriesCase(accounted.TestCase):
    def setUp(self):
        super().setUp()
        path = os.path.join(self.folder, "clock_offset")
        with open(path, "wb") as f:
            f.write(bytes(16))
        self.offset = mmap.mmap(self.enter(open(path, "r+b")).fileno(), 16)
        self.env = dict(accounted.shim(self.folder, "clock"), CLOCK_OFFSET=path)

    def set_clock(self, text):
        """The daemon's wall clock, in UTC."""
        moment = datetime.datetime.fromisoformat(text + "+00:00").timestamp()
        self.offset[:8] = struct.pack("<q", int((moment - time.time()) * 1000))

    def start(self, now, rules=(), **config):
        self.set_clock(now)
        self.sink = self.enter(pt.Sink(self.folder, rules=rules, maildir=True))
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink, env=self.env,
                                           config=config))
        return self.daemon

    def put(self, rows, command="contacts"):
        path = os.path.join(self.folder, "put.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(rows) + "\n")
        return self.daemon.cli(command, "import", path)

    def happen(self, *events):
        """Of (address, name, time in UTC)."""
        self.put(["email,event,at"] + ["%s,%s,%sZ" % e for e in events], "track")

    def write(self, name, where=None, **manifest):
        folder = os.path.join(where or self.folder, name)
        os.makedirs(folder)
        keys = {"name": name, "from": "Acme <news@mail.acme.example>", "subject": "Hello",
                "text": "body.txt", **manifest}
        with open(os.path.join(folder, "campaign.yaml"), "w", encoding="utf-8") as f:
            json.dump(keys, f)
        with open(os.path.join(folder, "body.txt"), "w", encoding="utf-8") as f:
            f.write("Hello {{ first_name }}.\n")
        return folder

    def run_on(self, name, **manifest):
        """Drops it, and waits until it looks for people."""
        self.daemon.drop(self.write(name, **manifest))
        self.daemon.wait_state(name, "sending")
        time.sleep(1.5)
        return self.daemon.campaign(name)

    def got(self):
        """(address, subject) of what the sink has taken, and how often."""
        got = collections.Counter()
        for record, octets in zip(self.sink.messages(), self.sink.mails()):
            subject = email.message_from_bytes(octets, policy=email.policy.default)["subject"]
            got[record["to"][0].split("@")[0], subject] += 1
        return got

    def wait_got(self, *expected):
        expected = collections.Counter(expected)
        end = time.monotonic() + 20
        while self.got() != expected and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(self.got(), expected)
        pt.wait_until(self.is_folded, "the ledgers")

    def is_folded(self):
        """All that the sink has taken is in the ledgers: a clock that is put forward before lets
        the next step wait for the outcome of the last, for a while of that clock."""
        if any(c["counts"]["sending"] for c in self.daemon.campaigns()):
            return False
        return "\npostrider_fold_lag_records 0\n" in self.daemon.get("/metrics")

    def assert_still(self, *expected):
        time.sleep(2.5)  # a look each second, as far as the clock has moved
        self.assertEqual(self.got(), collections.Counter(expected))


class DateTest(SeriesCase):
    def test_a_birthday_is_met_at_its_hour_there_each_year_once(self):
        self.start("2027-03-01T00:00:00")
        self.put(["email,first_name,birthday,timezone",
                  "tokyo@a.example,T,1990-03-02,Asia/Tokyo",
                  "lisbon@a.example,L,1985-03-02,Europe/Lisbon",
                  "other@a.example,O,1985-07-02,Europe/Lisbon",
                  "leap@a.example,P,1988-02-29,Europe/Lisbon"])
        self.run_on("birthday", trigger={"date": "birthday", "hour": "09:00"},
                    schedule={"timezone": "recipient", "fallback_timezone": "UTC"})
        self.set_clock("2027-03-01T23:59:00")
        self.assert_still()
        self.set_clock("2027-03-02T00:00:10")  # nine in Tokyo
        self.wait_got(("tokyo", "Hello"))
        self.daemon.kill()
        self.daemon.start()
        self.set_clock("2027-03-02T08:59:00")
        self.assert_still(("tokyo", "Hello"))
        self.set_clock("2027-03-02T09:01:00")
        self.wait_got(("tokyo", "Hello"), ("lisbon", "Hello"))
        self.set_clock("2028-02-28T12:00:00")
        self.assert_still(("tokyo", "Hello"), ("lisbon", "Hello"))
        self.set_clock("2028-02-29T12:00:00")
        self.wait_got(("tokyo", "Hello"), ("lisbon", "Hello"), ("leap", "Hello"))
        self.set_clock("2028-03-02T12:00:00")
        self.wait_got(("tokyo", "Hello"), ("tokyo", "Hello"), ("lisbon", "Hello"),
                      ("lisbon", "Hello"), ("leap", "Hello"))

    def test_days_before_a_day_that_comes_once_and_not_too_late(self):
        self.start("2027-03-01T06:00:00")
        self.put(["email,first_name,contract_end", "a@a.example,A,2027-03-10",
                  "b@a.example,B,2026-03-10", "late@a.example,L,2027-03-05"])
        self.run_on("ends", trigger={"date": "contract_end", "before": "7d", "once": True,
                                     "hour": "10:00", "late": "12h"})
        self.set_clock("2027-03-03T10:00:30")
        self.wait_got(("a", "Hello"))
        self.set_clock("2028-03-03T12:00:00")
        self.assert_still(("a", "Hello"))  # and late, of 26 February, was before it began


STEPS = {"hello": {"subject": "Welcome"}, "tips": {"subject": "Tips", "after": "2d"},
         "offer": {"subject": "Offer", "after": "3d"}}


class StepsTest(SeriesCase):
    def series(self):
        return self.daemon.campaign("welcome")["series"]

    def people(self, *names, **more):
        self.put(["email,first_name,lists"] + ["%s@a.example,%s,%s" % (
            n, n.title(), more.get(n, "news")) for n in names])

    def begin(self, **manifest):
        self.start("2027-03-01T08:00:00")
        self.people("old", "ann", "bob", "cid", "dan", "eve", "fay", eve="other")
        self.happen(("old@a.example", "signup", "2027-03-01T07:00:00"))
        self.run_on("welcome", **dict({
            "trigger": {"event": "signup", "after": "1h",
                        "exit": {"event": "order", "when": "in_list('vip')"}},
            "audience": {"list": "news"}, "list": "news", "steps": STEPS}, **manifest))

    def test_steps_come_at_their_time_and_end_when_somebody_buys_leaves_or_bounces(self):
        self.begin()
        names = ("ann", "bob", "cid", "dan", "eve", "fay")
        self.happen(*[(n + "@a.example", "signup", "2027-03-01T08:05:00") for n in names])
        self.happen(("ann@a.example", "signup", "2027-03-01T08:05:00"))  # told twice
        self.assert_still()
        self.set_clock("2027-03-01T09:06:00")
        first = [(n, "Welcome") for n in names if n != "eve"]
        self.wait_got(*first)
        self.assertEqual(self.series()["under_way"], 5)
        self.happen(("bob@a.example", "order", "2027-03-01T10:00:00"))
        self.daemon.cli("suppress", "add", "cid@a.example")
        self.put(["email,lists", 'dan@a.example,"news,vip"'])
        self.daemon.cli("contacts", "delete", "fay@a.example")
        self.set_clock("2027-03-03T09:00:00")
        self.assert_still(*first)
        self.daemon.kill()
        self.daemon.start()
        self.set_clock("2027-03-03T09:07:00")
        self.wait_got(*first, ("ann", "Tips"))
        self.set_clock("2027-03-06T09:08:00")
        self.wait_got(*first, ("ann", "Tips"), ("ann", "Offer"))
        pt.wait_until(lambda: self.series()["under_way"] == 0, "the end of all")
        series = self.series()
        self.assertEqual({k: v for k, v in series.items() if v},
                         {"entered": 5, "through": 1, "did": 1, "left": 1, "gone": 1,
                          "suppressed": 1})
        counts = self.daemon.campaign("welcome")["counts"]
        self.assertEqual((counts["total"], counts["delivered"], counts["suppressed"]), (8, 7, 1))

    def test_it_ends_with_its_deadline_and_tells_what_it_did(self):
        self.begin(schedule={"deadline": "2027-03-02T12:00"}, steps={
            "hello": {"subject": "Welcome"}, "tips": {"subject": "Tips", "after": "2d"}})
        self.happen(("ann@a.example", "signup", "2027-03-01T08:05:00"))
        self.set_clock("2027-03-01T09:06:00")
        self.wait_got(("ann", "Welcome"))
        self.set_clock("2027-03-02T12:00:05")
        campaign = self.daemon.wait_state("welcome", "finished")
        self.assertEqual(campaign["counts"]["total"], 1)
        with open(os.path.join(campaign["dir"] if "dir" in campaign else os.path.join(
                self.daemon.spool, "done", campaign["id"]), "report.json"), encoding="utf-8") as f:
            report = json.load(f)
        series = report["campaign"]["series"]
        self.assertEqual((series["entered"], series["cancelled"], series["under_way"]), (1, 1, 0))
        self.assertEqual([(v["name"], v["delivered"]) for v in report["steps"]],
                         [("hello", 1), ("tips", 0)])

    def test_paused_nobody_gets_anything_and_cancelled_it_ends(self):
        self.begin()
        campaign = self.daemon.campaign("welcome")
        self.daemon.post("/v1/campaigns/%s/pause" % campaign["id"])
        self.happen(("ann@a.example", "signup", "2027-03-01T08:05:00"))
        self.set_clock("2027-03-01T10:00:00")
        self.assert_still()
        self.daemon.post("/v1/campaigns/%s/resume" % campaign["id"])
        self.wait_got(("ann", "Welcome"))
        self.daemon.post("/v1/campaigns/%s/cancel" % campaign["id"])
        self.daemon.wait_state("welcome", "cancelled")
        self.set_clock("2027-03-04T10:00:00")
        self.assert_still(("ann", "Welcome"))

    def replace(self, n, **manifest):
        keys = {"trigger": {"event": "signup", "after": "1h"}, "audience": {"list": "news"},
                "list": "news", **manifest}
        where = os.path.join(self.folder, "v%d" % n)
        os.makedirs(where)
        return self.daemon.cli("replace", self.daemon.campaign("welcome")["id"],
                               self.write("welcome", where=where, **keys), check=False)

    def test_it_is_changed_while_people_are_under_way(self):
        self.begin(trigger={"event": "signup", "after": "1h"}, steps={
            "hello": {"subject": "Welcome"}, "tips": {"subject": "Tips", "after": "2d"}})
        self.happen(("ann@a.example", "signup", "2027-03-01T08:05:00"))
        self.set_clock("2027-03-01T09:06:00")
        self.wait_got(("ann", "Welcome"))
        wrong = self.replace(2, steps={"tips": {"subject": "Tips"}, "hello": {"subject": "W"}})
        self.assertIn("number 1 was hello", wrong.stdout + wrong.stderr)
        wrong = self.replace(3, trigger={"event": "order"}, steps={
            "hello": {"subject": "Welcome"}, "tips": {"subject": "Tips", "after": "2d"}})
        self.assertIn("triggered by", wrong.stdout + wrong.stderr)
        good = self.replace(4, audience={"list": ["news", "other"]}, steps={
            "hello": {"subject": "Hi"}, "tips": {"subject": "Tips", "skip": True},
            "more": {"subject": "More", "after": "1d"}})
        self.assertEqual(good.returncode, 0, good.stdout + good.stderr)
        self.happen(("bob@a.example", "signup", "2027-03-01T09:10:00"),
                    ("eve@a.example", "signup", "2027-03-01T09:10:00"))
        self.daemon.kill()
        self.daemon.start()
        self.set_clock("2027-03-01T10:11:00")
        hi = [("ann", "Welcome"), ("bob", "Hi"), ("eve", "Hi")]
        self.wait_got(*hi)
        self.set_clock("2027-03-02T10:12:00")  # a day behind Hi
        more = hi + [("bob", "More"), ("eve", "More")]
        self.wait_got(*more)
        self.set_clock("2027-03-03T09:07:00")  # ann was at tips already: two days
        self.wait_got(*more, ("ann", "Tips"))


class CouponTest(SeriesCase):
    STEPS = {"hello": {"subject": "Welcome"}, "again": {"subject": "Again", "after": "1d"}}

    def write(self, name, where=None, codes=(), **manifest):
        folder = super().write(name, where, **manifest)
        with open(os.path.join(folder, "codes.csv"), "w", encoding="utf-8") as f:
            f.write("\n".join(codes) + "\n")
        with open(os.path.join(folder, "body.txt"), "w", encoding="utf-8") as f:
            f.write("Your code: {{ coupon }}.\n")
        return folder

    def codes(self):
        got = {}
        for record, octets in zip(self.sink.messages(), self.sink.mails()):
            mail = email.message_from_bytes(octets, policy=email.policy.default)
            code = mail.get_content().split(":")[1].strip(" .\r\n")
            got[record["to"][0].split("@")[0], mail["subject"]] = code
        return got

    def sign_up(self, *names):
        self.happen(*[(n + "@a.example", "signup", "2027-03-01T08:00:00") for n in names])

    def wait_codes(self, n):
        pt.wait_until(lambda: len(self.codes()) == n, "%d messages" % n, timeout=20)

    def replace(self, n, codes):
        where = os.path.join(self.folder, "v%d" % n)
        os.makedirs(where)
        folder = self.write("gift", where, codes, trigger={"event": "signup"}, steps=self.STEPS,
                            coupons="codes.csv")
        return self.daemon.cli("replace", self.daemon.campaign("gift")["id"], folder, check=False)

    def test_each_gets_one_code_for_all_their_messages_and_waits_when_there_is_none(self):
        names = ["p%d" % n for n in range(5)]
        self.start("2027-03-01T08:00:00")
        self.put(["email,first_name"] + [n + "@a.example,P" for n in names])
        self.run_on("gift", codes=["A1", "B2", "C3"], trigger={"event": "signup"},
                    steps=self.STEPS, coupons="codes.csv")
        self.sign_up("p0", "p1")
        self.wait_codes(2)
        self.daemon.kill()
        self.daemon.start()
        self.sign_up("p2", "p3", "p4")
        self.wait_codes(3)
        pt.wait_until(lambda: "used up" in (self.daemon.campaign("gift")["last_error"] or ""),
                      "the error")
        first = {name: code for (name, _), code in self.codes().items()}
        self.assertEqual(sorted(first.values()), ["A1", "B2", "C3"])
        self.assertEqual(self.daemon.campaign("gift")["series"]["coupons"], 3)
        wrong = self.replace(2, ["A1", "C3", "B2", "D4", "E5"])
        self.assertIn("code 2 is another one, and 3 are given away", wrong.stdout + wrong.stderr)
        good = self.replace(3, ["A1", "B2", "C3", "D4", "E5"])
        self.assertEqual(good.returncode, 0, good.stdout + good.stderr)
        self.set_clock("2027-03-01T08:01:00")
        self.wait_codes(5)
        first = {name: code for (name, _), code in self.codes().items()}
        self.assertEqual(sorted(first.values()), ["A1", "B2", "C3", "D4", "E5"])
        self.set_clock("2027-03-02T08:05:00")
        self.wait_codes(10)
        self.assertEqual({n: c for (n, s), c in self.codes().items() if s == "Again"}, first)
        self.assertIsNone(self.daemon.campaign("gift")["last_error"])


class LastingTest(SeriesCase):
    def test_who_does_not_order_for_sixty_days_is_written_to_once_until_the_next_order(self):
        self.start("2027-03-01T12:00:00")
        self.put(["email,first_name"] + ["%s@a.example,X" % n for n in ("new", "soon", "lost")])
        self.happen(("new@a.example", "order", "2027-02-27T10:00:00"),
                    ("soon@a.example", "order", "2027-01-02T10:00:00"),
                    ("lost@a.example", "order", "2026-01-01T10:00:00"))
        self.run_on("back", trigger={"absence": "order", "after": "60d"})
        self.assert_still()
        self.set_clock("2027-03-04T12:00:00")
        self.wait_got(("soon", "Hello"))
        self.happen(("soon@a.example", "order", "2027-03-04T13:00:00"))
        self.set_clock("2027-04-28T12:00:00")
        self.wait_got(("soon", "Hello"), ("new", "Hello"))
        self.set_clock("2027-05-03T14:00:00")
        self.wait_got(("soon", "Hello"), ("soon", "Hello"), ("new", "Hello"))

    def test_those_who_are_absent_already_are_written_to_where_it_says_so(self):
        self.start("2027-03-01T12:00:00")
        self.put(["email,first_name", "never@a.example,N"])
        self.happen(*[("l%d@a.example" % n, "visit", "2025-01-01T10:00:00") for n in range(1200)])
        self.run_on("all", trigger={"absence": "visit", "after": "60d", "existing": True})
        pt.wait_until(lambda: len(self.got()) == 1200, "all of them")
        self.set_clock("2027-03-03T12:00:00")
        time.sleep(2.5)
        self.assertEqual(set(self.got().values()), {1})

    def test_whoever_comes_into_a_segment_enters_and_leaves_with_it(self):
        self.start("2027-03-01T12:00:00")
        self.put(["email,first_name,points", "in@a.example,I,200", "out@a.example,O,50",
                  "more@a.example,M,60"])
        self.run_on("rich", trigger={"segment": "points > 100"}, steps={
            "one": {"subject": "One"}, "two": {"subject": "Two", "after": "1d"}})
        self.assert_still()
        self.put(["email,points", "out@a.example,150", "more@a.example,160"])
        self.set_clock("2027-03-01T12:02:00")
        self.wait_got(("out", "One"), ("more", "One"))
        self.put(["email,points", "out@a.example,10"])
        self.set_clock("2027-03-02T12:04:00")
        self.wait_got(("out", "One"), ("more", "One"), ("more", "Two"))
        self.put(["email,points", "out@a.example,300"])  # too soon
        self.set_clock("2027-03-05T12:00:00")
        self.assert_still(("out", "One"), ("more", "One"), ("more", "Two"))
        self.put(["email,points", "out@a.example,1"])
        self.set_clock("2027-04-05T12:00:00")
        time.sleep(2)
        self.put(["email,points", "out@a.example,400"])
        self.set_clock("2027-04-05T12:03:00")
        self.wait_got(("out", "One"), ("out", "One"), ("more", "One"), ("more", "Two"))


class KillTest(SeriesCase):
    def test_killed_again_and_again_each_gets_each_step_once(self):
        n = 1500
        self.start("2027-03-01T12:00:00")
        self.put(["email,first_name"] + ["p%d@a.example,P" % k for k in range(n)])
        self.run_on("often", trigger={"event": "signup"}, steps={
            "a": {"subject": "A"}, "b": {"subject": "B", "after": "1h"}}, in_doubt="hold")
        self.happen(*[("p%d@a.example" % k, "signup", "2027-03-01T12:00:00") for k in range(n)])
        for pause in (0.0, 0.3, 0.1, 0.6, 0.2, 0.4, 0.8):
            time.sleep(pause)
            self.daemon.kill()
            self.daemon.start()
        pt.wait_until(lambda: self.daemon.campaign("often")["counts"]["total"] == n, "step a")
        self.wait_settled()
        self.set_clock("2027-03-01T13:30:00")
        for pause in (0.5, 1.2, 0.1, 1.6, 0.9):
            time.sleep(pause)
            self.daemon.kill()
            self.daemon.start()
        campaign = self.wait_settled(2 * n)
        doubted = campaign["in_doubt_ever"]
        got = self.got()
        self.assertEqual([k for k, v in got.items() if v > 1], [])
        for k in range(n):
            self.assertLessEqual(got["p%d" % k, "A"], 1)
        self.assertGreaterEqual(sum(got.values()), campaign["counts"]["delivered"])
        self.assertLessEqual(2 * n - sum(got.values()), 2 * doubted)

    def wait_settled(self, total=0):
        def settled():
            campaign = self.daemon.campaign("often")
            left = sum(campaign["counts"][s] for s in ("pending", "sending", "deferred"))
            under_way = campaign["series"]["under_way"]
            done = not left and campaign["counts"]["total"] >= min(
                total, total - campaign["counts"]["in_doubt"])
            return campaign if done and (not total or under_way <=
                                         campaign["counts"]["in_doubt"]) else None
        return pt.wait_until(settled, "all rows", timeout=40)


class ForgottenTest(SeriesCase):
    def traces(self, *addresses):
        """Files under spool and state that hold one of them, in any letter case."""
        found = []
        for root in (self.daemon.spool, self.daemon.state):
            for folder, _, names in os.walk(root):
                for path in (os.path.join(folder, name) for name in names):
                    try:
                        with open(path, "rb") as f:
                            octets = f.read().lower()
                    except FileNotFoundError:
                        continue
                    found += [path for a in addresses if a.lower().encode() in octets]
        return found

    def entries(self):
        """(person, contact, due, outcome) of all who ever entered, by their first step's time."""
        ledger = os.path.join(self.daemon.spool, "active",
                              self.daemon.campaign("welcome")["id"], "ledger.db")
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % ledger, uri=True)) as db:
            return db.execute("SELECT person, contact, due_ms, outcome FROM series"
                              " ORDER BY occurrence").fetchall()

    def series(self):
        series = self.daemon.campaign("welcome")["series"]
        return {k: v for k, v in series.items() if v}

    def test_who_is_forgotten_gets_nothing_more_and_is_nobody(self):
        self.start("2027-03-01T08:00:00")
        self.put(["email,first_name"] + ["%s@a.example,X" % n for n in ("ann", "bob", "Eve")])
        self.run_on("welcome", trigger={"event": "signup", "after": "1h"}, steps={
            "hello": {"subject": "Welcome"}, "tips": {"subject": "Tips", "after": "2d"}})
        self.happen(("ann@a.example", "signup", "2027-03-01T08:05:00"),
                    ("bob@a.example", "signup", "2027-03-01T08:06:00"))
        self.set_clock("2027-03-01T09:07:00")
        welcome = [("ann", "Welcome"), ("bob", "Welcome")]
        self.wait_got(*welcome)
        self.happen(("eve@a.example", "signup", "2027-03-01T09:05:00"))  # has no row yet
        pt.wait_until(lambda: self.series() == {"entered": 3, "under_way": 3}, "all to enter")
        before = self.entries()
        self.assertEqual(len(before), 3)
        for address in ("Ann@A.example", "eve@a.example"):
            answer = json.loads(self.daemon.cli("forget", address).stdout)
            self.assertEqual(answer["left"], [])
        self.assertEqual(self.traces("ann@a.example", "eve@a.example"), [])
        (ann, bob, eve) = self.entries()
        self.assertEqual(bob, before[1])
        for was, entry in ((before[0], ann), (before[2], eve)):
            self.assertNotEqual(entry[0], was[0])
            self.assertEqual(entry[1:], (0, None, 6))
        pt.wait_until(lambda: self.series() == {"entered": 3, "under_way": 1, "gone": 2},
                      "the tally")
        self.happen(("ann@a.example", "signup", "2027-03-01T09:06:00"))  # does not come back
        self.set_clock("2027-03-01T10:10:00")
        self.assert_still(*welcome)
        self.set_clock("2027-03-03T09:09:00")
        self.wait_got(*welcome, ("bob", "Tips"))
        self.daemon.kill()
        self.daemon.start()
        self.assert_still(*welcome, ("bob", "Tips"))
        self.assertEqual(self.series(), {"entered": 3, "through": 1, "gone": 2})
        counts = self.daemon.campaign("welcome")["counts"]
        self.assertEqual((counts["total"], counts["delivered"]), (3, 3))
        self.assertEqual(self.traces("ann@a.example", "eve@a.example"), [])


    def test_who_is_forgotten_while_many_enter_is_left_out_of_all_of_it(self):
        n, gone = 3000, [17, 401, 999, 1500, 2222, 2999]
        self.start("2027-03-01T12:00:00")
        self.put(["email,first_name"] + ["p%d-@a.example,P" % k for k in range(n)])
        self.run_on("welcome", trigger={"event": "signup"}, steps={
            "a": {"subject": "A"}, "b": {"subject": "B", "after": "30d"}})
        self.happen(*[("p%d-@a.example" % k, "signup", "2027-03-01T12:00:00") for k in range(n)])
        for k in gone:
            self.daemon.cli("forget", "p%d-@a.example" % k)
            time.sleep(0.2)
        pt.wait_until(lambda: self.series().get("under_way") == n - len(gone), "all others")
        self.assertEqual(self.traces(*["p%d-@a.example" % k for k in gone]), [])
        entries = self.entries()
        self.assertEqual([e for e in entries if e[3] == 6 and e[1] != 0], [])
        self.assertEqual(len([e for e in entries if e[3] == 0]), n - len(gone))
        pt.wait_until(lambda: not any(self.daemon.campaign("welcome")["counts"][s] for s in
                                      ("pending", "sending")), "step a")
        self.assertEqual(self.traces(*["p%d-@a.example" % k for k in gone]), [])


class RefusedTest(SeriesCase):
    def check(self, **manifest):
        folder = self.write("r%d" % len(os.listdir(self.folder)), **manifest)
        answer = subprocess.run([pt.program("postrider"), "check", folder], capture_output=True,
                                text=True, timeout=30)
        return answer.stdout + answer.stderr

    def test_what_makes_no_sense_is_refused_with_what_to_do(self):
        cases = [
            ({"trigger": {"date": "birthday", "event": "signup"}}, "is one of date, event"),
            ({"trigger": {"hour": "09:00"}}, "trigger: of what?"),
            ({"trigger": {"absence": "order"}}, "absent for how long?"),
            ({"trigger": {"date": "Birth Day"}}, "cannot be the name of an attribute"),
            ({"trigger": {"event": "sign up!"}}, "no event can be called so"),
            ({"trigger": {"event": "signup", "before": "7d"}}, "trigger.before is for a date"),
            ({"trigger": {"date": "birthday", "after": "3h"}}, "before and after a date are days"),
            ({"trigger": {"event": "signup", "existing": True}}, "nothing else lasts"),
            ({"trigger": {"segment": "(points > 3"}}, "trigger.segment"),
            ({"trigger": {"event": "signup", "exit": {"when": "(points"}}}, "trigger.exit.when"),
            ({"steps": {"a": {"subject": "A"}}}, "what begins them?"),
            ({"trigger": {"event": "signup"}, "steps": {"a": {"skip": True}}}, "all are skipped"),
            ({"trigger": {"event": "signup"}, "steps": {"a b": {}}}, "cannot be a name"),
            ({"trigger": {"event": "signup"}, "variants": {"a": {}, "b": {"subject": "x"}}},
             "variants stand beside trigger"),
        ]
        for manifest, what in cases:
            with self.subTest(what):
                self.assertIn(what, self.check(**manifest))

    def test_an_attribute_that_is_not_there_is_told_and_waited_for(self):
        self.start("2027-03-02T12:00:00")
        self.put(["email,first_name", "a@a.example,A"])
        self.run_on("birthday", trigger={"date": "birthday"})
        pt.wait_until(lambda: "no attribute birthday" in
                      (self.daemon.campaign("birthday")["last_error"] or ""), "the error")
        self.put(["email,birthday", "a@a.example,1990-03-03"])
        self.set_clock("2027-03-03T09:01:00")
        self.wait_got(("a", "Hello"))
        self.assertIsNone(self.daemon.campaign("birthday")["last_error"])


if __name__ == "__main__":
    unittest.main()
