"""A person asks what is held of them, and is forgotten: nothing under spool and state names them
any more, every count is what it was, and they do not come back, whatever is restored."""
import json
import os
import shutil
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt  # noqa: E402

PERSON = "Jane.Roe@example.com"
SECRET = "Zanzibar-4711"  # what the person's row says besides
OTHERS = 20
BOUNCE = 'on=rcpt,match=*ane.?oe@example.com,reply="550 5.1.1 <Jane.Roe@example.com> unknown here"'


def recipients(rows=OTHERS, person=PERSON, at=7):
    lines = ["email,first_name,last_name,city,product,code,points,recommended_by"]
    for row in range(1, rows + 1):
        email = person if row == at else "user%d@example.com" % row
        city = SECRET if row == at else "Lisbon"
        by = PERSON.lower() if row == 2 else ""
        lines.append("%s,Ada,Number%d,%s,Model 5,C-1,7,%s" % (email, row, city, by))
    return "\n".join(lines) + "\n"


def files_of(*roots):
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in names:
                yield os.path.join(folder, name)


def traces(daemon, what=PERSON):
    """Files under spool and state that hold it, in any letter case."""
    found = []
    for path in files_of(daemon.spool, daemon.state):
        try:
            with open(path, "rb") as f:
                if what.lower().encode() in f.read().lower():
                    found.append(path)
        except FileNotFoundError:
            pass
    return found


class ForgetCase(pt.TestCase):
    def drop(self, daemon, name, text=None, **manifest):
        daemon.drop(pt.make_campaign(self.folder, name, recipients=text or recipients(),
                                     manifest=manifest))

    def forget(self, daemon, address=PERSON):
        return json.loads(daemon.cli("forget", address).stdout)

    def export(self, daemon, address=PERSON):
        return json.loads(daemon.cli("export", address).stdout)

    def assert_adds_up(self, campaign, total=OTHERS):
        counts = dict(campaign["counts"])
        self.assertEqual(counts.pop("total"), total)
        self.assertEqual(sum(counts.values()), total, campaign["counts"])

    def assert_no_trace(self, daemon):
        for what in (PERSON, SECRET):
            self.assertEqual(traces(daemon, what), [], what)

    def finished(self, daemon, name, **manifest):
        self.drop(daemon, name, **manifest)
        return daemon.wait_state(name, "finished")


