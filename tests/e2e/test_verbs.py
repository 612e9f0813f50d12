"""Verbs of people and of systemd: what is answered is durable and acts within a second; draining
ends what is in flight and nothing else; a reload is all or nothing."""
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt

MANY = int(os.environ.get("POSTRIDER_VERB_ROWS", "2000000"))  # the issue says 10 M


def total(counts):
    return sum(n for state, n in counts.items() if state != "total")


class VerbCase(pt.TestCase):
    def begin(self, daemon, sink, name="busy", rows=20000, sent=200, **manifest):
        """A campaign in full flight; its object."""
        daemon.drop(pt.make_campaign(self.folder, name, rows=rows, manifest=manifest))
        pt.wait_until(lambda: sink.totals()["messages"] >= sent, "the first messages",
                      timeout=pt.TIMEOUT + rows / 20000)
        return daemon.campaign(name)

    def verb(self, daemon, campaign, verb, body=None):
        """(when it was answered, the answer); asserts that it took less than a second."""
        asked = time.time()
        answer = daemon.post("/v1/campaigns/%s/%s" % (campaign["id"], verb), body)
        answered = time.time()
        self.assertLess(answered - asked, 1, verb)
        return answered, answer

    def refused(self, daemon, campaign, verb, body=None):
        status, answer = daemon.request("POST", "/v1/campaigns/%s/%s" % (campaign["id"], verb),
                                        body)
        self.assertEqual(status, 409, answer)
        return answer["error"]["message"]

    def kill_and_start(self, daemon):
        daemon.kill()
        daemon.start()

    def assert_silent_since(self, sink, answered):
        late = [r for r in sink.commands("MAIL") if r["ms"] / 1000 > answered + 1]
        self.assertEqual(late, [], "MAIL FROM later than a second after the answer")


