"""Contacts: files of ours and of others come in, typed and checked; what goes out comes in again;
who asked to be forgotten stays away; suppressions do not wait behind an import."""
import csv
import json
import os
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt  # noqa: E402

MAILCHIMP = '''"Email Address","First Name","Last Name",Address,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,\
CONFIRM_TIME,CONFIRM_IP,TIMEZONE,CC,LAST_CHANGED,LEID,EUID,NOTES,TAGS
ann@a.example,Ann,Müller,"1 Main St, Lisbon",4,"2019-03-01 10:00:00",192.0.2.1,\
"2019-03-01 10:05:00",192.0.2.1,Europe/Lisbon,pt,"2024-02-02 12:00:00",101,abc,,"""vip"",""big spender"""
bob@a.example,Bob,,,2,,,"2020-01-01 00:00:00",,America/New_York,us,"2024-02-03 12:00:00",102,abd,,
'''
HUBSPOT = '''Record ID,First Name,Last Name,Email,Create Date,Preferred language,\
Unsubscribed from all email,Number of Orders
201,Cat,Lee,cat@h.example,2023-05-01 12:30,pt-br,false,7
202,Dan,Roe,dan@h.example,2023-06-01 12:30,en,true,
203,Eve,Poe,Eve@H.example,2023-07-01 12:30,,,12
'''


class ContactsCase(pt.TestCase):
    def setUp(self):
        super().setUp()
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.enter(pt.Sink(self.folder))))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run_contacts(self, *words, code=0):
        """What the command prints for people; where it fails, on standard error."""
        ran = subprocess.run([pt.program("postrider"), "--config", self.daemon.config_path,
                              "contacts", *words], capture_output=True, text=True,
                             timeout=pt.TIMEOUT, check=False)
        self.assertEqual(ran.returncode, code, (words, ran.stdout, ran.stderr))
        return ran.stdout if code == 0 else ran.stderr

    def import_text(self, name, text, *words):
        return json.loads(self.daemon.cli("contacts", "import", self.write(name, text),
                                          *words).stdout)

    def contact(self, address):
        return json.loads(self.daemon.cli("contacts", "show", address).stdout)

    def types(self):
        known = self.daemon.get("/v1/contacts/attributes")
        return {a["name"]: a["type"] for a in known["attributes"]}