class EverywhereTest(ForgetCase):
    def begin(self):
        """One campaign finished with a bounce of the person, one sending slowly, one that waits
        for approval, one paused, one refused; a suppression of before; a returned mail."""
        sink = self.enter(pt.Sink(self.folder, rules=[BOUNCE]))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink))
        self.finished(daemon, "old")
        self.drop(daemon, "slow", rate="2/s")
        self.drop(daemon, "held", hold=True)
        self.drop(daemon, "paused", rate="1/s")
        self.drop(daemon, "refused", text=recipients(), subject="{{ nothing")
        self.finished(daemon, "doubled", text=recipients().replace(
            "user9@", "x " + PERSON.upper() + " x@"))
        daemon.wait_state("slow", "sending")
        daemon.wait_state("held", "held")
        paused = daemon.wait_state("paused", "sending")
        daemon.post("/v1/campaigns/%s/pause" % paused["id"])
        pt.wait_until(lambda: os.listdir(os.path.join(daemon.spool, "rejected")), "a refusal")
        daemon.cli("suppress", "add", PERSON, "--list", "news", "--reason", "unsubscribed")
        daemon.cli("contacts", "set", PERSON, "city=" + SECRET)
        shop = os.path.join(self.folder, "shop.jsonl")
        with open(shop, "w", encoding="utf-8") as f:
            f.write(json.dumps({"email": PERSON, "event": "order", "time": "2026-05-01T10:00:00Z",
                                "amount": 12.5, "item": SECRET}) + "\n")
        daemon.cli("track", "import", shop)
        os.makedirs(os.path.join(daemon.state, "feedback", "new"), exist_ok=True)
        with open(os.path.join(daemon.state, "feedback", "new", "1.mail"), "w",
                  encoding="utf-8") as f:
            f.write("To: bounces\n\n<%s>: unknown\n" % PERSON)
        return sink, daemon

    def test_nothing_names_the_person_any_more_and_all_counts_stay(self):
        sink, daemon = self.begin()
        self.assertGreater(len(traces(daemon)), 6)
        before = {c["name"]: c["counts"] for c in daemon.campaigns() if c["state"] == "finished"}
        answer = self.forget(daemon)
        self.assert_no_trace(daemon)
        self.assertEqual(answer["left"], [])
        self.assertGreater(len(answer["out_of_reach"]), 2)
        # One row each of five campaigns, and the one that named the person by mistake.
        self.assertEqual((answer["rows"], answer["campaigns"]), (6, 5))
        for campaign in daemon.campaigns():
            self.assert_adds_up(campaign)
            if campaign["name"] in before:
                self.assertEqual(campaign["counts"], before[campaign["name"]])
        for name in ("held", "paused", "slow"):
            campaign = daemon.campaign(name)
            rows = daemon.get("/v1/campaigns/%s/recipients?after=6&limit=1" % campaign["id"])
            self.assertEqual(rows["recipients"][0]["state"], "suppressed", name)
            self.assertEqual(rows["recipients"][0]["email"], "", name)
        self.assertEqual([r for r in sink.messages(False) if PERSON.lower() in r["to"]], [])
        self.check_old(daemon)
        self.check_end(daemon)

    def check_old(self, daemon):
        """The report of a campaign that had finished: the row is there, and says what became of
        it, not of whom."""
        old = daemon.campaign("old")
        rows = daemon.results(old)
        self.assertEqual(len(rows), OTHERS)
        self.assertEqual((rows[6]["row"], rows[6]["email"], rows[6]["state"], rows[6]["code"]),
                         ("7", "", "bounced", "550"))
        self.assertEqual(rows[6]["reply"], "")
        self.assertEqual(rows[7]["email"], "user8@example.com")
        events = [e for e in daemon.get("/v1/events?limit=1000")["events"]
                  if e["campaign"] == old["id"] and e.get("row") == 7]
        self.assertEqual([e["type"] for e in events], ["bounced"])

    def check_end(self, daemon):
        """What is under way ends well, and its end brings nothing back."""
        for name in ("held", "paused"):
            verb = "approve" if name == "held" else "resume"
            daemon.post("/v1/campaigns/%s/%s" % (daemon.campaign(name)["id"], verb))
        for name in ("held", "slow"):
            campaign = daemon.wait_state(name, "finished")
            self.assert_adds_up(campaign)
            self.assertEqual(campaign["counts"]["delivered"], OTHERS - 1)
            self.assertEqual(campaign["counts"]["suppressed"], 1)
        self.assert_no_trace(daemon)
        daemon.terminate()
        daemon.start()
        self.assertEqual(daemon.campaign("held")["counts"]["suppressed"], 1)
        self.assert_no_trace(daemon)

    def test_an_export_tells_all_that_is_held_until_it_is_not(self):
        _, daemon = self.begin()
        told = self.export(daemon)
        rows = {row["campaign"].split("-")[1]: row for row in told["campaigns"]}
        self.assertEqual(set(rows), {"old", "slow", "held", "paused", "doubled"})
        self.assertEqual(rows["old"]["state"], "bounced")
        self.assertIn("unknown here", rows["old"]["reply"])
        self.assertEqual(rows["old"]["fields"]["city"], SECRET)
        self.assertEqual(rows["old"]["engagement"], [])
        self.assertEqual({(s["scope"], s["reason"]) for s in told["suppressions"]},
                         {("all", "bounced"), ("list news", "unsubscribed")})
        self.assertIn("add", {line["verb"] for line in told["audit"]})
        self.assertEqual(told["contact"]["attributes"], {"city": SECRET})
        events = [(e["name"], e["item"]) for e in told["customer_events"]]
        self.assertEqual([e for e in events if e[0] not in ("bounce", "sent")],
                         [("order", SECRET)])
        self.assertIn(("bounced", rows["old"]["campaign"]),
                      [(e["type"], e["campaign"]) for e in told["events"]])
        self.assertTrue(any(path.endswith("feedback/new/1.mail") for path in told["files"]))
        self.assertTrue(any("/rejected/refused" in path for path in told["files"]))
        self.forget(daemon)
        told = self.export(daemon)
        self.assertEqual((told["campaigns"], told["events"], told["files"]), ([], [], []))
        self.assertEqual((told["contact"], told["customer_events"]), (None, []))
        self.assertEqual({s["reason"] for s in told["suppressions"]},
                         {"unsubscribed", "forgotten"})
        self.assertNotIn("@", json.dumps(told["suppressions"] + told["audit"]))

    def test_what_belongs_to_the_campaign_is_told_and_left_alone(self):
        sink = self.enter(pt.Sink(self.folder))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink))
        path = pt.make_campaign(self.folder, "quoting", recipients=recipients(),
                                manifest={"reply_to": PERSON},
                                files={"body.txt": "Ask %s" % PERSON})
        daemon.drop(path)
        campaign = daemon.wait_state("quoting", "finished")
        answer = self.forget(daemon)
        self.assertEqual(sorted(line.split(" names")[0] for line in answer["left"]),
                         ["done/%s/body.txt" % campaign["id"],
                          "done/%s/campaign.yaml" % campaign["id"]])
        self.assertEqual(traces(daemon, SECRET), [])

    def test_an_error_that_quotes_them_is_told_without_them(self):
        rule = 'on=mail,reply="421 4.7.0 too much for %s",times=1' % PERSON
        sink = self.enter(pt.Sink(self.folder, rules=[rule]))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, connections=1))
        self.drop(daemon, "slow", rate="2/s")
        pt.wait_until(lambda: PERSON in str((daemon.campaign("slow") or {}).get("last_error")),
                      "the error")
        self.forget(daemon)
        self.assertIn("too much for ***", daemon.campaign("slow")["last_error"])
        daemon.wait_state("slow", "finished")
        self.assert_no_trace(daemon)

    def test_people_with_longer_addresses_are_somebody_else(self):
        sink = self.enter(pt.Sink(self.folder))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink))
        other = "mary-" + PERSON
        text = recipients().replace("user3@example.com", other)
        self.drop(daemon, "near", text)
        campaign = daemon.wait_state("near", "finished")
        self.forget(daemon)
        rows = daemon.results(campaign)
        self.assertEqual((rows[2]["email"], rows[6]["email"]), (other, ""))
        path = "/v1/recipient?address=" + other
        self.assertEqual(daemon.get(path)["campaigns"][0]["state"], "delivered")


