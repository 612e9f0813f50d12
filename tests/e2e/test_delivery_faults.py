"""Promise 1, "Accounted", against receivers that misbehave: whatever the sink does wrong, counts
are exact by its own log, nothing is lost, and nothing arrives twice that was not in doubt."""
import collections
import os
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import accounted
import postrider_test as pt
from accounted import SOON

ROWS = 300


class Faults(accounted.TestCase):
    protocol = ()  # options of the sink
    tls = "none"

    def run_campaign(self, rules, rows=ROWS, options=(), manifest=None, retry=SOON,
                     connections=10, timeout=30):
        """A whole campaign against these rules; returns (campaign, results, sink)."""
        folder = tempfile.mkdtemp(dir=self.folder)
        with pt.Sink(folder, *options, *self.protocol, rules=rules, commands=True) as sink, \
             pt.Daemon(folder, relay=sink, connections=connections,
                       config={"retry": retry, "routes": {"default": {"tls": self.tls}}}) as daemon:
            daemon.drop(pt.make_campaign(folder, "faults", rows=rows, manifest=manifest))
            campaign = daemon.wait_state("faults", "finished", timeout=timeout)
            results = daemon.results(campaign)
            self.assert_counts(campaign, rows)
            self.check(sink, campaign, results)
            self.assertEqual(sink.totals()["faults"] > 0, bool(rules))
        return campaign, results, sink

    def check(self, sink, campaign, results):
        """What holds under every fault."""
        counts = collections.Counter(r["state"] for r in results)
        for state, n in campaign["counts"].items():
            if state != "total":
                self.assertEqual(counts[state], n, state)
        doubted = sum(r["doubted"] == "1" for r in results)
        self.assertEqual(doubted, campaign["in_doubt_ever"])
        taken = collections.Counter(m["to"][0] for m in sink.messages())
        for r in results:
            n = taken[r["email"]]
            if r["doubted"] == "0":
                self.assertEqual(n, 1 if r["state"] == "delivered" else 0, r)
            else:
                self.assertLessEqual(n, int(r["attempts"]), r)
                self.assertGreaterEqual(n, r["state"] == "delivered", r)