class DurableTest(VerbCase):
    def test_pause_resume_and_cancel_hold_across_a_kill_right_after_the_answer(self):
        with pt.Sink(self.folder, latency="5ms", commands=True) as sink, \
             pt.Daemon(self.folder, relay=sink) as daemon:
            busy = self.begin(daemon, sink)
            answered, _ = self.verb(daemon, busy, "pause")
            self.kill_and_start(daemon)
            busy = daemon.campaign("busy")
            self.assertEqual((busy["state"], busy["reason"]), ("paused", "operator"))
            time.sleep(max(0, answered + 2 - time.time()))
            self.assert_silent_since(sink, answered)
            before = sink.totals()["messages"]

            self.verb(daemon, busy, "resume")
            self.kill_and_start(daemon)
            self.assertIn(daemon.campaign("busy")["state"], ("scheduled", "sending"))
            pt.wait_until(lambda: sink.totals()["messages"] > before + 100, "more messages")

            answered, answer = self.verb(daemon, busy, "cancel")
            at_once = daemon.campaign("busy")
            self.kill_and_start(daemon)
            busy = daemon.campaign("busy")
            self.assertEqual(busy["state"], "cancelled")
            self.assertLessEqual(answer["changed"], at_once["counts"]["cancelled"])
            for counts in (at_once["counts"], busy["counts"]):
                self.assertEqual(total(counts), 20000)
                self.assertEqual(counts["pending"] + counts["deferred"], 0)
            # Those that were granted and not sent follow the mark.
            self.assertGreaterEqual(busy["counts"]["cancelled"], answer["changed"])
            time.sleep(max(0, answered + 1.5 - time.time()))
            self.assert_silent_since(sink, answered)
            done = pt.wait_until(lambda: self.in_done(daemon, busy), "its results")
            states = [r["state"] for r in done]
            counts = daemon.campaign("busy")["counts"]
            self.assertEqual(states.count("cancelled"), counts["cancelled"])
            self.assertEqual(states.count("delivered"), counts["delivered"])
            self.assertLessEqual(counts["delivered"] + counts["in_doubt"], len(sink.messages()))

    @staticmethod
    def in_done(daemon, campaign):
        try:
            return daemon.results(campaign)
        except OSError:
            return None

    def test_approve_holds_across_a_kill(self):
        # What the kill leaves in doubt is sent again soon.
        with pt.Sink(self.folder) as sink, \
             pt.Daemon(self.folder, relay=sink, config={"retry": {"first": "1s"}}) as daemon:
            daemon.drop(pt.make_campaign(self.folder, "held", rows=50, manifest={"hold": True}))
            held = daemon.wait_state("held", "held")
            self.verb(daemon, held, "approve")
            self.kill_and_start(daemon)
            daemon.wait_state("held", "finished")
            self.assertEqual({tuple(r["to"]) for r in sink.messages()},
                             {("user%d@example.com" % n,) for n in range(1, 51)})

    def test_pause_of_all_holds_across_a_kill_and_for_new_campaigns(self):
        with pt.Sink(self.folder, latency="5ms", commands=True) as sink, \
             pt.Daemon(self.folder, relay=sink, config={"retry": {"first": "1s"}}) as daemon:
            self.begin(daemon, sink)
            daemon.post("/v1/pause")
            answered = time.time()
            self.kill_and_start(daemon)
            self.assertTrue(daemon.get("/v1/status")["paused_all"])
            daemon.drop(pt.make_campaign(self.folder, "newer", rows=10))
            daemon.wait_state("newer", "sending")
            time.sleep(max(0, answered + 2.5 - time.time()))
            self.assert_silent_since(sink, answered)
            self.assertEqual(daemon.campaign("newer")["counts"]["pending"], 10)
            before = sink.totals()["messages"]
            daemon.post("/v1/resume")
            self.kill_and_start(daemon)
            self.assertFalse(daemon.get("/v1/status")["paused_all"])
            daemon.wait_state("newer", "finished")
            pt.wait_until(lambda: sink.totals()["messages"] > before + 100, "more messages")

    def test_resolve_settles_the_rows_named_and_sends_the_others_again(self):
        rules = ["on=dot,match=user[1-6]@*,tries=1,drop=before"]
        # By BDAT the message behind a dropped one would be in doubt with it.
        with pt.Sink(self.folder, "--no-chunking", rules=rules) as sink, \
             pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(pt.make_campaign(self.folder, "doubts", rows=2000, manifest={
                "in_doubt": "hold", "rate": "100/s"}))
            doubts = pt.wait_until(lambda: self.held(daemon, 6), "six rows in doubt")
            self.assertEqual(doubts["counts"]["in_doubt"], 6)
            _, answer = self.verb(daemon, doubts, "resolve",
                                  {"as": "delivered", "rows": [1, 2, 77]})
            self.assertEqual(answer["changed"], 2)
            self.kill_and_start(daemon)
            # A row that was on the wire at a kill is in doubt, too.
            doubts = self.held(daemon, 4) or self.held(daemon, 5)
            self.assertTrue(doubts, daemon.campaign("doubts"))
            _, answer = self.verb(daemon, doubts, "resolve", {"as": "resend"})
            self.assertIn(answer["changed"], (4, 5))
            self.kill_and_start(daemon)
            self.assertTrue(self.held(daemon, 0) or self.held(daemon, 1),
                            daemon.campaign("doubts"))
            pt.wait_until(lambda: min(self.seen(sink, row) for row in range(3, 7)) == 2,
                          "the rows that go again")
            self.assertEqual([self.seen(sink, row) for row in (1, 2)], [1, 1])
            self.assertGreaterEqual(daemon.campaign("doubts")["in_doubt_ever"], 6)

    @staticmethod
    def seen(sink, row):
        return sum(r["to"] == ["user%d@example.com" % row] for r in sink.messages())

    @staticmethod
    def held(daemon, n):
        campaign = daemon.campaign("doubts")
        return campaign if campaign and campaign["needs_decision"] == n else None


class WrongStateTest(VerbCase):
    def test_verbs_that_do_not_fit_the_state_say_why(self):
        with pt.Sink(self.folder, latency="20ms") as sink, \
             pt.Daemon(self.folder, relay=sink) as daemon:
            busy = self.begin(daemon, sink)
            self.assertIn("not paused", self.refused(daemon, busy, "resume"))
            self.assertIn("not held", self.refused(daemon, busy, "approve"))
            self.assertIn("adopt", self.refused(daemon, busy, "adopt", {"as": "trust-ledger"}))
            self.verb(daemon, busy, "pause")
            self.assertIn("paused", self.refused(daemon, busy, "pause"))
            self.verb(daemon, busy, "cancel")
            for verb in ("pause", "resume", "cancel", "approve"):
                self.assertIn("ended", self.refused(daemon, busy, verb))
            daemon.drop(pt.make_campaign(self.folder, "held", rows=5, manifest={"hold": True}))
            held = daemon.wait_state("held", "held")
            self.assertIn("approve", self.refused(daemon, held, "resume"))
            self.refused(daemon, held, "pause")
            daemon.drop(pt.make_campaign(self.folder, "done", rows=5))
            done = daemon.wait_state("done", "finished")
            self.assertIn("ended", self.refused(daemon, done, "cancel"))
            self.kill_and_start(daemon)  # it lies in done/ only now
            self.assertIn("ended", self.refused(daemon, done, "cancel"))
            status, answer = daemon.request("POST", "/v1/campaigns/nowhere/pause")
            self.assertEqual((status, answer["error"]["code"]), (404, "not_found"))
            status, _ = daemon.request("POST", "/v1/campaigns/%s/resolve" % held["id"], {})
            self.assertEqual(status, 400)


