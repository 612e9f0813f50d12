"""What becomes of a folder's rows and names through the whole daemon: submitted over the socket,
bad rows, counts that differ, names of other systems, campaigns that came while nobody ran."""
import csv
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt


class IntakeCase(pt.TestCase):
    def read(self, *path):
        try:
            with open(os.path.join(self.folder, "spool", *path), encoding="utf-8-sig") as f:
                return f.read()
        except OSError:
            return ""

    def rejects(self, campaign):
        for where in ("active", "done"):
            text = self.read(where, campaign["id"], "rejects.csv")
            if text:
                return list(csv.DictReader(text.splitlines()))
        return []


class SubmitTest(IntakeCase):
    def staged(self, daemon, name, **more):
        """A campaign in the spool, beside incoming/: a rename away."""
        staging = os.path.join(daemon.spool, "staging")
        os.makedirs(staging, exist_ok=True)
        return pt.make_campaign(staging, name, **more)

    def test_folder_named_over_the_socket_is_taken_once_for_one_key(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            path = self.staged(daemon, "handed", rows=7)
            for _ in range(2):  # a client that saw no answer asks again
                status, answer = daemon.request("POST", "/v1/campaigns", {"path": path},
                                                {"Idempotency-Key": "k1"})
                self.assertIn(status, (200, 201, 202), answer)
            self.assertEqual(daemon.wait_state("handed", "finished")["counts"]["delivered"], 7)
            self.assertEqual(len(sink.messages()), 7)
            self.assertEqual(len(daemon.campaigns()), 1)

    def test_paths_that_are_no_folder_of_the_spool_are_refused(self):
        with pt.Daemon(self.folder) as daemon:
            outside = pt.make_campaign(self.folder, "outside", rows=1)
            inside = self.staged(daemon, "inside", rows=1)
            for path in (outside, os.path.join(inside, "..", "..", "..", "outside"),
                         os.path.join(daemon.spool, "active"), os.path.join(inside, "body.txt"),
                         os.path.join(daemon.spool, "nothing"), "relative", "", None, 7):
                status, answer = daemon.request("POST", "/v1/campaigns", {"path": path})
                self.assertEqual(status // 100, 4, (path, answer))
                self.assertTrue(answer["error"]["message"], path)
            self.assertTrue(os.path.isdir(outside))
            self.assertEqual(daemon.campaigns(), [])


class RowsTest(IntakeCase):
    def test_bad_rows_are_listed_with_line_value_and_reason_and_the_rest_is_sent(self):
        recipients = ("E-mail,first_name,product\r\n"
                      "ada@example.com,Ada,Tea\r\n"
                      "not an address,Bad,Tea\r\n"
                      "\"grace@example.com\",\"Gr\nace\",Tea\r\n"
                      "ADA@example.com,Other,Tea\r\n"       # another local part: another person
                      "ada@EXAMPLE.com,Again,Tea\r\n"       # the same one
                      "linus@ex\u00e4mple.com,Linus,Tea\r\n"
                      ",Nobody,Tea\r\n"
                      "ken@example.com,,Tea\r\n")
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(pt.make_campaign(self.folder, "mixed", recipients=recipients,
                                         manifest={"required": ["first_name"]}))
            campaign = daemon.wait_state("mixed", "finished")
            counts = campaign["counts"]
            self.assertEqual((counts["total"], counts["delivered"], counts["skipped"]), (8, 4, 4))
            rejects = {int(r["row"]): r for r in self.rejects(campaign)}
            self.assertTrue({2, 5, 7} <= set(rejects), rejects)
            self.assertEqual(rejects[2]["line"], "3")
            self.assertEqual(rejects[2]["value"], "not an address")
            self.assertEqual(rejects[5]["line"], "7")  # a value before it has two lines
            self.assertTrue(all(r["reason"] for r in rejects.values()))
            states = {int(r["row"]): r["state"] for r in daemon.results(campaign)}
            self.assertEqual([row for row in states if states[row] == "skipped"], [2, 5, 7, 8])
            arrived = {r["to"][0] for r in sink.messages()}
            self.assertEqual(arrived, {"ada@example.com", "grace@example.com", "ADA@example.com",
                                       "linus@xn--exmple-cua.com"})

    def held(self, name, recipients, **keys):
        """The campaign must be held for its rows, and go when approved."""
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(pt.make_campaign(self.folder, name, recipients=recipients, manifest={
                "recipients": dict({"file": "recipients.csv"}, **keys)}))
            campaign = daemon.wait_state(name, "held", "finished")
            self.assertEqual((campaign["state"], campaign["reason"]), ("held", "rejects"))
            self.assertEqual(sink.totals()["messages"], 0)
            daemon.post("/v1/campaigns/%s/approve" % campaign["id"])
            return daemon.wait_state(name, "finished")

    @staticmethod
    def rows(good, bad):
        return "email\n" + "".join("u%d@example.com\n" % n for n in range(good)) + \
            "".join("bad %d\n" % n for n in range(bad))

    def test_too_many_bad_rows_hold_the_campaign(self):
        counts = self.held("bad", self.rows(100, 12))["counts"]  # auto: 5 %, and 10 are let through
        self.assertEqual((counts["delivered"], counts["skipped"]), (100, 12))

    def test_own_limit_of_bad_rows_is_kept(self):
        self.held("strict", self.rows(100, 3), max_rejects="2%")

    def test_rows_that_are_not_as_many_as_expected_hold_the_campaign(self):
        counts = self.held("short", self.rows(99, 0), expect_rows=100)["counts"]
        self.assertEqual(counts["total"], 99)

    def test_few_bad_rows_and_the_expected_number_hold_nothing(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(pt.make_campaign(
                self.folder, "fine", recipients=self.rows(90, 10),
                manifest={"recipients": {"file": "recipients.csv", "expect_rows": 100}}))
            self.assertEqual(daemon.wait_state("fine", "finished")["counts"]["delivered"], 90)


class NamesTest(IntakeCase):
    def test_names_and_debris_of_windows_and_macos(self):
        decomposed = "Fru\u0308hling 2026 - Gru\u0308\u00dfe"  # as a Mac writes it
        with pt.Sink(self.folder, maildir=True) as sink, \
             pt.Daemon(self.folder, relay=sink) as daemon:
            path = pt.make_campaign(self.folder, decomposed, rows=3, files={
                "body.html": '<p>Hi {{ first_name }}</p><img src="cid:Gr%C3%BCn.PNG">',
                "images/Gru\u0308n.png": "not really one", "Thumbs.db": "x", "desktop.ini": "x",
                ".DS_Store": "x", "~$body.docx": "x", "__MACOSX/._body.html": "x",
                "attachments/Preisliste (M\u00e4rz).txt": "a list", "attachments/.DS_Store": "x"})
            daemon.drop(path)
            campaign = daemon.wait_state(decomposed, "finished")
            self.assertEqual(campaign["counts"]["delivered"], 3)
            self.assertTrue(campaign["id"].isascii(), campaign["id"])
            mail = sink.mails()[0]
            self.assertIn(b"Preisliste", mail)
            self.assertNotIn(b"DS_Store", mail)
            self.assertNotIn(b"Thumbs", mail)

    def test_long_names_of_any_language_become_short_ids(self):
        names = ["\u6625\u5b63\u4fc3\u9500", "a" * 200, "CON", "what? is: this* \"name\"",
                 "\u202egpj.exe"]
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            for rows, name in enumerate(names, 2):
                daemon.drop(pt.make_campaign(self.folder, name, rows=rows))
            for name in names:
                campaign = daemon.wait_state(name, "finished")
                self.assertRegex(campaign["id"], r"^[0-9]{8}-[a-z0-9-]{1,80}$")


class RestartTest(IntakeCase):
    def test_campaigns_that_came_while_nobody_ran_are_taken_at_start(self):
        with pt.Sink(self.folder) as sink:
            daemon = pt.Daemon(self.folder, relay=sink, start=False, config={"settle": "1s"})
            daemon.drop(pt.make_campaign(self.folder, "renamed", rows=4))
            ready = pt.make_campaign(os.path.join(daemon.spool, "incoming"), "ready", rows=5)
            with open(os.path.join(ready, ".ready"), "w", encoding="utf-8"):
                pass
            daemon.start()
            with daemon:
                for name, rows in (("renamed", 4), ("ready", 5)):
                    campaign = daemon.wait_state(name, "finished")
                    self.assertEqual(campaign["counts"]["delivered"], rows)
                self.assertEqual(os.listdir(os.path.join(daemon.spool, "incoming")), [])

    def test_a_campaign_is_called_by_its_folder_also_after_a_kill(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(pt.make_campaign(self.folder, "Früh ling", rows=3,
                                         manifest={"name": None, "hold": True,
                                                   "subject": "{{ campaign_name }}"}))
            before = daemon.wait_state("Früh ling", "held")
            daemon.kill()
            daemon.start()
            after = daemon.wait_state(before["id"], "held")
            self.assertEqual(after["name"], "Früh ling")

    def test_the_same_again_goes_only_when_it_says_so(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(pt.make_campaign(self.folder, "news", rows=3))
            first = daemon.wait_state("news", "finished")["id"]
            daemon.kill()
            daemon.start()  # it remembers
            daemon.drop(pt.make_campaign(self.folder, "news", rows=3))
            errors = pt.wait_until(lambda: self.read("rejected", "news", "errors.txt"),
                                   "errors.txt")
            self.assertIn(first, errors)
            daemon.drop(pt.make_campaign(self.folder, "news", rows=3, manifest={"again": True}))
            pt.wait_until(lambda: len(sink.messages()) == 6, "the second mailing")

    def test_every_error_is_told_with_file_line_and_remedy(self):
        manifest = ("from: news@mail.acme.example\nsubject: Hi\nsubjct: typo\n"
                    "recipients: recipients.csv\nhtml: body.html\nrate: fast\npriority: 12\n")
        with pt.Daemon(self.folder) as daemon:
            daemon.drop(pt.make_campaign(self.folder, "keys", rows=3,
                                         files={"campaign.yaml": manifest}))
            errors = pt.wait_until(lambda: self.read("rejected", "keys", "errors.txt"),
                                   "errors.txt")
            for place in ("campaign.yaml:3", "campaign.yaml:6", "campaign.yaml:7"):
                self.assertIn(place, errors)
            self.assertIn('did you mean "subject"', errors)
            daemon.drop(pt.make_campaign(self.folder, "bodies", rows=3, files={
                "body.html": "<p>\n{{ first_name | upcas }}\n", "body.txt": "Hi\n\n{% endif %}\n"}))
            errors = pt.wait_until(lambda: self.read("rejected", "bodies", "errors.txt"),
                                   "errors.txt")
            for place in ("body.html:2", "body.txt:3"):
                self.assertIn(place, errors)
            self.assertEqual(daemon.campaigns(), [])


    def test_errors_of_one_file_do_not_hide_those_of_another(self):
        manifest = ("from: nobody\nsubject: '{{ first_name | upcas }}'\nroute: no_such_route\n"
                    "required: [no_such_column]\n")
        good = "email,first_name\n" + "".join("u%d@example.com,A\n" % i for i in range(20000))
        wrong = pt.make_campaign(self.folder, "wrong", rows=1, files={
            "campaign.yaml": manifest, "body.html": "<p>\n{{ first_name | upcas }}\n",
            "body.txt": "Hi\n\n{% endif %}\n"}, recipients=good + 'last@example.com,"open\n')
        places = ["campaign.yaml:%d" % line for line in (1, 2, 3, 4)]
        places += ["body.html:2", "body.txt:3"]
        with pt.Daemon(self.folder) as daemon:
            told = daemon.cli("check", wrong, check=False).stdout
            told = ["%(file)s:%(line)d" % p for p in json.loads(told)["problems"]]
            self.assertEqual([p for p in places if p not in told], [])
            daemon.drop(wrong)
            errors = pt.wait_until(lambda: self.read("rejected", "wrong", "errors.txt"),
                                   "errors.txt")
            self.assertEqual([p for p in places if p not in errors], [])
            self.assertEqual(errors.count("no_such_route"), 1, errors)
        shutil.rmtree(os.path.join(daemon.spool, "rejected"))
        late = pt.make_campaign(self.folder, "late", rows=1, files={"body.txt": "{% endif %}"},
                                recipients=good + 'last@example.com,"open\n')
        with daemon:
            daemon.start()
            daemon.drop(late)
            errors = pt.wait_until(lambda: self.read("rejected", "late", "errors.txt"),
                                   "errors.txt")
            for place in ("body.txt:1", "recipients.csv:20002"):
                self.assertIn(place, errors)


@unittest.skipUnless(os.geteuid() == 0, "needs root, to be two users")
class UsersTest(IntakeCase):
    DAEMON, OTHER = 12011, 12012

    def test_folder_of_another_user_that_cannot_be_read_is_told_and_stops_nothing(self):
        os.chmod(self.folder, 0o755)
        with pt.Sink(self.folder) as sink:
            daemon = pt.Daemon(self.folder, relay=sink, start=False,
                               prefix=["setpriv", "--reuid", str(self.DAEMON), "--regid",
                                       str(self.DAEMON), "--clear-groups"])
            subprocess.run(["chown", "-R", "%d:%d" % (self.DAEMON, self.DAEMON), self.folder],
                           check=True)
            secret = pt.make_campaign(self.folder, "secret", rows=3)
            plain = pt.make_campaign(self.folder, "plain", rows=4)
            for path in (secret, plain):
                subprocess.run(["chown", "-R", "%d:%d" % (self.OTHER, self.OTHER), path],
                               check=True)
            os.chmod(os.path.join(secret, "recipients.csv"), 0o600)
            daemon.start()
            with daemon:
                daemon.drop(secret)
                daemon.drop(plain)
                self.assertEqual(daemon.wait_state("plain", "finished")["counts"]["delivered"], 4)
                told = pt.wait_until(lambda: self.read("rejected", "secret", "errors.txt") or
                                     self.read("incoming", "secret.PROBLEM.txt") or
                                     "secret" in str(daemon.get("/v1/status")) or
                                     "secret" in daemon.log(), "what is wrong with the other")
                self.assertTrue(told)
                self.assertIsNone(daemon.campaign("secret"))


if __name__ == "__main__":
    unittest.main()