class FaultsTest(Faults):
    protocol = ("--no-chunking",)  # by BDAT a message is whole on the wire before any answer

    # ---- connections that drop ----

    def test_a_connection_dropped_at_any_command_loses_nothing(self):
        def run(command, when):
            # Here and there, not a run of them: the lane's pauses grow with those.
            every = 2 if command in ("connect", "ehlo") else 20
            return self.run_campaign(["on=%s,every=%d,times=8,drop=%s" % (command, every, when)])

        # Then the last octets were on their way, and no answer came.
        in_doubt = (("data", "after"), ("body", "before"), ("body", "after"), ("dot", "before"))
        cases = [{"command": command, "when": when} for when in ("before", "after")
                 for command in ("connect", "ehlo", "mail", "rcpt", "data", "body", "dot")]
        for (campaign, _, _), case in self.run_each(cases, run):
            self.assertEqual(campaign["counts"]["delivered"], ROWS)
            self.assertEqual(campaign["in_doubt_ever"],
                             8 if tuple(case.values()) in in_doubt else 0)

    def test_a_message_whose_answer_never_comes_is_in_doubt_and_sent_again(self):
        rules = ["on=dot,share=10%,tries=1,drop=before"]
        campaign, results, sink = self.run_campaign(rules)
        self.assertEqual(campaign["counts"]["delivered"], ROWS)
        self.assertGreater(campaign["in_doubt_ever"], 10)
        taken = collections.Counter(m["to"][0] for m in sink.messages())
        for r in results:
            self.assertEqual(taken[r["email"]], 2 if r["doubted"] == "1" else 1, r)

    def test_in_doubt_three_times_waits_for_a_person(self):
        rules = ["on=dot,match=user7@*,drop=before"]
        campaign, results, sink = self.run_campaign(rules)
        self.assertEqual(campaign["counts"]["in_doubt"], 1)
        self.assertEqual(campaign["needs_decision"], 1)
        self.assertEqual(campaign["counts"]["delivered"], ROWS - 1)
        self.assertEqual(results[6]["attempts"], "3")
        self.assertEqual(sum(m["to"][0] == "user7@example.com" for m in sink.messages()), 3)

    def test_with_hold_a_row_in_doubt_is_never_sent_again(self):
        rules = ["on=dot,share=5%,drop=before"]
        campaign, results, sink = self.run_campaign(rules, manifest={"in_doubt": "hold"})
        held = campaign["counts"]["in_doubt"]
        self.assertGreater(held, 3)
        self.assertEqual(campaign["needs_decision"], held)
        self.assertEqual(campaign["counts"]["delivered"], ROWS - held)
        taken = collections.Counter(m["to"][0] for m in sink.messages())
        self.assertEqual(max(taken.values()), 1)

    # ---- answers ----

    def test_refusals_of_rcpt_bounce_exactly_those(self):
        rules = ["on=rcpt,share=20%,reply=550 5.1.1 no such user"]
        campaign, results, sink = self.run_campaign(rules)
        refused = {c["argument"] for c in sink.commands("RCPT") if c["code"] == 550}
        self.assertGreater(len(refused), ROWS // 10)
        self.assertEqual(campaign["counts"]["bounced"], len(refused))
        for r in results:
            self.assertEqual(r["state"], "bounced" if r["email"] in refused else "delivered", r)
            if r["state"] == "bounced":
                self.assertEqual((r["code"], r["enhanced"], r["class"], r["attempts"]),
                                 ("550", "5.1.1", "user_unknown", "1"))

    def test_deferrals_succeed_at_their_next_try(self):
        def run(command):
            rules = ["on=%s,share=20%%,tries=1,reply=451 4.3.0 later" % command]
            if command == "mail":  # knows no recipient yet
                rules = ["on=mail,every=40,times=5,reply=451 4.3.0 later"]
            return self.run_campaign(rules)

        cases = [{"command": c} for c in ("mail", "rcpt", "data", "dot")]
        for (campaign, results, _), _ in self.run_each(cases, run):
            self.assertEqual(campaign["counts"]["delivered"], ROWS)
            self.assertEqual(campaign["in_doubt_ever"], 0)
            self.assertGreaterEqual(sum(r["attempts"] == "2" for r in results), 5)

    def test_a_message_refused_at_its_end_bounces(self):
        rules = ["on=dot,share=10%,reply=554 5.6.0 not this one"]
        campaign, results, sink = self.run_campaign(rules)
        refused = {m["to"][0] for m in sink.messages(accepted=False) if m["code"] == 554}
        self.assertGreater(len(refused), 10)
        self.assertEqual({r["email"] for r in results if r["state"] == "bounced"}, refused)

    def test_421_at_any_point_costs_no_row_its_place(self):
        def run(command):
            every = 2 if command in ("connect", "ehlo") else 25
            return self.run_campaign(["on=%s,every=%d,times=5,reply=421 4.3.2 closing" % (
                command, every)])

        cases = [{"command": c} for c in ("connect", "ehlo", "mail", "rcpt", "data", "dot")]
        for (campaign, _, _), _ in self.run_each(cases, run):
            self.assertEqual(campaign["counts"]["delivered"], ROWS)
            self.assertEqual(campaign["in_doubt_ever"], 0)

    def test_what_is_not_smtp_ends_the_connection_and_loses_nothing(self):
        def run(command, garbage):
            every = 2 if command in ("connect", "ehlo") else 40
            return self.run_campaign(["on=%s,every=%d,times=4,%s" % (command, every, garbage)])

        cases = [{"command": c, "garbage": g} for g in ("garbage", "garbage=100000")
                 for c in ("connect", "ehlo", "mail", "rcpt", "data", "dot")]
        for (campaign, _, _), case in self.run_each(cases, run):
            self.assertEqual(campaign["counts"]["delivered"], ROWS)
            self.assertEqual(campaign["in_doubt_ever"], 4 if case["command"] == "dot" else 0)

    def test_slow_answers_are_waited_for(self):
        rules = ["on=mail|rcpt|data|dot,chance=5%,slow=100/s"]
        campaign, _, _ = self.run_campaign(rules)
        self.assertEqual(campaign["counts"]["delivered"], ROWS)
        self.assertEqual(campaign["in_doubt_ever"], 0)

    def test_everything_at_once(self):
        rules = ["on=connect,chance=10%,drop=before", "on=ehlo,chance=5%,reply=421 busy",
                 "on=mail,chance=1%,drop=after", "on=rcpt,share=10%,tries=1,reply=450 4.2.1 later",
                 "on=rcpt,share=5%,reply=550 5.1.1 nobody", "on=data,chance=1%,reply=451 4.3.0 no",
                 "on=body,chance=1%,drop=before", "on=dot,chance=3%,drop=before",
                 "on=dot,chance=1%,garbage", "on=dot,chance=2%,reply=421 4.3.2 closing"]
        campaign, _, _ = self.run_campaign(rules, rows=1000, timeout=60)
        self.assertGreater(campaign["in_doubt_ever"], 5)
        self.assertGreater(campaign["counts"]["bounced"], 20)
        self.assertEqual(campaign["counts"]["delivered"] + campaign["counts"]["bounced"] +
                         campaign["needs_decision"], 1000)

    # ---- what a receiver does not know ----

    def test_receivers_of_every_age(self):
        cases = [{"options": o} for o in (
            ("--no-pipelining",), ("--no-ehlo",), ("--no-8bitmime", "--no-smtputf8"),
            ("--no-chunking", "--no-enhanced", "--no-dsn"))]
        for (campaign, _, sink), _ in self.run_each(
                cases, lambda options: self.run_campaign([], options=options)):
            self.assertEqual(campaign["counts"]["delivered"], ROWS)

    # ---- retries ----

    def test_the_schedule_of_retries_and_its_end(self):
        retry = {"first": "1s", "factor": 2, "jitter": 0.1, "max": "10s", "give_up": "5s"}
        rules = ["on=rcpt,match=user1*,reply=451 4.2.1 later"]
        campaign, results, sink = self.run_campaign(rules, rows=50, retry=retry)
        tries = collections.defaultdict(list)
        for c in sink.commands("RCPT"):
            tries[c["argument"]].append(c["ms"] / 1000)
        self.assertEqual(campaign["counts"]["bounced"], 11)  # 1, 10 to 19
        for r in results:
            if not r["email"].startswith("user1"):
                self.assertEqual(r["state"], "delivered", r)
                continue
            self.assertEqual((r["state"], r["class"], r["code"]), ("bounced", "expired", "451"))
            # at 0, 1, 3 seconds; 7 would be behind give_up
            times = tries[r["email"]]
            self.assertEqual(len(times), 3, times)
            for pause, wanted in ((times[1] - times[0], 1), (times[2] - times[1], 2)):
                self.assertGreater(pause, wanted * 0.85)
                self.assertLess(pause, wanted * 1.15 + 1.5)

    # ---- lanes ----

    def test_a_refused_connection_waits_and_recovers_by_itself(self):
        sink = pt.Sink(self.folder)
        port = sink.port
        sink.stop()
        daemon = self.enter(pt.Daemon(self.folder, relay="127.0.0.1:%d" % port,
                                      config={"retry": SOON}))
        daemon.drop(pt.make_campaign(self.folder, "refused", rows=100))
        campaign = pt.wait_until(lambda: (daemon.campaign("refused") or {}).get("last_error")
                                 and daemon.campaign("refused"), "the trouble to be told")
        self.assertIn("refused", campaign["last_error"])
        time.sleep(2)
        campaign = daemon.campaign("refused")
        self.assertEqual(campaign["state"], "sending")
        self.assertEqual(campaign["counts"]["pending"] + campaign["counts"]["sending"], 100)
        self.assertEqual(campaign["attempts"], 0)  # no row is to blame
        self.assertLess(daemon.log().count("lane_waits"), 3)
        sink = self.enter(pt.Sink(self.folder, listen="127.0.0.1:%d" % port))
        campaign = daemon.wait_state("refused", "finished")
        self.assertEqual(campaign["counts"]["delivered"], 100)
        self.assertEqual(len(sink.messages()), 100)
        self.assertIn("lane_well", daemon.log())

    def test_a_receiver_that_goes_and_comes_back_in_midst_of_a_run(self):
        rows = 3000
        sink = pt.Sink(self.folder, latency="10ms", commands=True)
        port = sink.port
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, config={"retry": SOON}))
        daemon.drop(pt.make_campaign(self.folder, "gone", rows=rows))
        pt.wait_until(lambda: len(sink.messages()) > rows // 4, "a part of the run")
        sink.kill()  # with whatever is on the wire; its log is whole but for the last 100 ms
        time.sleep(1)
        sink = self.enter(pt.Sink(self.folder, latency="10ms", commands=True,
                                  listen="127.0.0.1:%d" % port))
        campaign = daemon.wait_state("gone", "finished")
        self.assertEqual(campaign["counts"]["delivered"], rows)
        self.assertLessEqual(campaign["in_doubt_ever"], 2 * 20)  # two a connection
        taken = collections.Counter(m["to"][0] for m in sink.messages())
        for r in daemon.results(campaign):
            if r["doubted"] == "0":
                self.assertLessEqual(taken[r["email"]], 1, r)

    def test_connections_that_stall_do_not_hold_the_rest(self):
        """Four of ten connections stall for good, at several points."""
        rules = ["on=%s,after=20,times=1,stall" % c for c in ("mail", "rcpt", "data", "dot")]
        sink = self.enter(pt.Sink(self.folder, rules=rules, latency="5ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, connections=10))
        daemon.drop(pt.make_campaign(self.folder, "stalls", rows=2000,
                                     manifest={"rate": "1000/s"}))

        def rest_is_done():
            counts = (daemon.campaign("stalls") or {"counts": {"delivered": 0}})["counts"]
            # a stalled connection holds the message it has, and one that travels behind it
            return counts["delivered"] >= 2000 - 8 and counts["sending"] <= 8
        pt.wait_until(rest_is_done, "all but what the stalled connections hold", timeout=15)
        daemon.kill()  # it would wait for them


class TlsFaultsTest(Faults):
    """The same in TLS and by BDAT, and what can go wrong with TLS itself."""
    protocol = ("--tls", "starttls")
    tls = "required"

    def assert_sealed(self, sink, rows=ROWS):
        """Whatever went wrong meanwhile, nothing was said in clear."""
        self.assertEqual([m for m in sink.messages() if "tls" not in m], [])
        self.assertEqual([c for c in sink.commands("MAIL") if c["code"] == 530], [])

    def test_what_goes_wrong_within_tls_loses_nothing(self):
        def run(command, fault):
            return self.run_campaign(["on=%s,every=20,times=4,%s" % (command, fault)])

        faults = {"mail": ("drop=before", "garbage=5000"), "rcpt": ("drop=after", "stall=300ms"),
                  "dot": ("drop=before", "drop=after", "garbage=5000", "stall=300ms")}
        cases = [{"command": c, "fault": f} for c in faults for f in faults[c]]
        for (campaign, _, sink), case in self.run_each(cases, run):
            self.assertEqual(campaign["counts"]["delivered"], ROWS)
            self.assertLessEqual(campaign["in_doubt_ever"],
                                 0 if "stall" in case["fault"] else 4 * 2)
            self.assert_sealed(sink)

    def test_a_handshake_that_fails_now_and_then_is_tried_again_and_never_gone_without(self):
        def run(event, fault):
            return self.run_campaign(["on=%s,every=2,times=3,%s" % (event, fault)])

        cases = [{"event": "handshake", "fault": f} for f in (
            "drop=before", "garbage=50000", "raw=220 plain text\\r\\n", "stall")]
        cases += [{"event": "starttls", "fault": f} for f in (
            "drop=before", "drop=after", "garbage", "reply=454 4.7.0 not now")]
        for (campaign, _, sink), _ in self.run_each(cases, run):
            self.assertEqual(campaign["counts"]["delivered"], ROWS)
            self.assertEqual(campaign["in_doubt_ever"], 0)
            self.assert_sealed(sink)


if __name__ == "__main__":
    unittest.main()