class ManyRowsTest(VerbCase):
    def test_pause_and_cancel_of_millions_of_rows(self):
        with pt.Sink(self.folder, latency="5ms", commands=True) as sink, \
             pt.Daemon(self.folder, relay=sink) as daemon:
            path = pt.make_campaign(self.folder, "many", recipients="email,first_name,product\n")
            with open(os.path.join(path, "recipients.csv"), "w", encoding="utf-8") as f:
                f.write("email,first_name,last_name,city,product,code,points\n")
                for first in range(0, MANY, 10000):
                    f.write("".join("u%d@example.com,A,B,C,D,E,1\n" % n
                                    for n in range(first, min(MANY, first + 10000))))
            daemon.drop(path)
            pt.wait_until(lambda: sink.totals()["messages"] >= 500, "the first messages",
                          timeout=pt.TIMEOUT + MANY / 20000)
            many = daemon.campaign("many")
            self.check_pause(daemon, sink, many)
            self.check_cancel(daemon, sink, many)

    def check_pause(self, daemon, sink, many):
        answered, _ = self.verb(daemon, many, "pause")
        self.kill_and_start(daemon)
        paused = daemon.campaign("many")
        self.assertEqual(paused["state"], "paused")
        self.assertEqual(total(paused["counts"]), MANY)
        time.sleep(max(0, answered + 1.5 - time.time()))
        self.assert_silent_since(sink, answered)
        self.verb(daemon, many, "resume")
        before = sink.totals()["messages"]
        pt.wait_until(lambda: sink.totals()["messages"] > before + 500, "more messages")

    def check_cancel(self, daemon, sink, many):
        answered, answer = self.verb(daemon, many, "cancel")
        counts = daemon.campaign("many")["counts"]
        self.assertLessEqual(answer["changed"], counts["cancelled"])
        self.assertEqual((total(counts), counts["pending"], counts["deferred"]), (MANY, 0, 0))
        self.assertGreater(counts["cancelled"], MANY * 0.9)
        self.kill_and_start(daemon)
        again = daemon.campaign("many")
        self.assertEqual(again["state"], "cancelled")
        counts = again["counts"]
        self.assertEqual((total(counts), counts["pending"], counts["deferred"]), (MANY, 0, 0))
        self.assertGreaterEqual(counts["cancelled"], answer["changed"])
        time.sleep(max(0, answered + 1.5 - time.time()))
        self.assert_silent_since(sink, answered)