class ComingBackTest(ForgetCase):
    def begin(self):
        sink = self.enter(pt.Sink(self.folder, rules=[BOUNCE]))
        return sink, self.enter(pt.Daemon(self.folder, relay=sink))

    def test_a_new_campaign_does_not_bring_them_back(self):
        sink, daemon = self.begin()
        self.forget(daemon)
        campaign = self.finished(daemon, "new")
        self.assert_adds_up(campaign)
        self.assertEqual(campaign["counts"]["suppressed"], 1)
        self.assertEqual(traces(daemon, SECRET), [])
        daemon.terminate()
        daemon.start()
        self.assertEqual(daemon.campaign("new")["counts"]["suppressed"], 1)
        rows = daemon.results(campaign)
        self.assertEqual((rows[6]["email"], rows[6]["reply"]), ("", "forgotten"))

    def test_a_finished_folder_from_a_backup_is_erased_by_the_next_start(self):
        sink, daemon = self.begin()
        campaign = self.finished(daemon, "old")
        path = os.path.join(daemon.spool, "done", campaign["id"])
        backup = os.path.join(self.folder, "backup")
        daemon.terminate()
        shutil.copytree(path, backup)
        daemon.start()
        self.forget(daemon)
        daemon.terminate()
        shutil.rmtree(path)
        shutil.copytree(backup, path)
        self.assertNotEqual(traces(daemon), [])
        daemon.start()
        pt.wait_until(lambda: not traces(daemon) and not traces(daemon, SECRET),
                      "the restored folder to be erased")
        self.assertEqual(len(daemon.results(campaign)), OTHERS)
        self.assertNotIn(PERSON.lower(), daemon.log().lower())

    def test_a_restored_campaign_sends_nothing_to_them_when_it_is_adopted(self):
        sink, daemon = self.begin()
        self.drop(daemon, "slow", text=recipients(at=19), rate="5/s")
        campaign = daemon.wait_state("slow", "sending")
        pt.wait_until(lambda: daemon.campaign("slow")["counts"]["delivered"] >= 2, "two")
        daemon.terminate()
        path = os.path.join(daemon.spool, "active", campaign["id"])
        backup = os.path.join(self.folder, "backup")
        shutil.copytree(path, backup)
        daemon.start()
        self.forget(daemon)
        daemon.terminate()
        shutil.rmtree(path)
        shutil.copytree(backup, path)
        daemon.start()
        self.assertEqual(daemon.wait_state("slow", "held")["reason"], "restored")
        pt.wait_until(lambda: not traces(daemon) and not traces(daemon, SECRET),
                      "the restored folder to be erased")
        daemon.cli("adopt", campaign["id"], "--trust-ledger")
        campaign = daemon.wait_state("slow", "finished")
        self.assert_adds_up(campaign)
        self.assertEqual(campaign["counts"]["suppressed"], 1)
        self.assertEqual(daemon.results(campaign)[18]["state"], "suppressed")
        self.assertEqual([r for r in sink.messages(False) if PERSON.lower() in
                          [to.lower() for to in r["to"]]], [])
        self.assert_no_trace(daemon)

    def test_they_may_be_written_to_again_when_the_tombstone_is_removed(self):
        sink, daemon = self.begin()
        self.forget(daemon)
        daemon.cli("suppress", "remove", PERSON)
        campaign = self.finished(daemon, "again")
        self.assertEqual(campaign["counts"]["suppressed"], 0)
        self.assertEqual(daemon.results(campaign)[6]["email"], PERSON)


