"""Corrected while sending: replace in every state of a campaign, through kills and restarts; and
previews of each version. What results.csv says of a row's version is held against what the sink
has."""
import email
import email.policy
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import accounted
import postrider_test as pt
from accounted import SOON

STRANGER = 65534
SUBJECT = "Version 1 for {{ first_name }}"


# What another user does, in a process of its own.
AS_USER = """
import http.client, os, socket, sys
uid, path, method, url, body = sys.argv[1:]
os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
c = http.client.HTTPConnection("postrider")
c.sock = socket.socket(socket.AF_UNIX)
c.sock.connect(path)
c.request(method, url, body or None)
print(c.getresponse().status)
"""


def header(mail, name):
    return email.message_from_bytes(mail, policy=email.policy.default)[name]


class ReplaceTest(accounted.TestCase):
    def begin(self, rows=200, rate=None, state=None, latency=None, connections=4, config=None,
              **manifest):
        """A sink that keeps all, a daemon, and a campaign whose subject tells its version."""
        self.rows = rows
        self.sink = self.enter(pt.Sink(self.folder, latency=latency, commands=True, maildir=True))
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink, connections=connections,
                                           config=dict({"retry": SOON}, **(config or {}))))
        keys = dict({"subject": SUBJECT}, **manifest)
        if rate:
            keys["rate"] = rate
        self.keys = keys
        self.daemon.drop(pt.make_campaign(self.folder, "spring", rows=rows, manifest=keys))
        campaign = self.daemon.wait_state("spring", *((state,) if state else
                                                      ("scheduled", "sending", "held")))
        self.id = campaign["id"]
        return campaign

    def correction(self, number, with_rows=False, files=None, **manifest):
        """A corrected folder: its subject names the number."""
        keys = dict(self.keys, subject=SUBJECT.replace("1", str(number)), **manifest)
        path = pt.make_campaign(self.folder, "correction-%d-%d" % (number, time.monotonic_ns()),
                                rows=1, manifest=dict(keys, name="spring"), files=files)
        if not with_rows:
            os.remove(os.path.join(path, "recipients.csv"))
        return path

    def replace(self, path, check=True):
        done = self.daemon.cli("replace", self.id, path, check=check)
        self.assert_no_copies()
        return json.loads(done.stdout) if check else done

    def assert_no_copies(self):
        left = [n for n in os.listdir(os.path.join(self.daemon.spool, "incoming"))
                if n.startswith(".replace")]
        self.assertEqual(left, [])

    def sent(self):
        """The versions of the messages the sink took, by recipient, in order."""
        versions = {}
        for record, mail in zip(self.sink.messages(), self.sink.mails()):
            found = re.match(r"Version (\d+) for", header(mail, "Subject"))
            versions.setdefault(record["to"][0], []).append(int(found.group(1)))
        return versions

    def wait_sent(self, n):
        pt.wait_until(lambda: self.sink.totals()["messages"] >= n, "%d messages" % n)

    def finish(self, repeats=False):
        """Waits for the end, and holds the results against the sink: (results, sent)."""
        campaign = self.daemon.wait_state("spring", "finished")
        self.assertEqual(campaign["counts"]["delivered"], self.rows)
        results, sent = self.daemon.results(campaign), self.sent()
        for r in results:
            copies = sent[r["email"]]
            if not repeats:
                self.assertEqual(len(copies), 1, r)
            self.assertEqual(int(r["version"]), copies[-1], r)
        return results, sent

    # ---- under way ----

    def test_those_after_the_answer_get_the_new_version_and_nobody_gets_both(self):
        self.begin(rows=300, rate="100/s", latency="5ms")
        self.wait_sent(60)
        answer = self.replace(self.correction(2))
        before = len(self.sink.messages())
        self.assertEqual(answer["version"], 2)
        self.assertEqual(answer["warnings"], [])
        results, sent = self.finish()
        new = sum(v == [2] for v in sent.values())
        self.assertGreaterEqual(new, self.rows - before - 8)  # those were with a connection
        self.assertLessEqual(abs(new - answer["changed"]), 8)
        order = [sent[m["to"][0]][0] for m in self.sink.messages()]
        self.assertEqual(set(order[before + 8:]), {2})
        campaign = self.daemon.campaign("spring")
        self.assertEqual(campaign["version"], 2)
        self.assertEqual(campaign["in_doubt_ever"], 0)
        told = [h for h in campaign["history"] if h["verb"] == "replace"]
        self.assertEqual([h["detail"] for h in told], ["version 2"])
        ids = {r["email"]: r["message_id"] for r in results}
        for record in self.sink.messages():
            self.assertEqual(record["message_id"], ids[record["to"][0]])

    def test_what_is_composed_and_ready_is_composed_again(self):
        """Nothing leaves while the relay is away: all that waits gets the new version."""
        sink = self.enter(pt.Sink(self.folder))
        address = sink.address
        sink.stop()
        self.rows = 50
        self.keys = {"subject": SUBJECT}
        self.daemon = self.enter(pt.Daemon(self.folder, relay=address, config={"retry": SOON}))
        self.daemon.drop(pt.make_campaign(self.folder, "spring", rows=50, manifest=self.keys))
        self.id = self.daemon.wait_state("spring", "sending")["id"]
        pt.wait_until(lambda: self.daemon.campaign("spring")["counts"]["sending"], "a row")
        self.assertEqual(self.replace(self.correction(2))["changed"], 50)
        self.sink = self.enter(pt.Sink(self.folder, listen=address, maildir=True))
        _, sent = self.finish()
        self.assertEqual({v[0] for v in sent.values()}, {2})

    def test_rows_that_failed_are_sent_again_with_the_new_version(self):
        self.rows = 40
        self.keys = {"subject": SUBJECT}
        self.sink = self.enter(pt.Sink(
            self.folder, maildir=True, rules=["on=rcpt,share=50%,tries=1,reply=451 later"]))
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink, config={
            "retry": {"first": "5s", "factor": 1, "jitter": 0, "max": "5s"}}))
        self.daemon.drop(pt.make_campaign(self.folder, "spring", rows=40, manifest=self.keys))
        campaign = self.daemon.wait_state("spring", "sending")
        self.id = campaign["id"]
        pt.wait_until(lambda: self.daemon.campaign("spring")["counts"]["deferred"], "deferrals")

        def passed():
            counts = self.daemon.campaign("spring")["counts"]
            return counts if counts["pending"] + counts["sending"] == 0 else None
        deferred = pt.wait_until(passed, "a pass")["deferred"]
        path = "/v1/campaigns/%s/recipients?state=deferred" % self.id
        pt.wait_until(lambda: len(self.daemon.get(path)["recipients"]) == deferred, "the fold")
        for row in self.daemon.get(path)["recipients"]:
            self.assertEqual(row["version"], 1)  # it was tried with that one
        self.assertEqual(self.replace(self.correction(2))["changed"], deferred)
        results, _ = self.finish()
        for r in results:
            self.assertEqual(r["version"], r["attempts"], r)
        row = next(r for r in results if r["version"] == "2")
        story = self.daemon.get("/v1/recipient?address=" + row["email"])
        self.assertEqual(story["campaigns"][0]["version"], 2)
        events = self.daemon.get("/v1/events?limit=1000")["events"]
        versions = {e["row"]: e["version"] for e in events if e["type"] == "delivered"}
        self.assertEqual(versions, {int(r["row"]): int(r["version"]) for r in results})

    def test_paused_held_and_scheduled_campaigns(self):
        self.begin(rows=30, rate="20/s", hold=True, state="held")
        self.assertEqual(self.replace(self.correction(2))["changed"], 30)
        self.assertEqual(self.daemon.campaign("spring")["state"], "held")
        self.daemon.cli("approve", self.id)
        self.daemon.cli("pause", self.id)
        paused = self.daemon.campaign("spring")
        self.assertEqual(self.replace(self.correction(3))["version"], 3)
        after = self.daemon.campaign("spring")
        self.assertEqual((after["state"], after["reason"]), (paused["state"], paused["reason"]))
        self.daemon.cli("resume", self.id)
        _, sent = self.finish()
        self.assertTrue(set(v[0] for v in sent.values()) <= {2, 3})

    def test_scheduled_campaign_begins_with_the_new_version(self):
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 4))
        self.begin(rows=10, schedule={"start": at}, state="scheduled")
        self.assertEqual(self.replace(self.correction(2))["changed"], 10)
        self.daemon.kill()
        self.daemon.start()
        _, sent = self.finish()
        self.assertEqual({v[0] for v in sent.values()}, {2})

    def test_cancelled_while_it_is_read_nothing_of_it_stays(self):
        self.begin(rows=3, hold=True, state="held")
        files = {"attachments/%d.txt" % n: "x" * 20000 for n in range(30)}
        path = os.path.join(self.daemon.spool, "mine")
        os.rename(self.correction(2, files=files), path)
        url = "/v1/campaigns/" + self.id
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            self.daemon.request("POST", url + "/replace", {"path": path})))
        thread.start()
        versions = os.path.join(self.daemon.spool, "active", self.id, "versions")
        pt.wait_until(lambda: os.path.isdir(versions) or answers, "the copy", every=0.001)
        second = self.daemon.request("POST", url + "/replace", {"path": path})
        self.daemon.post(url + "/cancel")
        thread.join()
        self.assertIn(second[0], (200, 409))
        self.assertIn(answers[0][0], (200, 409))
        done = os.path.join(self.daemon.spool, "done", self.id)
        pt.wait_until(lambda: os.path.isdir(done), "its folder in done/")
        now = self.daemon.campaign("spring")["version"]
        there = os.path.join(done, "versions")
        self.assertEqual(sorted(os.listdir(there)) if os.path.isdir(there) else [],
                         [str(n) for n in range(2, now + 1)])

    def test_not_when_it_has_ended_or_was_cancelled(self):
        self.begin(rows=3, hold=True, state="held")
        self.daemon.cli("cancel", self.id)
        done = self.replace(self.correction(2), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("has ended", done.stderr)
        self.id = "20200101-none-aaaa"
        self.assertIn("no campaign", self.replace(self.correction(2), check=False).stderr)

    def test_rate_takes_effect_at_once_and_survives_a_restart(self):
        self.begin(rows=400, rate="2/m")
        self.wait_sent(1)
        self.replace(self.correction(2, rate="50/s"))
        begun = time.monotonic()
        self.wait_sent(20)
        self.assertLess(time.monotonic() - begun, 10)  # by the old one: ten minutes
        self.daemon.terminate()
        self.daemon.start()
        self.assertEqual(self.daemon.campaign("spring")["version"], 2)
        before, begun = self.sink.totals()["messages"], time.monotonic()
        self.wait_sent(before + 100)
        self.assertGreater(time.monotonic() - begun, 1.2)
        self.daemon.cli("pause", self.id)
        self.replace(self.correction(3, rate=None))
        self.daemon.cli("resume", self.id)
        self.finish()

    def test_what_can_be_corrected(self):
        self.begin(rows=5, hold=True, state="held")
        self.replace(self.correction(
            2, **{"from": "Acme <hello@other.acme.example>"}, reply_to="help@acme.example",
            preheader="Soon", headers={"X-Team": "crm"}, text=None, files={
                "partials/hi.liquid": "Hi {{ first_name }}", "attachments/terms.txt": "Terms\n",
                "body.html": "<p>{% render 'hi', first_name: first_name %}</p>"}))
        self.daemon.cli("approve", self.id)
        self.finish()
        for record, mail in zip(self.sink.messages(), self.sink.mails()):
            self.assertEqual(header(mail, "From"), "Acme <hello@other.acme.example>")
            self.assertEqual(header(mail, "X-Team"), "crm")
            self.assertEqual(record["from"], "hello@other.acme.example")
            self.assertIn(b"Hi ", mail)
            self.assertIn(b"terms.txt", mail)

    def test_message_ids_stay_when_the_host_has_no_name_for_them(self):
        self.begin(rows=40, rate="20/s", config={"hostname": "localhost"})
        self.wait_sent(5)
        self.replace(self.correction(2, **{"from": "Acme <hello@other.example>"}))
        self.wait_sent(10)
        self.daemon.kill()
        self.daemon.start()
        results, _ = self.finish(repeats=True)
        ids = {r["email"]: r["message_id"] for r in results}
        for record in self.sink.messages():
            self.assertEqual(record["message_id"], ids[record["to"][0]])
            self.assertIn("@mail.acme.example>", record["message_id"])

    # ---- refused ----

    def test_bad_correction_is_told_whole_and_changes_nothing(self):
        self.begin(rows=20, hold=True, state="held")
        before = self.daemon.campaign("spring")
        path = self.correction(2, route="other", schedule={"window": "Mon 08:00-09:00"},
                               required=["city"], list="other", priority=9,
                               files={"body.html": "{% if %}{{ x"})
        done = self.replace(path, check=False)
        self.assertEqual(done.returncode, 1)
        for told in ("replace does not change route", "replace does not change schedule.window",
                     "replace does not change required", "replace does not change list",
                     "replace does not change priority", 'has no route "other"', "body.html:1",
                     "remedy:"):
            self.assertIn(told, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["error"]["code"], "invalid")
        self.assertTrue(all(e["file"] and e["what"] for e in answer["errors"]
                            if e["severity"] == "error"), answer)
        self.rewrite(path, text="missing.txt")
        self.assertIn("missing.txt", self.replace(path, check=False).stderr)
        os.remove(os.path.join(path, "campaign.yaml"))
        self.assertIn("campaign.yaml", self.replace(path, check=False).stderr)
        self.assert_unchanged(before)

    def assert_unchanged(self, before):
        after = self.daemon.campaign("spring")
        for key in ("state", "version", "counts"):
            self.assertEqual(after[key], before[key])
        self.assertNotIn("replace", [h["verb"] for h in after["history"]])
        versions = os.path.join(self.daemon.spool, "active", self.id, "versions")
        self.assertFalse(os.path.isdir(versions) and os.listdir(versions))

    def test_templates_are_checked_against_the_columns_and_keys_against_the_campaign(self):
        self.begin(rows=20, hold=True, state="held", schedule={
            "start": "2026-01-01T08:00", "timezone": "Europe/Berlin", "late": "366d",
            "deadline": "2098-01-01T00:00", "window": "Mon-Sun 00:00-24:00"})
        before = self.daemon.campaign("spring")
        for wrong, told in (
                ({"files": {"body.html": "{{ first_name"}}, r"body\.html:1"),
                ({"schedule": {"start": "2026-01-02T08:00"}}, r"campaign\.yaml:\d+.*schedule\.start"),
                ({"hold": False}, r"campaign\.yaml:\d+.*replace does not change hold"),
                ({"recipients": "others.csv"}, r"replace does not change recipients\.file"),
                ({"class": "transactional"}, r"replace does not change class"),
                ({"again": True}, r"replace does not change again"),
                ({"in_doubt": "hold"}, r"replace does not change in_doubt"),
                ({"brand": "acme"}, r"replace does not change brand"),
                ({"seeds": ["a@b.example"]}, r"replace does not change seeds"),
                ({"subjet": "x"}, r"did you mean"),
                ({"subject": "{{ first_name | nosuchfilter }}"}, r"nosuchfilter")):
            keys = dict(wrong)
            files = keys.pop("files", None)
            subject = keys.pop("subject", None)
            path = self.correction(2, files=files, **keys)
            if subject:
                self.rewrite(path, subject=subject)
            done = self.replace(path, check=False)
            self.assertEqual(done.returncode, 1, wrong)
            self.assertRegex(done.stderr, told)
        self.assert_unchanged(before)
        path = self.correction(2)
        self.rewrite(path, name="summer")
        self.assertIn("replace does not change name", self.replace(path, check=False).stderr)
        self.rewrite(path, name=None)  # then it is called as before
        self.assertEqual(self.replace(path)["version"], 2)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(self.daemon.campaign(self.id)["name"], "spring")

    @staticmethod
    def rewrite(path, **changes):
        with open(os.path.join(path, "campaign.yaml"), encoding="utf-8") as f:
            keys = json.load(f)
        pt._merge(keys, changes)
        with open(os.path.join(path, "campaign.yaml"), "w", encoding="utf-8") as f:
            json.dump(keys, f, indent=1)

    def test_recipients_are_not_read_and_that_is_told(self):
        self.begin(rows=20, hold=True, state="held")
        answer = self.replace(self.correction(2, with_rows=True))
        self.assertEqual([w["file"] for w in answer["warnings"]], ["recipients.csv"])
        there = os.listdir(os.path.join(self.daemon.spool, "active", self.id, "versions", "2"))
        self.assertNotIn("recipients.csv", there)
        self.daemon.cli("approve", self.id)
        self.finish()

    def test_links_and_folders_of_others_are_refused(self):
        self.begin(rows=3, hold=True, state="held")
        path = self.correction(2)
        os.symlink("/etc/passwd", os.path.join(path, "attachments"))
        self.assertIn("link", self.replace(path, check=False).stderr)
        url = "/v1/campaigns/%s/replace" % self.id
        for body in ({}, {"path": "relative"}, {"path": "/etc"},
                     {"path": os.path.join(self.daemon.spool, "active", self.id)},
                     {"path": os.path.join(self.daemon.spool, "incoming", "none")},
                     {"path": self.daemon.spool + "/incoming/../../x"}):
            self.assertEqual(self.daemon.request("POST", url, body)[0], 400, body)
        self.assertEqual(self.daemon.campaign("spring")["version"], 1)

    def test_folder_below_the_spool_is_read_and_stays(self):
        self.begin(rows=3, hold=True, state="held")
        there = os.path.join(self.daemon.spool, "mine")
        os.rename(self.correction(2), there)
        answer = self.daemon.post("/v1/campaigns/%s/replace" % self.id, {"path": there})
        self.assertEqual((answer["version"], answer["changed"]), (2, 3))
        self.assertTrue(os.path.isdir(there))

    @unittest.skipUnless(os.geteuid() == 0, "only root can be two users")
    def test_another_user_is_refused_and_his_copy_removed(self):
        self.begin(rows=3, hold=True, state="held")
        os.chmod(self.folder, 0o755)
        for path in (self.daemon.spool, os.path.join(self.daemon.spool, "incoming"),
                     self.daemon.socket_path):
            os.chmod(path, 0o777)
        copy = os.path.join(self.daemon.spool, "incoming", ".replace-theirs")
        os.rename(self.correction(2), copy)
        for root, folders, files in os.walk(copy):
            os.chown(root, STRANGER, STRANGER)

        def stranger(method, url, body=None):
            done = subprocess.run([sys.executable, "-c", AS_USER, str(STRANGER),
                                   self.daemon.socket_path, method, url,
                                   json.dumps(body) if body else ""],
                                  capture_output=True, text=True, timeout=pt.TIMEOUT)
            self.assertEqual(done.returncode, 0, done.stderr)
            return int(done.stdout)
        url = "/v1/campaigns/" + self.id
        self.assertEqual(stranger("POST", url + "/replace", {"path": copy}), 403)
        pt.wait_until(lambda: not os.path.exists(copy), "the copy to be removed")
        self.assertEqual(stranger("GET", url + "/preview"), 403)
        self.assertEqual(self.daemon.campaign("spring")["version"], 1)

    # ---- kills ----

    def test_killed_right_after_the_answer_it_has_the_new_version(self):
        self.begin(rows=150, rate="60/s", latency="5ms")
        for number in (2, 3, 4):
            self.wait_sent(number * 10)
            self.assertEqual(self.replace(self.correction(number))["version"], number)
            self.daemon.kill()
            self.daemon.start()
            self.assertEqual(self.daemon.campaign("spring")["version"], number)
        self.daemon.terminate()
        self.daemon.start()
        self.assertEqual(self.daemon.campaign("spring")["version"], 4)
        results, sent = self.finish(repeats=True)
        self.assert_accounted(self.sink, self.rows, results)
        self.assertEqual(set(v[-1] for v in sent.values()), {1, 2, 3, 4})
        done = os.path.join(self.daemon.spool, "done", self.id, "versions")
        self.assertEqual(sorted(os.listdir(done)), ["2", "3", "4"])

    def test_killed_while_it_replaces_it_has_the_old_or_the_new_never_a_half(self):
        chance = random.Random(int(os.environ.get("POSTRIDER_CRASH_SEED", "1")))
        self.begin(rows=400, rate="40/s", latency="5ms")
        known, seen = 1, set()
        files = {"attachments/%d.txt" % n: "x" * 20000 for n in range(20)}
        for turn in range(8):
            path = self.correction(known + 1, files=files)
            thread = threading.Thread(target=self.daemon.cli, args=("replace", self.id, path),
                                      kwargs={"check": False})
            thread.start()
            time.sleep(chance.random() * 0.45)
            self.daemon.kill()
            thread.join()
            self.daemon.start()
            self.assert_no_copies()
            now = self.daemon.campaign("spring")["version"]
            self.assertIn(now, (known, known + 1))
            seen.add(now - known)
            versions = os.path.join(self.daemon.spool, "active", self.id, "versions")
            there = sorted(os.listdir(versions)) if os.path.isdir(versions) else []
            self.assertEqual(there, [str(n) for n in range(2, now + 1)])
            known = now
        print("\nkilled 8 times while replacing: version %d, outcomes %s" % (known, seen))
        self.replace(self.correction(known + 1, rate=None))
        results, _ = self.finish(repeats=True)
        self.assert_accounted(self.sink, self.rows, results)

    def test_rows_a_crash_leaves_in_doubt_know_their_version(self):
        self.rows = 8
        self.keys = {"subject": SUBJECT, "in_doubt": "hold"}
        self.sink = self.enter(pt.Sink(self.folder, maildir=True,
                                       rules=["on=dot,stall,times=2"]))
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink, connections=2))
        self.daemon.drop(pt.make_campaign(self.folder, "spring", rows=8,
                                          manifest=dict(self.keys, hold=True)))
        self.id = self.daemon.wait_state("spring", "held")["id"]
        self.keys["hold"] = True
        self.replace(self.correction(2))
        self.daemon.cli("approve", self.id)
        pt.wait_until(lambda: len(self.sink.messages()) == 2, "two without an answer")
        self.daemon.cli("pause", self.id)
        self.daemon.kill()
        self.daemon.start()
        path = "/v1/campaigns/%s/recipients?state=in_doubt" % self.id
        rows = pt.wait_until(lambda: self.daemon.get(path)["recipients"], "the doubts")
        self.assertEqual({r["version"] for r in rows}, {2})
        self.replace(self.correction(3))
        self.daemon.cli("resume", self.id)
        self.daemon.wait_state("spring", "finished")
        self.daemon.terminate()
        self.daemon.start()  # they are sent from done/, in the version that is in force
        self.daemon.cli("resolve", self.id, "--resend")

        def settled():
            campaign = self.daemon.campaign("spring")
            return campaign["state"] == "finished" and campaign["counts"]["delivered"] == 8
        pt.wait_until(settled, "those in doubt")
        results, sent = self.finish(repeats=True)
        self.assertEqual(sorted(len(v) for v in sent.values()), [1] * 6 + [2] * 2)
        self.assertEqual({r["version"] for r in results}, {"3"})

    # ---- preview ----

    def test_preview_shows_what_was_sent_but_for_its_date(self):
        self.begin(rows=60, rate="40/s", latency="5ms")
        self.wait_sent(20)
        self.replace(self.correction(2, **{"from": "Acme <hello@acme.example>"}))
        unsent = self.daemon.cli("preview", self.id, "--row", "60")
        self.assertIn("Subject: Version 2", json.loads(unsent.stdout)["message"])
        self.finish()
        for again in range(2):
            for record, mail in zip(self.sink.messages(), self.sink.mails()):
                if again == 0 or mail.count(b"Version 2"):
                    shown = self.daemon.get("/v1/campaigns/%s/preview?email=%s" % (
                        self.id, record["to"][0]))
                    self.assertEqual(self.without_date(shown["message"].encode()),
                                     self.without_date(mail))
                    self.assertEqual(shown["email"], record["to"][0])
            self.daemon.terminate()
            self.daemon.start()  # from done/ then, without what was in memory

    @staticmethod
    def without_date(mail):
        self_dated = re.sub(rb"(?m)^Date: .*\r\n", b"", mail, count=1)
        assert self_dated != mail
        return self_dated

    def test_preview_of_any_row_and_version(self):
        self.begin(rows=5, hold=True, state="held")
        self.replace(self.correction(2))
        url = "/v1/campaigns/%s/preview" % self.id
        for arguments, told in ((("--version", "1"), "Version 1 for Grace"),
                                (("--version", "2"), "Version 2 for Grace"), ((), "Version 2 for"),
                                (("--row", "3"), "Version 2 for Edsger"),
                                (("--email", "user4@Example.com"), "Version 2 for Barbara")):
            done = subprocess.run([pt.program("postrider"), "--config", self.daemon.config_path,
                                   "preview", self.id, *arguments], capture_output=True, text=True)
            self.assertIn("Subject: " + told, done.stdout, done.stderr)
        for arguments, told in ((("--row", "6"), "there is no row 6"),
                                (("--version", "3"), "no version 3: the last is 2"),
                                (("--email", "who@example.com"), "no row has the address"),
                                (("--row", "x"), "from 1"), (("--version", "0"), "from 1")):
            done = self.daemon.cli("preview", self.id, *arguments, check=False)
            self.assertIn(told, done.stderr)
        self.assertEqual(self.daemon.request("GET", url + "?row=0")[0], 400)
        self.assertEqual(self.daemon.request("GET", url + "?row=1&email=user1@example.com")[0], 400)
        self.assertEqual(self.daemon.request("GET", url + "?row=99")[0], 404)
        status, plain = self.daemon.request("GET", url + "?row=1", None,
                                            {"Accept": "message/rfc822"})
        self.assertIn("Subject: Version 2", plain)
        self.assertEqual(self.daemon.cli("preview", "20200101-none-aaaa", check=False).returncode, 1)


if __name__ == "__main__":
    unittest.main()