class DrainTest(VerbCase):
    def drain(self, daemon):
        """(exit status, seconds) of SIGTERM."""
        asked = time.monotonic()
        return daemon.terminate(timeout=40), time.monotonic() - asked

    def test_what_is_in_flight_ends_and_nothing_new_begins(self):
        with pt.Sink(self.folder, latency="300ms", commands=True) as sink, \
             pt.Daemon(self.folder, relay=sink) as daemon:
            self.begin(daemon, sink, sent=30)
            told = time.time()
            status, seconds = self.drain(daemon)
            self.assertEqual(status, 0, daemon.log())
            self.assertLess(seconds, 5)
            self.assert_silent_since(sink, told)
            self.assertEqual(sink.totals()["cut_messages"], 0)
            sent = len(sink.messages())
            daemon.start()
            counts = daemon.campaign("busy")["counts"]
            self.assertEqual(counts["in_doubt"], 0)
            self.assertEqual(daemon.campaign("busy")["in_doubt_ever"], 0)
            self.assertGreaterEqual(counts["delivered"], sent)
            self.assertEqual(total(counts), 20000)
            self.drain(daemon)
            seen = [r["to"][0] for r in sink.messages()]
            self.assertEqual(len(seen), len(set(seen)), "sent twice")

    def test_idle_daemon_ends_at_once(self):
        with pt.Daemon(self.folder) as daemon:
            status, seconds = self.drain(daemon)
            self.assertEqual(status, 0, daemon.log())
            self.assertLess(seconds, 2)

    def test_drain_by_the_socket_ends_the_daemon(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.post("/v1/drain")
            self.assertEqual(daemon.process.wait(pt.TIMEOUT), 0)
            daemon.terminate()

    def test_peer_that_answers_no_more_holds_the_end_up_thirty_seconds_at_most(self):
        """Both kinds at once: silent after the dot (in doubt), silent after MAIL (not sent). By
        BDAT all of them would be whole on the wire."""
        rules = ["on=dot,match=user[1-4]@*,stall", "on=rcpt,match=user[5-9]@*,stall"]
        with pt.Sink(self.folder, "--no-chunking", rules=rules) as sink, \
             pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(pt.make_campaign(self.folder, "stalled", rows=9,
                                         manifest={"in_doubt": "hold"}))
            pt.wait_until(lambda: len(sink.messages()) >= 1, "the first message")
            pt.wait_until(lambda: sink.totals()["commands"] >= 9, "the others")
            status, seconds = self.drain(daemon)
            self.assertEqual(status, 0, daemon.log())
            self.assertLess(seconds, 30)
            dotted = len(sink.messages())
            daemon.start()
            counts = daemon.campaign("stalled")["counts"]
            self.assertEqual(counts["in_doubt"], dotted, counts)
            self.assertEqual(total(counts), 9)
            daemon.kill()  # the peer is as it was


class ReloadTest(VerbCase):
    def reload(self, daemon, **changes):
        daemon.write_config(**changes)
        return daemon.post("/v1/reload")

    def test_invalid_file_changes_nothing_and_tells_every_error(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            good = sink.port
            daemon.write_config(colour="red", max_connections="many",
                                routes={"default": {"port": 1}})
            status, answer = daemon.request("POST", "/v1/reload")
            self.assertEqual(status, 400)
            text = str(answer["errors"])
            self.assertIn("colour", text)
            self.assertIn("max_connections", text)
            self.assertTrue(all(e["line"] > 0 for e in answer["errors"]), answer)
            daemon.process.send_signal(signal.SIGHUP)
            pt.wait_until(lambda: "reload_refused" in daemon.log() or
                          "nothing changed" in daemon.log(), "the refusal in the log")
            daemon.drop(pt.make_campaign(self.folder, "same", rows=20))
            self.assertEqual(daemon.wait_state("same", "finished")["counts"]["delivered"], 20)
            self.assertEqual(sink.port, good)

    def test_answer_names_what_changed_and_what_needs_a_restart(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            answer = self.reload(daemon, settle="3s", workers=1,
                                 routes={"default": {"connections": 4}})
            self.assertIn("settle", answer["changed"])
            self.assertTrue(any("connections" in key for key in answer["changed"]), answer)
            self.assertEqual(answer["needs_restart"], ["workers"])
            self.assertEqual(daemon.post("/v1/reload")["changed"], [])

    def test_what_needs_a_restart_changes_nothing_until_then(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            bystander = os.path.join(self.folder, "other.sock")
            with open(bystander, "w", encoding="ascii"):
                pass
            elsewhere = {"spool": os.path.join(self.folder, "none", "spool"),
                         "state": os.path.join(self.folder, "none", "state"),
                         "socket": {"path": bystander, "operators": "nobody-has-this"}}
            for _ in range(2):  # the second time, too, it is still to come
                answer = self.reload(daemon, **elsewhere)
                self.assertEqual(answer, {"changed": [], "needs_restart":
                                          ["spool", "state", "socket.path", "socket.operators"]})
            time.sleep(1.5)  # free space is looked at each second
            self.assertEqual(daemon.get("/v1/status")["state"], "running")
            daemon.drop(pt.make_campaign(self.folder, "same", rows=20))
            campaign = daemon.wait_state("same", "finished")
            self.assertEqual(len(daemon.results(campaign)), 20)
            self.assertEqual(daemon.terminate(), 0)
            self.assertTrue(os.path.exists(bystander))
            self.assertFalse(os.path.exists(daemon.socket_path))

    def test_connections_of_a_route_follow_in_both_directions(self):
        with pt.Sink(self.folder, latency="20ms") as sink, \
             pt.Daemon(self.folder, relay=sink, connections=2) as daemon:
            self.begin(daemon, sink, sent=20)
            self.assertEqual(sink.totals()["max_open"], 2)
            self.reload(daemon, routes={"default": {"connections": 12}})
            pt.wait_until(lambda: sink.totals()["open"] == 12, "twelve connections")
            self.reload(daemon, routes={"default": {"connections": 3}})
            pt.wait_until(lambda: sink.totals()["open"] == 3, "three connections", timeout=5)
            self.reload(daemon, max_connections=1)
            pt.wait_until(lambda: sink.totals()["open"] == 1, "one connection", timeout=5)
            before = sink.totals()["messages"]
            pt.wait_until(lambda: sink.totals()["messages"] > before + 20, "more messages")
            self.assertLessEqual(sink.totals()["max_open"], 12)
            self.assertEqual(daemon.campaign("busy")["in_doubt_ever"], 0)
            self.assertEqual(daemon.terminate(), 0, daemon.log())

    def test_route_that_leads_elsewhere_does_so_at_once_also_from_a_stalled_peer(self):
        folders = [os.path.join(self.folder, name) for name in ("old", "new")]
        for folder in folders:
            os.mkdir(folder)
        with pt.Sink(folders[0], rules=["on=dot,after=50,stall"]) as old, \
             pt.Sink(folders[1]) as new, \
             pt.Daemon(self.folder, relay=old, connections=4) as daemon:
            self.begin(daemon, old, sent=50, rows=1000)
            pt.wait_until(lambda: old.totals()["messages"] >= 54, "the peer to stall")
            answer = self.reload(daemon, routes={"default": {"port": new.port}})
            self.assertTrue(any("port" in key for key in answer["changed"]), answer)
            pt.wait_until(lambda: new.totals()["messages"] >= 900, "the rest", timeout=10)
            old.stop()  # what it owes an answer for is in doubt, and goes to the other
            campaign = daemon.campaign("busy")
            self.assertEqual(total(campaign["counts"]), 1000)
            self.assertEqual(daemon.terminate(), 0, daemon.log())

    def test_retry_follows_and_sighup_does_the_same(self):
        with pt.Sink(self.folder, rules=["on=rcpt,tries=2,reply=451 later"]) as sink, \
             pt.Daemon(self.folder, relay=sink,
                       config={"retry": {"first": "1s", "factor": 1, "max": "1h"}}) as daemon:
            daemon.write_config(retry={"first": "2h", "max": "2h"})
            daemon.process.send_signal(signal.SIGHUP)
            pt.wait_until(lambda: "reloaded" in daemon.log() or "keys changed" in daemon.log(),
                          "the reload in the log")
            daemon.drop(pt.make_campaign(self.folder, "patient", rows=5))
            pt.wait_until(lambda: (daemon.campaign("patient") or {"counts": {"deferred": 0}})
                          ["counts"]["deferred"] == 5, "five deferrals")
            time.sleep(2.5)
            self.assertEqual(daemon.campaign("patient")["attempts"], 5)

    def test_route_that_is_taken_away_keeps_its_rows_and_says_so(self):
        with pt.Sink(self.folder, latency="20ms") as sink, \
             pt.Daemon(self.folder, relay=sink, config={
                 "routes": {"side": pt.Daemon._route(sink, 4)}}) as daemon:
            busy = self.begin(daemon, sink, sent=20, rows=3000, route="side")
            route = daemon.config["routes"]["side"]
            self.reload(daemon, routes={"side": None})
            pt.wait_until(lambda: "side" in (daemon.campaign("busy")["last_error"] or ""),
                          "the reason")
            pt.wait_until(lambda: daemon.campaign("busy")["counts"]["sending"] == 0, "quiet")
            self.kill_and_start(daemon)
            self.assertIn("side", daemon.campaign("busy")["last_error"])
            self.assertGreater(daemon.campaign("busy")["counts"]["pending"], 1000)
            before = sink.totals()["messages"]
            self.reload(daemon, routes={"side": route})
            pt.wait_until(lambda: sink.totals()["messages"] > before + 100, "it to go on")
            self.assertEqual(busy["id"], daemon.campaign("busy")["id"])
            self.assertEqual(daemon.terminate(), 0, daemon.log())


if __name__ == "__main__":
    unittest.main()
