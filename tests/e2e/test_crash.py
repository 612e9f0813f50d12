"""Promise 1, "Accounted", against kill -9: the daemon is killed again and again in the middle of
a run and started again each time; then the sink's log is held against what was reported.

The moments are drawn by seed, as shares of the run. $POSTRIDER_CRASH_ROWS (20000),
$POSTRIDER_CRASH_LATENCY (10ms, of the sink) and $POSTRIDER_CRASH_SEED change the run: 100000 is the number promised.
"""
import collections
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import accounted
import postrider_test as pt
from accounted import SOON

ROWS = int(os.environ.get("POSTRIDER_CRASH_ROWS", "20000"))
LATENCY = os.environ.get("POSTRIDER_CRASH_LATENCY", "10ms")
SEED = int(os.environ.get("POSTRIDER_CRASH_SEED", "1"))
KILLS = 20
CONNECTIONS = 20


class KillTest(accounted.TestCase):
    """One campaign, killed at random moments of its run."""

    def kill_often(self, rows, kills, in_doubt="resend", connections=CONNECTIONS, seed=SEED,
                   protocol=("--no-chunking",), tls="none"):
        """Returns (sink, daemon, the doubts each restart reported) with the run at its end.
        protocol: options of the sink."""
        chance = random.Random(seed)
        moments = sorted(chance.sample(range(rows * 95 // 100), kills))
        sink = self.enter(pt.Sink(self.folder, *protocol, commands=True, latency=LATENCY))
        daemon = self.enter(pt.Daemon(
            self.folder, relay=sink, connections=connections,
            config={"retry": SOON, "routes": {"default": {"tls": tls}}}))
        daemon.drop(pt.make_campaign(self.folder, "crash", rows=rows,
                                     manifest={"in_doubt": in_doubt}))
        doubts = []
        for moment in moments:
            self.run_until(daemon, moment)
            time.sleep(chance.random() * 0.02)
            daemon.kill()
            starts = 1
            while chance.random() < 0.2:  # also while it recovers
                daemon.start(wait=False)
                time.sleep(chance.random() * 0.1)
                daemon.kill()
                starts += 1
            daemon.start()
            found = daemon.get("/v1/status")["in_doubt_total"]
            self.assertLessEqual(found, 2 * connections * starts)
            doubts.append(found)
            campaign = daemon.campaign("crash")
            if campaign and campaign["state"] != "importing":
                self.assert_counts(campaign, rows)
        return sink, daemon, doubts

    def run_until(self, daemon, moment):
        """Until so many rows have an outcome. The run must not be over yet."""
        def there():
            campaign = daemon.campaign("crash")
            if not campaign or campaign["state"] == "importing":
                return moment == 0
            self.assertIn(campaign["state"], ("scheduled", "sending"))
            counts = campaign["counts"]
            return counts["total"] - counts["pending"] - counts["sending"] >= moment
        pt.wait_until(there, "%d outcomes" % moment, every=0.01)

    def check_killed(self, rows, kills, **how):
        """Nothing was lost, and only what was in doubt repeated; returns the sink."""
        sink, daemon, doubts = self.kill_often(rows, kills, **how)
        campaign = daemon.wait_state("crash", "finished", timeout=rows / 500 + 60)
        self.assertEqual(campaign["counts"]["delivered"] + campaign["needs_decision"], rows)
        results = daemon.results(campaign)
        repeated = self.assert_accounted(sink, rows, results)
        doubted = sum(r["doubted"] == "1" for r in results)
        self.assertEqual(doubted, campaign["in_doubt_ever"])
        self.assertGreater(doubted, 0, "no kill fell on a message on the wire: no test at all")
        print("\n%d rows, %d kills, in doubt per kill %s, %d rows ever in doubt, %d repeated" % (
            rows, kills, doubts, doubted, repeated))
        return sink

    def test_twenty_kills_lose_nothing_and_repeat_only_what_was_in_doubt(self):
        self.check_killed(ROWS, KILLS)

    def test_nor_do_kills_in_tls_and_by_bdat(self):
        sink = self.check_killed(ROWS // 4, KILLS // 3, protocol=("--tls", "required"),
                                 tls="required")
        self.assertEqual({m.get("tls") for m in sink.messages()}, {"TLSv1.3"})
        self.assertGreater(len(sink.commands("BDAT")), ROWS // 4)

    def test_held_doubts_wait_for_a_person_who_resolves_them(self):
        """In the midst of the run, after its end, and after a restart behind its end."""
        rows = 4000
        sink, daemon, doubts = self.kill_often(rows, 5, in_doubt="hold")
        campaign = daemon.campaign("crash")
        path = "/v1/campaigns/%s/resolve" % campaign["id"]
        self.assertEqual(campaign["needs_decision"], campaign["counts"]["in_doubt"])
        lost = self.in_doubt(daemon, campaign)  # those will go again
        self.assertEqual(daemon.post(path, {"as": "resend", "rows": lost[:10]})["changed"], 10)

        daemon.kill()  # they may be on the wire by now, and be in doubt once more
        daemon.start()
        campaign = daemon.wait_state("crash", "finished")  # held rows do not keep it
        held = campaign["needs_decision"]
        self.assertGreaterEqual(held, sum(doubts) - 10)
        self.assertEqual(campaign["counts"]["in_doubt"], held)
        self.assertEqual(campaign["counts"]["delivered"], rows - held)
        in_doubt = [int(r["row"]) for r in daemon.results(campaign) if r["state"] == "in_doubt"]
        self.assertEqual(len(in_doubt), held)

        taken = in_doubt[: held // 2]  # the person knows that these arrived
        self.assertEqual(daemon.post(path, {"as": "delivered", "rows": taken})["changed"],
                         len(taken))
        campaign = daemon.wait_state("crash", "finished")
        self.assertEqual(campaign["needs_decision"], held - len(taken))

        daemon.terminate()
        daemon.start()
        self.assertEqual(daemon.post(path, {"as": "resend"})["changed"], held - len(taken))

        def resolved():
            campaign = daemon.campaign("crash")
            return campaign["state"] == "finished" and campaign["counts"]["delivered"] == rows
        pt.wait_until(resolved, "the resolved rows")
        campaign = daemon.campaign("crash")
        self.assertEqual(campaign["needs_decision"], 0)
        self.assertEqual(os.listdir(os.path.join(daemon.spool, "active")), [])
        with self.assertRaises(pt.HTTPError):
            daemon.post(path, {"as": "resend"})  # nothing is in doubt any more
        self.check_resolved(sink, daemon.results(campaign), taken)

    def check_resolved(self, sink, results, taken):
        copies = collections.Counter(m["to"][0] for m in sink.messages())
        for r in results:
            self.assertEqual(r["state"], "delivered", r)
            if int(r["row"]) in taken:
                self.assertEqual(r["doubted"], "1", r)
                self.assertLessEqual(copies[r["email"]], int(r["attempts"]), r)
            elif r["doubted"] == "1":
                self.assertIn(copies[r["email"]], range(1, int(r["attempts"]) + 1), r)
            else:
                self.assertEqual(copies[r["email"]], 1, r)

    def in_doubt(self, daemon, campaign):
        path = "/v1/campaigns/%s/recipients?state=in_doubt&limit=1000" % campaign["id"]
        return [r["row"] for r in daemon.get(path)["recipients"]]

    def test_rows_on_the_wire_when_a_campaign_is_cancelled_are_in_doubt_after_a_kill(self):
        sink = self.enter(pt.Sink(self.folder, "--no-chunking", rules=["on=dot,stall"],
                                  commands=True))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, connections=4))
        daemon.drop(pt.make_campaign(self.folder, "cancelled", rows=500))
        pt.wait_until(lambda: len(sink.messages()) == 4, "four messages without an answer")
        campaign = daemon.campaign("cancelled")
        daemon.post("/v1/campaigns/%s/cancel" % campaign["id"])
        daemon.kill()
        daemon.start()
        campaign = daemon.wait_state("cancelled", "cancelled")
        self.assertEqual(campaign["counts"]["in_doubt"], 4)
        self.assertEqual(campaign["counts"]["cancelled"], 496)
        self.assertEqual(campaign["needs_decision"], 4)
        there = os.path.join(daemon.spool, "done", campaign["id"])
        pt.wait_until(lambda: os.path.isdir(there), "its folder in done/")
        seen = {m["to"][0] for m in sink.messages()}
        for r in daemon.results(campaign):
            self.assertEqual(r["state"], "in_doubt" if r["email"] in seen else "cancelled", r)

    def test_kills_around_the_end_let_each_campaign_finish_once(self):
        rows, chance = 300, random.Random(SEED)
        sink = self.enter(pt.Sink(self.folder, commands=True))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, config={"retry": SOON}))
        for i in range(8):
            name = "end%d" % i
            daemon.drop(pt.make_campaign(self.folder, name, rows=rows, domains=i + 2))
            delivered = (i + 1) * rows
            pt.wait_until(lambda: sink.totals()["messages"] >= delivered - chance.randint(0, 9),
                          "the last messages", every=0.002)
            time.sleep(chance.random() * 0.25)
            daemon.kill()
            daemon.start()
            campaign = daemon.wait_state(name, "finished")
            self.assertEqual(campaign["counts"]["delivered"], rows)
            self.assertEqual(len(daemon.results(campaign)), rows)
        self.assertEqual(os.listdir(os.path.join(daemon.spool, "active")), [])

    def test_sigterm_in_the_midst_of_a_run_leaves_nothing_in_doubt(self):
        rows = 2000
        sink = self.enter(pt.Sink(self.folder, commands=True, latency="20ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink))
        daemon.drop(pt.make_campaign(self.folder, "drained", rows=rows))
        for part in (5, 3, 2):
            pt.wait_until(lambda: len(sink.messages()) > rows // part, "a part of the run")
            self.assertEqual(daemon.terminate(), 0)
            sent = len(sink.messages())
            daemon.start()
            self.assertEqual(daemon.get("/v1/status")["in_doubt_total"], 0)
            self.assertGreaterEqual(daemon.campaign("drained")["counts"]["delivered"], sent)
        campaign = daemon.wait_state("drained", "finished")
        self.assertEqual(campaign["counts"]["delivered"], rows)
        self.assertEqual(campaign["in_doubt_ever"], 0)
        self.assertEqual(self.assert_accounted(sink, rows, daemon.results(campaign)), 0)

    def test_rows_about_to_be_sent_again_can_be_resolved(self):
        """Rows that wait in memory for the campaign's rate are resolved, not sent."""
        sink = self.enter(pt.Sink(self.folder, rules=["on=dot,stall,times=8"]))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, config={"retry": SOON}))
        daemon.drop(pt.make_campaign(self.folder, "slow", rows=8, manifest={"rate": "4/s"}))
        pt.wait_until(lambda: len(sink.messages()) == 8, "eight messages without an answer")
        daemon.kill()
        daemon.start()
        self.assertEqual(daemon.campaign("slow")["counts"]["in_doubt"], 8)
        pt.wait_until(lambda: len(sink.messages()) >= 9, "the first that is sent again")
        campaign = daemon.campaign("slow")
        path = "/v1/campaigns/%s/resolve" % campaign["id"]
        changed = daemon.post(path, {"as": "delivered"})["changed"]
        self.assertGreater(changed, 3)
        campaign = daemon.wait_state("slow", "finished")
        self.assertEqual(campaign["counts"]["delivered"], 8)
        self.assertLessEqual(len(sink.messages()), 16 - changed)


if __name__ == "__main__":
    unittest.main()
