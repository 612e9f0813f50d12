"""Webhooks, through the daemon, against scripted receivers."""
import collections
import hashlib
import hmac
import json
import os
import re
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import accounted  # noqa: E402
import postrider_test as pt  # noqa: E402
from api_server import OK, Receiver  # noqa: E402

SOME_FAULTS = ["on=rcpt,share=10%,reply=550 5.1.1 no such user",
               "on=rcpt,share=25%,tries=1,reply=451 4.7.1 later"]
SOON = {"first": "100ms", "max": "200ms", "jitter": 0}
SECRET = "hook-secret"


class WebhookTest(pt.TestCase):
    def daemon(self, *hooks, rules=(), env=None, **config):
        self.sink = self.enter(pt.Sink(self.folder, rules=rules))
        secret = os.path.join(self.folder, "secret")
        with open(secret, "w") as f:
            f.write(SECRET + "\n")
        os.chmod(secret, 0o600)
        self.hooks = [dict({"secret_file": secret}, **hook) for hook in hooks]
        return self.enter(pt.Daemon(self.folder, relay=self.sink, env=env, config=dict(
            {"retry": SOON, "webhooks": self.hooks}, **config)))

    def send(self, daemon, rows, name="a", wait=True):
        daemon.drop(pt.make_campaign(self.folder, name, rows=rows))
        return daemon.wait_state(name, "finished") if wait else None

    def status(self, daemon, n=0):
        return daemon.get("/v1/status")["webhooks"][n]

    def wait_taken(self, daemon, n=0):
        pt.wait_until(lambda: self.status(daemon, n)["backlog_bytes"] == 0, "the backlog to go")

    def rows_of(self, events):
        """The last event of each row, by row."""
        return {e["row"]: e for e in events if "row" in e}

    def assert_signed(self, request):
        t, code = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})",
                               request.headers["postrider-signature"]).groups()
        self.assertLess(abs(int(t) - time.time()), 60)
        wanted = hmac.new(SECRET.encode(), t.encode() + b"." + request.body, hashlib.sha256)
        self.assertEqual(code, wanted.hexdigest())

    def metric(self, daemon, name):
        return float(re.search(r"^%s (\S+)$" % re.escape(name), daemon.get("/metrics"),
                               re.M).group(1))

    def test_events_come_signed_complete_and_in_order(self):
        every, few, theirs = (self.enter(Receiver()) for _ in range(3))
        daemon = self.daemon({"url": every.url + "?key=hidden"},
                             {"url": few.url, "events": ["bounced", "sending"]},
                             {"url": theirs.url, "format": "sendgrid"}, rules=SOME_FAULTS)
        campaign = self.send(daemon, 1200)
        for n in range(3):
            self.wait_taken(daemon, n)
        self.assert_sendgrid(theirs.events(), campaign, daemon.results(campaign))
        self.assertEqual(every.events(), daemon.events())
        ids = [e["id"] for e in every.events()]
        self.assertEqual(ids, sorted(set(ids)))
        last = self.rows_of(every.events())
        for row in daemon.results(campaign):
            event = last[int(row["row"])]
            self.assertEqual([row["email"], row["state"], row["message_id"], row["class"]],
                             [event[k] for k in ("email", "type", "message_id", "class")])
        for request in every.taken + few.taken:
            self.assert_signed(request)
            self.assertEqual(request.headers["content-type"], "application/json")
            self.assertTrue(request.headers["user-agent"].startswith("postrider"))
            self.assertLessEqual(len(request.json()), 500)
        kinds = collections.Counter(e["type"] for e in few.events())
        self.assertEqual(set(kinds), {"bounced", "sending"})
        self.assertEqual(kinds["bounced"], campaign["counts"]["bounced"])
        self.assertGreaterEqual(kinds["sending"], 1200)
        said = self.status(daemon)
        self.assertEqual((said["url"], said["last_status"], said["state"], said["events"]),
                         (every.url, 200, "idle", len(ids)))
        self.assertEqual(self.metric(daemon, "postrider_webhook_backlog_bytes"), 0)
        self.assertIn(every.url + ", idle", daemon_status(daemon))
        self.assertNotIn(SECRET, daemon.log() + json.dumps(daemon.get("/v1/status")))

    def assert_sendgrid(self, events, campaign, results):
        counts, kinds = campaign["counts"], collections.Counter(e["event"] for e in events)
        self.assertEqual((kinds["delivered"], kinds["bounce"]),
                         (counts["delivered"], counts["bounced"]))
        self.assertEqual(set(kinds), {"delivered", "bounce", "deferred"})
        rows = {r["row"]: r for r in results}
        for event in events:
            row = rows[str(event["row"])]
            self.assertEqual([event["email"], event["smtp-id"], event["campaign"]],
                             [row["email"], row["message_id"], campaign["id"]])
            self.assertEqual("<%s>" % event["sg_message_id"], event["smtp-id"])
        bounce = next(e for e in events if e["event"] == "bounce")
        self.assertEqual((bounce["status"], bounce["type"]), ("5.1.1", "bounce"))
        self.assertEqual(len({e["sg_event_id"] for e in events}), len(events))

    def test_what_a_receiver_that_was_down_missed_comes_later(self):
        receiver = Receiver()
        receiver.__exit__()
        daemon = self.daemon({"url": receiver.url})
        self.send(daemon, 300)
        said = pt.wait_until(lambda: self.status(daemon)["waits_until"] and self.status(daemon),
                             "a try that failed")
        self.assertEqual((said["state"], said["last_status"]), ("waiting", 0))
        self.assertTrue(said["last_error"])
        self.assertGreater(self.metric(daemon, "postrider_webhook_backlog_bytes"), 0)
        with Receiver(port=receiver.port) as back:
            self.wait_taken(daemon)
            self.assertEqual(back.events(), daemon.events())
        log = daemon.log()
        self.assertEqual((log.count("webhook_failing"), log.count("webhook_well")), (1, 1))

    def test_receiver_that_hangs_holds_nothing_up(self):
        go = threading.Event()
        receiver = self.enter(Receiver(lambda request: (go.wait(pt.TIMEOUT), OK)[1]))
        daemon = self.daemon({"url": receiver.url, "events": ["delivered"]})
        self.send(daemon, 3000)
        self.assertEqual((len(receiver.requests), receiver.taken), (1, []))
        self.assertEqual(self.status(daemon)["state"], "posting")
        go.set()
        self.wait_taken(daemon)
        self.assertEqual(sorted(e["row"] for e in receiver.events()), list(range(1, 3001)))

    def test_kill_repeats_the_last_batch_at_most(self):
        def slowly(request):
            time.sleep(0.05)
            return OK
        receiver = self.enter(Receiver(slowly))
        daemon = self.daemon({"url": receiver.url}, {"url": receiver.url + "2"})
        self.send(daemon, 4000, wait=False)
        for posts in (3, 6):
            pt.wait_until(lambda: len(receiver.requests) >= posts, "%d posts" % posts, every=0.002)
            daemon.kill()
            daemon.start()
        daemon.wait_state("a", "finished")
        for n, path in enumerate(("/hook", "/hook2")):
            self.wait_taken(daemon, n)
            posts = [r.json() for r in receiver.requests if r.path == path]
            ids = [e["id"] for post in posts for e in post]
            self.assertEqual(sorted(set(ids)), [e["id"] for e in daemon.events()])
            for before, after in zip(posts, posts[1:]):  # each goes on, or begins the last again
                self.assertTrue(after[0]["id"] > before[-1]["id"] or
                                after[0]["id"] == before[0]["id"])
            self.assertTrue(all("email" in e and "message_id" in e
                                for post in posts for e in post if "row" in e))

    def test_retry_after_is_kept_and_gone_ends_it_until_a_reload(self):
        answers = [(410, {}, ""), (429, {"Retry-After": "2"}, "")]
        receiver = self.enter(Receiver(lambda request: answers.pop() if answers else OK))
        daemon = self.daemon({"url": receiver.url})
        self.send(daemon, 20)
        pt.wait_until(lambda: self.status(daemon)["state"] == "gone", "410")
        first, second = (request.at for request in receiver.requests)
        self.assertGreaterEqual(second - first, 1.95)
        self.assertIn("webhook_gone", daemon.log())
        self.send(daemon, 20, "b")
        self.assertEqual(len(receiver.requests), 2)
        daemon.post("/v1/reload")
        self.wait_taken(daemon)
        self.assertEqual(receiver.events(), daemon.events())

    def test_reload_adds_and_removes_and_a_restart_goes_on(self):
        one, two = self.enter(Receiver()), self.enter(Receiver())
        daemon = self.daemon({"url": one.url})
        self.send(daemon, 10, "a")
        self.wait_taken(daemon)
        before = len(daemon.events())
        daemon.write_config(webhooks=[dict(self.hooks[0], url=two.url)])
        self.assertIn("webhooks", " ".join(daemon.post("/v1/reload")["changed"]))
        self.send(daemon, 10, "b")
        daemon.terminate()
        daemon.start()
        self.wait_taken(daemon)
        self.assertEqual(one.events(), daemon.events()[:before])
        self.assertEqual(two.events(), daemon.events()[before:])
        os.chmod(self.hooks[0]["secret_file"], 0o644)
        with self.assertRaises(pt.HTTPError) as refused:
            daemon.post("/v1/reload")
        self.assertIn("secret", json.dumps(refused.exception.body))

    def test_what_lies_beyond_keep_is_counted_and_told(self):
        well, elsewhere = threading.Event(), self.enter(Receiver())
        redirect = (302, {"Location": elsewhere.url}, "x" * 200000)
        receiver = self.enter(Receiver(lambda request: OK if well.is_set() else redirect))
        daemon = self.daemon({"url": receiver.url, "keep": "64K", "events": "delivered"})
        self.send(daemon, 2000)
        missed = pt.wait_until(lambda: self.status(daemon)["missed"]["events"] and
                               self.status(daemon)["missed"], "what is missed")
        well.set()
        self.wait_taken(daemon)
        said = self.status(daemon)["missed"]
        events = [e for e in daemon.events() if e["type"] == "delivered"]
        taken = {e["id"] for e in receiver.events()}
        self.assertEqual(receiver.events(), [e for e in events if e["id"] in taken])
        self.assertEqual(len(taken) + said["events"], 2000)
        self.assertGreater(len(taken), 0)
        self.assertEqual(self.metric(daemon, "postrider_webhook_missed_total"), said["events"])
        self.assertTrue(said["from"] < said["to"] and said["to"] not in taken)
        self.assertTrue(missed["at"] and said["bytes"] > 0)
        self.assertEqual(elsewhere.requests, [])
        self.assertIn("webhook_missed", daemon.log())
        self.assertIn("missed", daemon_status(daemon))
        daemon.terminate()
        daemon.start()
        self.assertEqual(self.status(daemon)["missed"], said)

    def test_events_grow_old_by_time_and_not_by_a_clock_that_is_set(self):
        clocks = os.path.join(self.folder, "clocks")
        week, answers = 8 * 86400 * 1000, []

        def jump(wall_ms, steady_ms):
            with open(clocks, "r+b") as f:
                f.write(struct.pack("<qq", wall_ms, steady_ms))
        with open(clocks, "wb") as f:
            f.write(bytes(16))
        receiver = self.enter(Receiver(lambda request: answers[0] if answers else OK))
        daemon = self.daemon({"url": receiver.url, "events": "delivered"},
                             env=dict(accounted.shim(self.folder, "clock"), CLOCK_OFFSET=clocks))
        self.send(daemon, 20)
        jump(week, 0)
        self.wait_taken(daemon)
        self.assertEqual((len(receiver.events()), self.status(daemon)["missed"]["events"]), (20, 0))
        answers.append((503, {}, ""))
        self.send(daemon, 30, "b")
        pt.wait_until(lambda: self.status(daemon)["state"] == "waiting", "a try that failed")
        jump(2 * week, week)
        pt.wait_until(lambda: self.status(daemon)["missed"]["events"] == 30, "what is missed")
        self.assertEqual(len(receiver.events()), 20)


def daemon_status(daemon):
    """`postrider status` for people."""
    run = pt.subprocess.run([pt.program("postrider"), "--config", daemon.config_path, "status"],
                            capture_output=True, text=True, check=True)
    return run.stdout


if __name__ == "__main__":
    unittest.main()
