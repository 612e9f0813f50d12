"""Campaigns whose recipients are contacts, or an earlier campaign's rows: chosen at the start, once,
through the same import as a file."""
import collections
import contextlib
import glob
import json
import os
import sqlite3
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
sys.path.insert(0, os.path.dirname(__file__))
import postrider_test as pt  # noqa: E402
import tokens  # noqa: E402
from test_track import HUMAN, SECRET, free_port  # noqa: E402

SOON = 6  # seconds


def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class AudienceCase(pt.TestCase):
    def start(self, **config):
        self.sink = self.enter(pt.Sink(self.folder))
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink, config=config))

    def put(self, rows, command="contacts"):
        path = os.path.join(self.folder, "put.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(rows) + "\n")
        self.daemon.cli(command, "import", path)

    def put_people(self, n):
        self.put(["email,first_name,points,club,lists,language"] + [
            "p%d@shop.example,P%d,%d,%s,%s,de" % (k, k, k, "yes" if k % 2 else "no",
                                                  "news" if k % 4 else "other")
            for k in range(n)])

    def write(self, name, **manifest):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        keys = {"name": name, "from": "Acme <news@mail.acme.example>", "subject": "Hello",
                "text": "body.txt", **manifest}
        with open(os.path.join(folder, "campaign.yaml"), "w", encoding="utf-8") as f:
            json.dump({k: v for k, v in keys.items() if v is not None}, f)
        with open(os.path.join(folder, "body.txt"), "w", encoding="utf-8") as f:
            f.write("Hello {{ first_name }}, {{ points }} points.\n")
        return folder

    def send(self, name, **manifest):
        self.daemon.drop(self.write(name, **manifest))
        return self.daemon.wait_state(name, "finished")

    def sent(self, campaign):
        return sorted(int(r["email"][1:r["email"].index("@")])
                      for r in self.daemon.results(campaign) if r["state"] == "delivered")

    def refused(self, name, **manifest):
        self.daemon.drop(self.write(name, **manifest))
        path = os.path.join(self.daemon.spool, "rejected", name, "errors.txt")
        pt.wait_until(lambda: os.path.exists(path), "errors of " + name)
        with open(path, encoding="utf-8") as f:
            return f.read()


class ContactsTest(AudienceCase):
    def test_contacts_of_a_list_and_a_segment_are_written_to(self):
        self.start(segments={"rich": "points >= 100", "club": "club"})
        self.put_people(200)
        campaign = self.send("by-list", audience={
            "list": "news", "segment": "rich", "exclude": {"segment": "club AND points > 150"},
            "columns": ["stage", "engagement"]}, required=["first_name"])
        wanted = [n for n in range(100, 200) if n % 4 and not (n % 2 and n > 150)]
        self.assertEqual(self.sent(campaign), wanted)
        self.assertEqual(campaign["counts"]["total"], len(wanted))

    def test_they_are_chosen_at_the_start_and_not_before(self):
        self.start()
        self.put_people(40)
        self.daemon.drop(self.write("later", audience={"segment": "points < 20"},
                                    schedule={"start": utc(time.time() + SOON)}))
        waiting = self.daemon.wait_state("later", "scheduled")
        self.assertEqual(waiting["counts"]["total"], 0)
        self.assertIsNotNone(waiting)
        with self.assertRaises(pt.HTTPError):
            self.daemon.post("/v1/campaigns/%s/pause" % waiting["id"])
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(self.daemon.wait_state("later", "scheduled")["counts"]["total"], 0)
        self.put(["email,points", "p5@shop.example,50", "p39@shop.example,1", "new@b.example,2"])
        self.daemon.cli("suppress", "add", "p6@shop.example")
        campaign = self.daemon.wait_state("later", "finished", timeout=60)
        results = {r["email"]: r["state"] for r in self.daemon.results(campaign)}
        self.assertNotIn("p5@shop.example", results)
        self.assertEqual(results["p39@shop.example"], "delivered")
        self.assertEqual(results["new@b.example"], "delivered")
        self.assertEqual(results["p6@shop.example"], "suppressed")
        self.assertEqual(len(results), 21)

    def test_kills_while_contacts_are_chosen_lose_nobody_and_write_to_nobody_twice(self):
        self.start(retry={"first": "1s", "max": "2s"})
        people = 40000
        self.put(["email,first_name,points,lists"] + [
            "p%d@shop.example,P%d,%d,news" % (k, k, k) for k in range(people)])
        fell_into = 0
        self.daemon.drop(self.write("many", audience={"list": "news"}))
        for after in (0, 0.02, 0.05, 0.1):  # seconds from when its ledger is there
            ledger = pt.wait_until(self.ledger_begun, "the ledger")
            time.sleep(after)
            self.daemon.kill()
            fell_into += not self.is_imported(ledger)
            self.daemon.start()
        self.assertGreater(fell_into, 0, "no kill fell into the import: no test at all")
        campaign = self.daemon.wait_state("many", "finished", timeout=120)
        self.assertEqual((campaign["counts"]["total"], campaign["counts"]["delivered"]),
                         (people, people - campaign["needs_decision"]))
        copies = collections.Counter(m["to"][0] for m in self.sink.messages())
        doubted = {r["email"] for r in self.daemon.results(campaign) if r["doubted"] == "1"}
        self.assertEqual({a for a, n in copies.items() if n > 1} - doubted, set())
        self.assertEqual({"p%d@shop.example" % k for k in range(people)} - set(copies) - doubted,
                         set())

    def ledger_begun(self):
        """The ledger's path as soon as there is one; the folder is in done/ at last."""
        for top in ("active", "done"):
            found = glob.glob(os.path.join(self.daemon.spool, top, "*-many-*", "ledger.db"))
            if found:
                return found[0]
        return None

    def is_imported(self, ledger):
        with open(os.path.join(os.path.dirname(ledger), ".intake"), encoding="utf-8") as f:
            return "\nimported 1\n" in f.read()

    def test_one_that_waits_can_be_cancelled(self):
        self.start()
        self.put_people(4)
        self.daemon.drop(self.write("never", audience={"segment": "1"},
                                    schedule={"start": utc(time.time() + 3600)}))
        waiting = self.daemon.wait_state("never", "scheduled")
        self.daemon.post("/v1/campaigns/%s/cancel" % waiting["id"])
        with open(os.path.join(self.daemon.spool, "rejected", "never", "errors.txt"),
                  encoding="utf-8") as f:
            self.assertIn("before its start", f.read())
        self.assertEqual(self.daemon.campaigns(), [])

    def test_consent_to_a_purpose_is_asked_for(self):
        self.start()
        self.put(["email,consent_purpose,consent_until", "p1@shop.example,marketing,",
                  "p2@shop.example,marketing,2020-01-01T00:00:00Z", "p3@shop.example,,",
                  "p4@shop.example,receipts,"])
        campaign = self.send("asked", audience={"segment": "1", "consent": "marketing"})
        self.assertEqual(self.sent(campaign), [1])
        self.assertEqual(campaign["counts"]["skipped"], 3)
        why = {r["email"]: r["reply"] for r in self.daemon.results(campaign)}
        self.assertEqual(why["p2@shop.example"], "consent_expires has passed")
        self.assertIn("has not consented", why["p3@shop.example"])

    def test_what_is_wrong_is_said_by_name(self):
        self.start()
        self.put_people(4)
        for name, manifest, why in (
                ("both", {"audience": {"list": "news"}, "recipients": "recipients.csv"},
                 "recipients stand beside audience"),
                ("whom", {"audience": {"order": "email", "columns": ["stage"]}}, "of whom?"),
                ("list", {"audience": {"list": "nobody"}}, "there is no list \"nobody\""),
                ("cond", {"audience": {"segment": "point > 3"}}, "did you mean points?"),
                ("sql", {"audience": {"segment": "1; DELETE FROM contacts"}}, "at 2"),
                ("derived", {"audience": {"segment": "1", "columns": ["rank"]}}, "\"rank\""),
                ("none", {"audience": {"segment": "points > 1000"}}, "nobody is in it"),
                ("gone", {"recipients": {"campaign": "20260101-x-abcd"}}, "there is no campaign"),
                ("where", {"recipients": {"where": "opened"}}, "of which campaign?")):
            self.assertIn(why, self.refused(name, **manifest), name)

    def test_check_tells_how_many_it_would_be(self):
        self.start()
        self.put_people(40)
        told = json.loads(self.daemon.cli("check", self.write(
            "look", audience={"list": "news"})).stdout)
        self.assertEqual((told["ok"], told["rows"], told["good"]), (True, 30, 30))


class EarlierTest(AudienceCase):
    def start_tracking(self):
        self.port = free_port()
        path = os.path.join(self.folder, "token.key")
        with open(path, "w", encoding="utf-8") as f:
            f.write(SECRET + "\n")
        os.chmod(path, 0o600)
        self.keys = tokens.Keys(SECRET)
        self.start(secrets=[{"id": "a", "file": path}],
                   track={"listen": "127.0.0.1:%d" % self.port, "rate": "100000/s",
                          "proxies": ["127.0.0.1"],  # or one visitor opens for all: a machine
                          "url": "https://t.acme.example"})

    def open_mail(self, campaign, row, address, **headers):
        serial = tokens.serial_of(self.daemon, campaign["id"])
        token = self.keys.token(tokens.OPEN, serial, row, address)
        request = urllib.request.Request("http://127.0.0.1:%d/o/%s.gif" % (self.port, token),
                                         headers={**HUMAN, "X-Forwarded-For": "10.0.0.%d" % row,
                                                  **headers})
        with urllib.request.urlopen(request, timeout=pt.TIMEOUT) as answer:
            self.assertEqual(answer.status, 200)

    def test_whoever_was_sent_one_lately_is_left_out(self):
        self.start()
        self.put_people(20)
        first = self.send("first", audience={"segment": "points < 8"})
        self.assertEqual(len(self.sent(first)), 8)
        for name, exclude in (("by-id", {"campaigns": [first["id"]]}),
                              ("by-name", {"campaigns": "first"}),
                              ("by-time", {"within": "1d", "campaigns": "*-first-*"})):
            second = self.send(name, audience={"segment": "points < 12", "exclude": exclude})
            self.assertEqual(self.sent(second), [8, 9, 10, 11], name)
            self.assertEqual(second["counts"]["skipped"], 8)
        more = self.send("not-lately", audience={"segment": "points < 12", "exclude": {
            "campaigns": "nothing-like-it"}})
        self.assertEqual(len(self.sent(more)), 12)

    def test_whoever_was_left_out_is_no_bad_row_after_a_restart(self):
        """Killed between its import and its first record: made so by taking that record out of
        what was folded."""
        self.start()
        self.put_people(60)
        first = self.send("first", audience={"segment": "points < 40"})
        self.daemon.drop(self.write("second", hold=True, audience={"segment": "1"},
                                    exclude={"campaigns": [first["id"]]}))
        held = self.daemon.wait_state("second", "held")
        self.assertEqual((held["reason"], held["counts"]["skipped"]), ("approval", 40))
        self.daemon.terminate()
        self.forget_first_record(held["id"])
        self.daemon.start()
        held = self.daemon.wait_state("second", "held")
        self.assertEqual(held["reason"], "approval")
        self.daemon.post("/v1/campaigns/%s/approve" % held["id"])
        second = self.daemon.wait_state("second", "finished")
        self.assertEqual(self.sent(second), list(range(40, 60)))

    def forget_first_record(self, campaign_id):
        ledger = os.path.join(self.daemon.spool, "active", campaign_id, "ledger.db")
        with contextlib.closing(sqlite3.connect(ledger)) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM meta WHERE key = 'state'").fetchone(),
                             (1,))
            db.execute("DELETE FROM meta WHERE key IN ('state', 'reason')")
            folded = db.execute("SELECT folded FROM progress").fetchone()[0]
            db.commit()
        with contextlib.closing(sqlite3.connect(self.daemon.state + "/state.db")) as db:
            clock = db.execute("SELECT value FROM facts WHERE key = 'clock'").fetchone()[0]
            db.execute("UPDATE facts SET value = ? WHERE key = 'replay'",
                       (b"%d %s" % (folded, bytes(clock).split()[3]),))
            db.commit()

    def test_who_did_not_open_is_sent_another_and_machines_open_nothing(self):
        self.start_tracking()
        self.put_people(40)
        self.daemon.cli("suppress", "add", "p39@shop.example")  # not sent: no non-opener
        first = self.send("first", audience={"segment": "1", "order": "email"},
                          html="body.txt", track={"opens": True, "clicks": True})
        row_of = {int(r["email"][1:r["email"].index("@")]): int(r["row"])
                  for r in self.daemon.results(first)}
        people, both, machines = range(0, 6), range(6, 9), range(9, 14)
        for n in [*people, *both]:
            self.open_mail(first, row_of[n], "p%d@shop.example" % n)
        for n in [*both, *machines]:
            self.open_mail(first, row_of[n], "p%d@shop.example" % n,
                           **{"User-Agent": "curl/8.5.0"})
        pt.wait_until(lambda: self.daemon.campaign("first")["opens"] == {
            "total": 17, "unique": 14, "machine": 5}, "the opens")
        again = self.send("again", recipients={
            "campaign": first["id"], "where": "delivered and not opened and not clicked"})
        self.assertEqual(self.sent(again), list(range(9, 39)))
        self.assertEqual(again["counts"]["total"], 30)
        with open(os.path.join(self.daemon.spool, "done", again["id"], "report.json"),
                  encoding="utf-8") as f:
            self.assertEqual(json.load(f)["opened_by_machines_before"], 5)
        with open(os.path.join(self.daemon.spool, "done", again["id"], "report.html"),
                  encoding="utf-8") as f:
            self.assertIn("5 recipients come from an earlier campaign that only machines", f.read())

    def test_rows_of_an_earlier_campaign_come_with_their_columns(self):
        self.start()
        self.put_people(10)
        first = self.send("first", audience={"segment": "points < 6"})
        again = self.send("again", recipients={"campaign": first["id"],
                                               "where": "delivered and email like 'p2@%'"})
        self.assertEqual(self.sent(again), [2])
        self.assertIn("nobody is in it", self.refused("bounced", recipients={
            "campaign": first["id"], "where": "bounced or complained"}))


if __name__ == "__main__":
    unittest.main()
