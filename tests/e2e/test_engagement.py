"""What recipients of campaigns did reaches the contacts they are: openings and clicks of people,
once whatever is killed when; who left a list; not who is no contact, or was erased."""
import http.client
import json
import os
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt  # noqa: E402
import tokens  # noqa: E402
from test_track import FORM, HUMAN, TrackCase  # noqa: E402

MACHINE = {"User-Agent": "python-requests/2.31"}


class EngagementCase(TrackCase):
    def import_people(self, rows, **lists):
        """Those rows of a campaign become contacts; lists: name=rows."""
        path = os.path.join(self.folder, "people.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("email,lists\n")
            for row in rows:
                on = ",".join(name for name, of in lists.items() if row in of)
                f.write('%s,"%s"\n' % (pt.address(row, 1), on))
        self.daemon.cli("contacts", "import", path)

    def visit(self, row, path, headers=None):
        """From an address of the row's own: one visitor for many rows is no person."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=pt.TIMEOUT,
                                       source_address=("127.7.0.%d" % row, 0))
        try:
            c.request("GET", path, headers=headers or HUMAN)
            return c.getresponse().status
        finally:
            c.close()

    def open(self, row, headers=None):
        path = "/o/%s.gif" % self.token(tokens.OPEN, row=row)
        self.assertEqual(self.visit(row, path, headers), 200)

    def click(self, row, headers=None, link=1):
        path = "/c/" + self.token(tokens.CLICK, row=row, link=link)
        self.assertEqual(self.visit(row, path, headers), 302)

    def count(self, condition):
        return json.loads(self.daemon.cli("segment", "count", condition).stdout)["count"]

    def members(self, condition):
        """The rows whose contacts are in the segment."""
        found = self.daemon.cli("segment", "sample", condition, "--limit", "100").stdout
        return sorted(int(a[4:a.index("@")]) for a in json.loads(found)["sample"])

    def behind(self):
        return self.daemon.get("/v1/status")["engagement"]["behind_bytes"]

    def wait_caught_up(self):
        """All that was journalled until now is put."""
        pt.wait_until(lambda: self.behind() == 0, "contacts know everything", timeout=15)

    def wait_members(self, condition, rows):
        try:
            pt.wait_until(lambda: self.members(condition) == rows, condition, timeout=15)
        except AssertionError:
            self.fail("%s are %s, not %s" % (condition, self.members(condition), rows))

    def contact(self, row):
        return self.daemon.get("/v1/contact?address=" + pt.address(row, 1))

    def shown(self, row):
        """The contact as people see it."""
        return subprocess.run([pt.program("postrider"), "--config", self.daemon.config_path,
                               "contacts", "show", pt.address(row, 1)], capture_output=True,
                              text=True, timeout=pt.TIMEOUT, check=True).stdout

    def events(self, row):
        """But for deliveries, which come when there is time."""
        return [(e["name"], e["item"]) for e in self.contact(row)["events"] if e["name"] != "sent"]


class ContactTest(EngagementCase):
    def test_people_open_and_click_and_segments_know(self):
        self.begin()
        self.import_people(range(1, 9))
        campaign = self.send()
        self.click(3)
        self.wait_count("spring", "clicks", total=1)
        for row in (1, 2, 9):  # 9 is no contact
            self.open(row)
        self.open(1)
        self.click(2)
        for row in (4, 5):
            self.open(row, MACHINE)
            self.click(row, MACHINE)
        self.wait_members("count('click', 30) > 0", [2, 3])
        self.wait_caught_up()
        self.assertEqual(self.members("count('open', 30) > 0"), [1, 2, 3])
        self.assertEqual(self.members("count('open') = 2"), [1])
        self.assertEqual(self.members("days_since('open') = 0 AND days_since('click') IS NULL"), [1])
        self.assertEqual(self.members("engagement > 3.9"), [2, 3])
        self.assertEqual(self.daemon.get("/v1/contacts/attributes")["total"], 8)
        self.assertEqual(self.events(3), [("open", campaign["id"]), ("click", campaign["id"])])
        self.assertIn("click of " + campaign["id"], self.shown(2))
        self.assertEqual(self.metric("postrider_engagement_events_total"), 6)

    def test_what_is_done_with_the_copy_of_a_seed_is_nobodys(self):
        self.begin()
        self.import_people(range(1, 6))
        self.send(seeds=[pt.address(5, 1)])
        path = "/c/" + self.token(tokens.CLICK, row=4294960001, link=1)  # journal/record.h
        self.assertEqual(self.visit(77, path), 302)
        self.click(1)
        self.wait_members("count('click') > 0", [1])
        self.wait_caught_up()
        self.assertEqual(self.members("count('click') > 0"), [1])
        self.assertEqual(self.events(5), [])

    def test_a_verdict_that_changes_is_followed(self):
        self.begin()
        self.import_people([1])
        self.send()
        self.open(1)
        self.wait_members("count('open') = 1", [1])
        for link in (1, 2, 3):  # all links at once: nobody reads so
            self.click(1, link=link)
        self.wait_count("spring", "clicks", total=3, machine=1)
        self.wait_caught_up()
        self.assertEqual(self.events(1), [("open", self.daemon.campaign("spring")["id"])])

    def test_order_and_hours_go_by_it(self):
        self.begin()
        self.import_people(range(1, 6), all=range(1, 6))
        self.send()
        self.open(4)
        self.open(2)
        self.click(2)
        self.wait_caught_up()
        self.wait_members("engagement > 0", [2, 4])
        campaign = self.send("next", recipients=None,
                             audience={"list": "all", "order": "engagement"})
        rows = self.daemon.get("/v1/campaigns/%s/recipients?limit=2" % campaign["id"])
        self.assertEqual([r["email"] for r in rows["recipients"]],
                         [pt.address(2, 1), pt.address(4, 1)])


    def test_of_deliveries_the_latest_is_known(self):
        self.begin()
        self.import_people(range(1, 21))
        first = self.send(recipients_csv="email\n" + "".join(
            pt.address(row, 1) + "\n" for row in range(1, 16)))
        self.wait_members("count('sent') = 1", list(range(1, 16)))
        self.daemon.kill()
        self.daemon.start()
        second = self.send("more", recipients_csv="email\n" + "".join(
            pt.address(row, 1) + "\n" for row in range(10, 16)))
        pt.wait_until(lambda: [e["item"] for e in self.contact(10)["events"]] == [second["id"]],
                      "the latest", timeout=15)
        pt.wait_until(lambda: self.daemon.get("/v1/status")["engagement"]
                      ["deliveries_behind_bytes"] == 0, "all of them", timeout=15)
        self.assertEqual(self.members("days_since('sent') = 0 AND count('open', 90) = 0"),
                         list(range(1, 16)))
        self.assertEqual(self.members("days_since('sent') IS NULL"), list(range(16, 21)))
        self.assertEqual([e["item"] for e in self.contact(1)["events"]], [first["id"]])
        self.assertEqual(self.count("engagement > 0"), 0)


class LeavingTest(EngagementCase):
    def test_who_unsubscribes_leaves_the_list(self):
        self.begin()
        self.import_people(range(1, 6), news=range(1, 6), vip=(1, 2))
        campaign = self.send(list="news")
        self.daemon.cli("contacts", "set", pt.address(1, 1), "consent_purpose=news")
        self.assertEqual(self.one_click(self.token(tokens.UNSUBSCRIBE, row=1, list_="news")).status,
                         200)
        # It is so when it is answered.
        self.assertEqual(self.members("in_list('news')"), [2, 3, 4, 5])
        one = self.contact(1)
        self.assertEqual([(l["list"], l["source"]) for l in one["left"]], [("news", "one-click")])
        self.assertEqual(one["lists"], ["vip"])
        self.assertEqual(one["consents"][0]["until"], one["left"][0]["at"])
        page = self.ask("POST", "/u/" + self.token(tokens.UNSUBSCRIBE, row=3, list_="news"),
                        "leave=1", dict(HUMAN, **{"Content-Type": FORM}))
        self.assertEqual(page.status, 200)
        self.assertEqual(self.contact(3)["left"][0]["source"], "page")
        self.wait_members("count('unsubscribe') > 0", [1, 3])
        self.assertEqual(self.events(1), [("unsubscribe", campaign["id"])])
        self.assertEqual(self.count("in_list('news') AND email = '%s'" % pt.address(1, 1)), 0)
        self.assertRegex(self.shown(1), r"left +news on .*, by one-click")

    def test_who_wants_no_marketing_leaves_all_lists(self):
        self.begin()
        self.import_people((1, 2), news=(1, 2), vip=(1, 2))
        self.send()
        self.assertEqual(self.one_click(self.token(tokens.UNSUBSCRIBE, row=1)).status, 200)
        one = self.contact(1)
        self.assertEqual((one["lists"], [l["list"] for l in one["left"]]), ([], ["news", "vip"]))
        self.assertEqual(self.contact(2)["lists"], ["news", "vip"])



class BouncedTest(EngagementCase):
    rules = ['on=rcpt,match=user1@*,reply="550 5.1.1 no such user"']

    def test_whose_address_is_no_good_is_known(self):
        self.begin()
        self.import_people((1, 2))
        campaign = self.send()
        self.wait_members("count('bounce', 30) > 0", [1])
        self.wait_caught_up()
        self.assertEqual(self.events(1), [("bounce", campaign["id"])])
        self.assertEqual((self.events(2), self.members("engagement = 0")), ([], [1, 2]))


class KillTest(EngagementCase):
    def test_killed_again_and_again_everything_is_there_once(self):
        self.begin()
        self.import_people(range(1, 101))
        self.send(rows=100)
        row = iter(range(1, 101))
        for pause in (0, 0.3, 0.6, 0.9, 1.2, 0.1):
            for _ in range(10):
                n = next(row)
                self.open(n)
                if n % 2:
                    self.click(n)
            # In the journal: a kill does not lose them.
            pt.wait_until(lambda: self.daemon.get("/v1/status")["track"]["recorded"] == 15, "15")
            time.sleep(pause)  # where it is killed is chance: in the journal, a ledger, a put
            self.daemon.kill()
            self.daemon.start()
        self.wait_members("count('click') = 1", list(range(1, 61, 2)))
        self.wait_caught_up()
        self.assertEqual(self.count("count('open') = 1"), 60)
        self.assertEqual(self.count("count('open') > 1 OR count('click') > 1"), 0)
        self.daemon.terminate()
        self.daemon.start()
        self.wait_caught_up()
        self.assertEqual(self.count("count('open') = 1"), 60)

    def test_while_events_come_and_go_on(self):
        self.begin()
        self.import_people(range(1, 201))
        self.send(rows=200)
        opened = []

        def people():
            for row in range(1, 201):
                try:
                    self.open(row)
                    opened.append(row)
                except (OSError, http.client.HTTPException):  # the daemon was just killed: nobody knows of this one
                    time.sleep(0.05)

        thread = threading.Thread(target=people)
        thread.start()
        for _ in range(3):
            time.sleep(0.4)
            self.daemon.kill()
            self.daemon.start()
        thread.join()
        self.wait_caught_up()
        counted = self.daemon.campaign("spring")["opens"]["unique"]
        pt.wait_until(lambda: self.count("count('open') >= 1") == counted, "as the ledger says",
                      timeout=15)
        total = self.daemon.campaign("spring")["opens"]["total"]
        self.assertEqual(total, sum(n * self.count("count('open') = %d" % n) for n in (1, 2, 3)))


class ErasedTest(EngagementCase):
    def test_who_was_erased_stays_so_and_an_export_tells_of_it(self):
        self.begin()
        self.import_people((1, 2))
        self.send()
        for row in (1, 2):
            self.open(row)
        self.wait_members("count('open') = 1", [1, 2])
        out = os.path.join(self.folder, "one.json")
        self.daemon.cli("export", pt.address(1, 1), "--out", out)
        with open(out, encoding="utf-8") as f:
            told = json.load(f)
        self.assertEqual([e["name"] for e in told["customer_events"] if e["name"] != "sent"],
                         ["open"])
        self.daemon.cli("forget", pt.address(1, 1), "--yes")
        self.open(1)
        self.click(1)
        self.open(2)
        self.wait_members("count('open') = 2", [2])
        self.wait_caught_up()
        self.assertEqual(self.daemon.get("/v1/contacts/attributes")["total"], 1)
        self.daemon.kill()
        self.daemon.start()
        self.wait_caught_up()
        self.assertEqual(self.members("1"), [2])

    def test_who_becomes_a_contact_later_gets_what_comes_then(self):
        self.begin()
        self.send()
        self.open(1)
        self.wait_count("spring", "opens", total=1)
        self.wait_caught_up()
        self.import_people((1,))
        self.click(1)
        self.wait_members("count('click') = 1", [1])


if __name__ == "__main__":
    unittest.main()