class ImportTest(ContactsCase):
    def test_types_are_inferred_checked_and_stay(self):
        text = ("email;First Name;Postcode;Points;Club;Birthday;Seen;Empty;Größe;ID\n"
                "ann@a.example;Ann;01067;12.5;yes;1950-02-28;2024-02-29T10:00:00+02:00;;x;7\n"
                "bob@a.example;1;20095;-3;no;2001-12-31;2024-03-01;;y;8\n")
        dry = self.import_text("c.csv", text, "--dry-run")
        self.assertEqual(self.daemon.get("/v1/contacts/attributes")["total"], 0)
        done = self.import_text("c.csv", text)
        self.assertEqual((dry["good"], done["added"], done["updated"]), (2, 2, 0))
        self.assertEqual(self.types(),
                         {"first_name": "text", "postcode": "text", "points": "number",
                          "club": "boolean", "birthday": "date", "seen": "date", "gr_e": "text",
                          "id": "number"})
        self.assertEqual(self.contact("ANN@A.example")["attributes"],
                         {"first_name": "Ann", "postcode": "01067", "points": 12.5, "club": True,
                          "birthday": "1950-02-28", "seen": "2024-02-29T08:00:00Z", "gr_e": "x",
                          "id": 7})
        again = self.import_text("d.csv", "Email,Points,First Name\nann@a.example,many,Anna\n"
                                 "ANN@a.example,13,\nbob@a.example,4,Bo\n")
        self.assertEqual((again["updated"], again["bad_rows"]), (2, 1))
        self.assertEqual((again["bad"][0]["line"], again["bad"][0]["reason"]), (2, "is no number"))
        there = self.contact("ann@a.example")["attributes"]
        self.assertEqual((there["points"], there["first_name"]), (13, "Ann"))
        self.import_text("e.csv", "email,size\nann@a.example,3\n", "--type", "size=text")
        status, answer = self.daemon.request("POST", "/v1/contacts", {
            "columns": ["email", {"name": "points", "type": "text"}],
            "rows": [["ann@a.example", "x"]]})
        self.assertEqual((status, answer["error"]["message"]),
                         (400, "the attribute points is a number, not a text"))
        self.assertEqual(self.types()["size"], "text")

    def test_mailchimp_and_hubspot_exports_are_read_by_their_columns(self):
        done = self.import_text("subscribed.csv", MAILCHIMP, "--list", "shop")
        self.assertEqual((done["added"], done["bad_rows"]), (2, 0), done)
        ann = self.contact("ann@a.example")
        self.assertEqual(ann["lists"], ["big-spender", "shop", "vip"])
        self.assertEqual(ann["timezone"], "Europe/Lisbon")
        self.assertEqual(ann["consents"], [
            {"purpose": "marketing", "text": "", "source": "import subscribed.csv",
             "at": "2019-03-01T10:05:00.000Z"}])
        self.assertEqual(ann["attributes"]["last_name"], "Müller")
        self.assertEqual(ann["attributes"]["member_rating"], 4)
        done = self.import_text("hubspot.csv", HUBSPOT)
        self.assertEqual((done["added"], done["bad_rows"]), (2, 1), done)
        self.assertEqual(done["bad"][0]["line"], 3)
        self.assertIn("has left there", done["bad"][0]["reason"])
        cat = self.contact("cat@h.example")
        self.assertEqual((cat["language"], cat["attributes"]["number_of_orders"],
                          cat["attributes"]["create_date"]),
                         ("pt-br", 7, "2023-05-01T12:30:00Z"))

    def test_bad_rows_are_listed_with_line_and_reason(self):
        text = ("email,timezone,language,lists,consent_at,club\n"
                "nobody,,,,,\n"
                "a@b.example,Mars/Base,,,,\n"
                "c@b.example,,klingonish,,,\n"
                "d@b.example,,,a/b,,\n"
                "e@b.example,,,,soon,\n"
                "f@b.example,,,,,maybe\n"
                "g@b.example,Asia/Tokyo,de,a;b,2024-01-01,no\n")
        done = self.import_text("bad.csv", text, "--type", "club=boolean")
        self.assertEqual([b["line"] for b in done["bad"]], [2, 3, 4, 5, 6, 7])
        self.assertEqual(done["added"], 1)
        self.assertEqual(self.contact("g@b.example")["lists"], ["a", "b"])
        self.assertIn("bad.csv:2: nobody",
                      self.run_contacts("import", self.write("bad.csv", "Email\nnobody\n"), code=1))
        for text in ("name\nAnn\n", "", "[1]\n"):
            self.run_contacts("import", self.write("no.csv", text), code=1)
        for words in (("--type", "club=float"), ("--type", "clubs=text"), ("--type", "club")):
            self.run_contacts("import", self.write("t.csv", "email,club\na@b.example,no\n"), *words,
                              code=2)

    def test_an_export_comes_in_again_as_it_was(self):
        lines = [{"email": "ann@a.example", "lists": ["vip", "news"], "timezone": "Asia/Tokyo",
                  "attributes": {"name": "=Ann, \"A\"", "score": -1.5, "club": False},
                  "consents": [{"purpose": "news", "text": "v2", "source": "shop",
                                "at": "2024-01-01T00:00:00Z"},
                               {"purpose": "sms", "text": "v1", "source": "till",
                                "at": "2023-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}]},
                 {"email": "bob@a.example", "name": "Bob", "score": 3, "day": "2024-02-29"}]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        self.assertEqual(self.import_text("in.jsonl", text)["bad"], [])
        before = self.daemon.get("/v1/contacts")["contacts"]
        self.assertEqual([len(c["consents"]) for c in before], [2, 0])
        for form, name in (("csv", "out.csv"), ("jsonl", "out.jsonl")):
            out = os.path.join(self.folder, name)
            self.run_contacts("export", "--format", form, "--out", out)
            for address in ("ann@a.example", "bob@a.example"):
                self.run_contacts("delete", address)
            self.assertEqual(self.daemon.get("/v1/contacts/attributes")["total"], 0)
            self.run_contacts("import", out)
            after = self.daemon.get("/v1/contacts")["contacts"]
            for a, b in zip(before, after):
                for key in ("created", "updated"):
                    a.pop(key, None)
                    b.pop(key)
            self.assertEqual(after, before, form)
        with open(os.path.join(self.folder, "out.csv"), encoding="utf-8", newline="") as f:
            self.assertEqual(next(r for r in csv.DictReader(f))["name"], "'=Ann, \"A\"")
        listed = self.daemon.cli("contacts", "export", "--list", "vip").stdout.splitlines()
        self.assertEqual([json.loads(line)["email"] for line in listed], ["ann@a.example"])

    def test_who_was_forgotten_stays_away(self):
        self.import_text("c.csv", "email,n\nann@a.example,1\nbob@a.example,2\n", "--list", "x")
        self.daemon.cli("suppress", "add", "Ann@a.example", "--reason", "forgotten")
        self.assertIn("no such contact", self.run_contacts("show", "ann@a.example", code=1))
        self.assertEqual(self.daemon.get("/v1/contacts/attributes")["lists"],
                         [{"name": "x", "contacts": 1}])
        done = self.import_text("c.csv", "email,n\nbob@a.example,2\nANN@a.example,1\n")
        self.assertEqual((done["added"], done["updated"], done["bad_rows"]), (0, 1, 1))
        self.assertEqual((done["bad"][0]["line"], done["bad"][0]["reason"]),
                         (3, "asked to be forgotten"))
        self.assertEqual(self.daemon.get("/v1/contacts")["contacts"][0]["email"], "bob@a.example")


class OneContactTest(ContactsCase):
    def test_values_are_set_shown_and_taken_away(self):
        self.assertIn("is set", self.run_contacts(
            "set", "Ann@Bücher.example", "First Name=Ann", "age=41", "lists=news,vip",
            "timezone=Europe/Berlin", "consent_purpose=news", "consent_text=v3"))
        ann = self.contact("ann@bücher.example")
        self.assertEqual((ann["email"], ann["attributes"], ann["lists"]),
                         ("ann@xn--bcher-kva.example", {"first_name": "Ann", "age": 41},
                          ["news", "vip"]))
        self.assertEqual(ann["consents"][0]["text"], "v3")
        self.run_contacts("set", "ann@bücher.example", "age=", "lists=vip", "timezone=")
        ann = self.contact("ann@bücher.example")
        self.assertEqual((ann["attributes"], ann["lists"], "timezone" in ann),
                         ({"first_name": "Ann"}, ["vip"], False))
        shown = self.run_contacts("show", "ann@bücher.example")
        for text in ("first_name", "vip", "consent", "v3"):
            self.assertIn(text, shown)
        self.assertIn("1 contacts", self.run_contacts("known"))
        self.assertIn("is not of the attribute's type",
                      self.run_contacts("set", "ann@bücher.example", "age=old", code=1))
        self.run_contacts("delete", "ann@bücher.example")
        self.run_contacts("delete", "ann@bücher.example", code=1)
        for words in ((), ("fly",), ("set", "a@b.example"), ("show",), ("show", "a", "b"),
                      ("set", "a@b.example", "age"), ("set", "a@b.example", "email=x@y.example"),
                      ("export", "--format", "xml"), ("show", "a@b.example", "--list", "x")):
            self.run_contacts(*words, code=2)
        audit = self.daemon.get("/v1/suppressions/audit")["audit"]
        self.assertEqual([a["verb"] for a in audit],
                         ["contacts delete", "contacts put", "contacts put"])

    def test_the_socket_refuses_what_is_wrong_whole(self):
        good = {"columns": ["email", {"name": "n", "type": "number"}], "rows": [["a@b.example", 1]]}
        for change, why in (({"columns": []}, "which columns"), ({"columns": ["n"]}, "columns"),
                            ({"columns": [{"name": "n", "type": "number"}]}, "must be email"),
                            ({"columns": ["email", {"name": "email", "type": "text"}]}, "columns"),
                            ({"columns": ["email", {"name": "a\" b", "type": "text"}]}, "columns"),
                            ({"columns": ["email", {"name": "n", "type": "real"}]}, "type"),
                            ({"rows": [["a@b.example", 1], ["c@d.example", "x"]]}, "row 2: n"),
                            ({"rows": [[None, 1]]}, "row 1: email"), ({"rows": [[1, 2, 3]]}, "row"),
                            ({"rows": {}}, "rows"), ({"list": "a b"}, "list")):
            status, answer = self.daemon.request("POST", "/v1/contacts", {**good, **change})
            self.assertEqual(status, 400, change)
            self.assertIn(why, answer["error"]["message"])
        self.assertEqual(self.daemon.get("/v1/contacts/attributes")["total"], 0)
        self.assertEqual(self.daemon.request("GET", "/v1/contact?address=none")[0], 400)
        self.assertEqual(self.daemon.request("GET", "/v1/contact?address=a@b.example")[0], 404)


class TrackTest(ContactsCase):
    def track(self, name, text, *words):
        return json.loads(self.daemon.cli("track", "import", self.write(name, text), *words).stdout)

    def test_events_come_from_csv_and_json_lines_and_are_counted_once(self):
        self.import_text("c.csv", "email\nann@a.example\nold@a.example\n")
        self.daemon.cli("suppress", "add", "old@a.example", "--reason", "forgotten")
        text = ("Customer Email;Event;Created At;Total;Currency;SKU;Order ID\n"
                "Ann@a.example;order;2024-05-01T10:00:00Z;19.90;EUR;shoes;1001\n"
                "Ann@a.example;order;2024-05-01T10:00:00Z;5;EUR;socks;1001\n"
                "bob@a.example;visit;2024-05-02;;;;\n"
                "nobody;visit;2024-05-02;;;;\n"
                "bob@a.example;a visit;2024-05-02;;;;\n"
                "bob@a.example;visit;soon;;;;\n"
                "bob@a.example;order;2024-05-02;much;;;\n"
                "old@a.example;visit;2024-05-02;;;;\n")
        dry = self.track("e.csv", text, "--dry-run")
        self.assertEqual((dry["good"], dry["added"]), (4, 0))
        done = self.track("e.csv", text)
        self.assertEqual((done["added"], done["there"], done["contacts"]), (3, 0, 1), done)
        self.assertEqual([b["line"] for b in done["bad"]], [5, 6, 7, 8, 9])
        for bad, why in zip(done["bad"][1:], ("has no event", "has no time", "amount", "forgotten")):
            self.assertIn(why, bad["reason"])
        again = self.track("e.csv", text)
        self.assertEqual((again["added"], again["there"]), (0, 3))
        lines = "".join(json.dumps(o) + "\n" for o in (
            {"email": "ann@a.example", "time": "2024-06-01", "amount": 7.5, "id": 9},
            {"email": "cat@a.example", "event": "signup", "time": "2024-06-01"}, ["x"]))
        done = self.track("e.jsonl", lines, "--event", "order")
        self.assertEqual((done["added"], done["contacts"], done["bad_rows"]), (2, 1, 1), done)
        self.assertEqual({c["email"] for c in self.daemon.get("/v1/contacts")["contacts"]},
                         {"ann@a.example", "bob@a.example", "cat@a.example"})

    def test_the_socket_refuses_a_wrong_event_whole(self):
        for rows, why in (([["a@b.example", "visit", "2024-01-01"], ["a", "visit", "2024-01-01"]],
                           "row 2"), ([["a@b.example", "", "2024-01-01"]], "row 1: the event"),
                          ([["a@b.example", "x", "2024-01-01", "y"]], "amount"), ({}, "rows")):
            status, answer = self.daemon.request("POST", "/v1/track", {"rows": rows})
            self.assertEqual(status, 400, rows)
            self.assertIn(why, answer["error"]["message"])
        self.assertEqual(self.daemon.get("/v1/contacts/attributes")["total"], 0)


class LoadTest(ContactsCase):
    def test_a_suppression_does_not_wait_behind_an_import_and_what_was_answered_holds(self):
        n = 60000
        path = self.write("many.csv", "email,first,points\n" +
                          "".join("u%d@many.example,F%d,%d\n" % (i, i % 100, i) for i in range(n)))
        done = {}
        run = threading.Thread(target=lambda: done.update(json.loads(
            self.daemon.cli("contacts", "import", path, "--list", "all").stdout)))
        run.start()
        waits = []
        while run.is_alive():
            begin = time.monotonic()
            self.daemon.post("/v1/suppressions", {"address": "x%d@a.example" % len(waits)})
            waits.append(time.monotonic() - begin)
        run.join()
        self.assertEqual(done["added"], n)
        self.assertGreater(len(waits), 2)
        self.assertLess(sorted(waits)[len(waits) // 2], 0.5)
        self.daemon.kill()
        self.daemon.start()
        known = self.daemon.get("/v1/contacts/attributes")
        self.assertEqual((known["total"], known["lists"]), (n, [{"name": "all", "contacts": n}]))


if __name__ == "__main__":
    unittest.main()