class InterruptedTest(ForgetCase):
    def test_killed_again_and_again_it_is_finished_in_the_end(self):
        sink = self.enter(pt.Sink(self.folder, rules=[BOUNCE]))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink))
        for n in range(6):
            self.finished(daemon, "old%d" % n, again=True)
        self.drop(daemon, "held", hold=True)
        daemon.wait_state("held", "held")
        for n in range(6):
            asked = threading.Thread(target=self.try_to_forget, args=(daemon,))
            asked.start()
            asked.join(0.004 * n * n)
            daemon.kill()
            asked.join()
            daemon.start()
        pt.wait_until(lambda: not traces(daemon) and not traces(daemon, SECRET), "the end of it")
        self.forget(daemon)
        self.assert_no_trace(daemon)
        for campaign in daemon.campaigns():
            self.assert_adds_up(campaign)
        self.assertEqual(len(daemon.get("/v1/events?limit=1000")["events"]),
                         len({e["id"] for e in daemon.get("/v1/events?limit=1000")["events"]}))

    @staticmethod
    def try_to_forget(daemon):
        try:
            daemon.request("POST", "/v1/forget", {"address": PERSON})
        except OSError:
            pass
        except Exception as e:  # the connection broke off in an answer
            if "http" not in type(e).__module__:
                raise

    def test_while_a_message_is_on_its_way_it_is_waited_for(self):
        sink = self.enter(pt.Sink(self.folder, latency="300ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, connections=1))
        self.drop(daemon, "now", text=recipients(at=1))
        daemon.wait_state("now", "sending")
        self.forget(daemon)
        self.assert_no_trace(daemon)
        campaign = daemon.wait_state("now", "finished", "cancelled")
        self.assert_adds_up(campaign)
        told = [r for r in sink.messages() if PERSON.lower() in [to.lower() for to in r["to"]]]
        self.assertEqual(len(told) + campaign["counts"]["suppressed"], 1)
        self.assert_no_trace(daemon)


class WhoTest(ForgetCase):
    def test_wrong_addresses_are_refused(self):
        daemon = self.enter(pt.Daemon(self.folder))
        for address in ("", "nobody", "a@", "@b.example"):
            status, _ = daemon.request("POST", "/v1/forget", {"address": address})
            self.assertEqual(status, 400, address)
            status, _ = daemon.request("GET", "/v1/export?address=" + address)
            self.assertEqual(status, 400, address)
        self.assertEqual(daemon.request("POST", "/v1/forget", {"who": PERSON})[0], 400)

    def test_an_export_goes_to_a_new_file_of_ones_own(self):
        daemon = self.enter(pt.Daemon(self.folder))
        path = os.path.join(self.folder, "jane.json")
        daemon.cli("export", PERSON, "--out", path)
        with open(path, encoding="utf-8") as f:
            self.assertEqual(json.load(f)["address"], PERSON)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(daemon.cli("export", PERSON, "--out", path, check=False).returncode, 1)

    def test_somebody_who_never_was_here_is_forgotten_all_the_same(self):
        daemon = self.enter(pt.Daemon(self.folder))
        answer = self.forget(daemon)
        self.assertEqual((answer["rows"], answer["campaigns"], answer["left"]), (0, 0, []))
        self.assertEqual(self.forget(daemon)["rows"], 0)
        self.assert_no_trace(daemon)


if __name__ == "__main__":
    unittest.main()
