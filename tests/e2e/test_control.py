"""The status socket: paths, answers, roles, bad input, events, against the daemon itself."""
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt

STRANGER = 65534  # nobody
STATES = ("pending", "sending", "delivered", "deferred", "bounced", "suppressed", "skipped",
          "in_doubt", "cancelled")
METRICS = ("postrider_recipients", "postrider_messages_total", "postrider_in_doubt_total",
           "postrider_oldest_due_seconds", "postrider_journal_sync_seconds",
           "postrider_fold_lag_records", "postrider_loop_lag_seconds", "postrider_connections",
           "postrider_webhook_backlog_bytes", "postrider_spool_free_bytes", "postrider_campaigns",
           "postrider_paused_all", "postrider_intake_left_behind")


class Control(pt.TestCase):
    """One sink and one daemon for a test; `campaign` sends one and waits for its end."""

    config = {}

    def setUp(self):
        super().setUp()
        self.sink = self.enterContext(pt.Sink(self.folder))
        self.daemon = self.enterContext(pt.Daemon(self.folder, relay=self.sink,
                                                  config=self.config))

    def enterContext(self, manager):  # Python 3.11 has its own
        value = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return value

    def drop(self, name, **how):
        return self.daemon.drop(pt.make_campaign(self.folder, name, **how))

    def campaign(self, name="spring", **how):
        self.drop(name, **how)
        return self.daemon.wait_state(name, "finished")

    def held(self, name="held", **how):
        self.drop(name, manifest={"hold": True}, **how)
        return self.daemon.wait_state(name, "held")

    def history(self, campaign_id, key="verb"):
        """What the history tells; it may be a moment behind the campaign."""
        return {h[key] for h in self.daemon.get("/v1/campaigns/" + campaign_id)["history"]}

    def assertRefused(self, status, method, path, body=None, **headers):
        got, answer = self.daemon.request(method, path, body, headers)
        self.assertEqual(got, status, "%s %s: %s" % (method, path, answer))
        self.assertIsInstance(answer, dict, path)
        self.assertTrue(answer["error"]["code"], path)
        self.assertTrue(answer["error"]["message"], path)
        return answer["error"]


class ReadingTest(Control):
    def test_status_tells_the_daemon(self):
        status = self.daemon.get("/v1/status")
        self.assertEqual(status["state"], "running")
        self.assertEqual(status["left_behind"], [])
        self.assertGreater(status["spool_free_bytes"], 0)
        self.assertEqual(status["intake_waiting"], 0)

    def test_campaign_object_has_what_is_promised(self):
        c = self.campaign(rows=30)
        for key in ("id", "name", "state", "reason", "counts", "rate", "eta", "started",
                    "first_pass", "finished", "attempts", "opens", "clicks", "unsubscribes",
                    "complaints", "in_doubt_ever", "needs_decision", "history", "last_error"):
            self.assertIn(key, c)
        self.assertEqual(sum(c["counts"][s] for s in STATES), c["counts"]["total"])
        self.assertEqual(c["counts"]["delivered"], 30)
        self.assertEqual(c["opens"], {"total": 0, "unique": 0, "machine": 0})
        pt.wait_until(lambda: "begin" in self.history(c["id"]), "the history")
        self.assertLessEqual(c["started"], c["first_pass"])

    def test_recipients_come_in_pages(self):
        c = self.campaign(rows=25)
        rows, after = [], 0
        while after is not None:
            page = self.daemon.get("/v1/campaigns/%s/recipients?limit=10&after=%d"
                                   % (c["id"], after))
            self.assertLessEqual(len(page["recipients"]), 10)
            rows += page["recipients"]
            after = page["next"]
        self.assertEqual([r["row"] for r in rows], list(range(1, 26)))
        self.assertEqual(rows[6]["email"], "user7@example.com")
        self.assertEqual({r["state"] for r in rows}, {"delivered"})
        none = self.daemon.get("/v1/campaigns/%s/recipients?state=bounced" % c["id"])
        self.assertEqual(none["recipients"], [])

    def test_one_persons_story_over_campaigns(self):
        self.campaign("one", rows=3)
        self.campaign("two", rows=3, manifest={"subject": "Another"})
        story = self.daemon.get("/v1/recipient?address=user2@EXAMPLE.com")
        self.assertEqual(len(story["campaigns"]), 2)
        self.assertEqual({r["row"] for r in story["campaigns"]}, {2})
        nobody = self.daemon.get("/v1/recipient?address=nobody@example.com")
        self.assertEqual(nobody["campaigns"], [])

    def test_reports_in_three_formats(self):
        c = self.campaign(rows=5)
        path = "/v1/campaigns/%s/report" % c["id"]
        self.assertIn("<!DOCTYPE html>", self.daemon.get(path))
        rows = self.daemon.get(path + "?format=csv").splitlines()
        self.assertEqual(len(rows), 6)
        self.assertTrue(self.daemon.get(path + "?format=json")["final"])
        self.assertRefused(400, "GET", path + "?format=pdf")

    def test_report_of_a_campaign_under_way_leaves_no_trace(self):
        c = self.held(rows=5)
        path = "/v1/campaigns/%s/report?format=" % c["id"]
        self.assertEqual(len(self.daemon.get(path + "csv").splitlines()), 6)
        self.assertFalse(self.daemon.get(path + "json")["final"])
        active = os.path.join(self.daemon.spool, "active")
        self.assertEqual(os.listdir(active), [c["id"]])
        self.assertNotIn("results.csv", os.listdir(os.path.join(active, c["id"])))

    def test_finished_campaigns_of_earlier_runs_are_known(self):
        c = self.campaign(rows=3)
        self.daemon.terminate()
        self.daemon.start()
        again = self.daemon.get("/v1/campaigns/" + c["id"])
        self.assertEqual(again["state"], "finished")
        self.assertEqual(again["counts"], c["counts"])
        self.assertEqual(again["folder"], os.path.join(self.daemon.spool, "done", c["id"]))
        self.assertTrue(again["history"])
        self.assertEqual([x["id"] for x in self.daemon.campaigns()], [c["id"]])
        rows = self.daemon.get("/v1/campaigns/%s/recipients" % c["id"])["recipients"]
        self.assertEqual(len(rows), 3)

    def test_first_pass_is_told_only_when_everybody_was_tried(self):
        c = self.held(rows=5)
        self.daemon.post("/v1/pause")
        self.daemon.post("/v1/campaigns/%s/approve" % c["id"])
        self.daemon.wait_state(c["id"], "sending")
        self.daemon.post("/v1/campaigns/%s/cancel" % c["id"])
        pt.wait_until(lambda: self.daemon.campaign(c["id"])["finished"], "the end")
        self.assertIsNone(self.daemon.campaign(c["id"])["first_pass"])
        self.assertNotIn("first_pass", {e["type"] for e in self.daemon.get("/v1/events")["events"]})

    def test_metrics_are_what_prometheus_reads(self):
        self.campaign(rows=5)
        declared, samples = {}, {}
        for line in self.daemon.get("/metrics").splitlines():
            word = line.split(" ", 3)
            if word[:2] == ["#", "HELP"]:
                self.assertNotIn(word[2], declared, "told twice")
                self.assertTrue(word[3])
                declared[word[2]] = None
            elif word[:2] == ["#", "TYPE"]:
                self.assertIsNone(declared[word[2]], line)
                self.assertIn(word[3], ("counter", "gauge", "histogram"))
                declared[word[2]] = word[3]
            else:
                name, labels, value = re.fullmatch(
                    r'([a-z_]+)((?:\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})?) (\S+)',
                    line).groups()
                self.assertNotIn(name + labels, samples)
                samples[name + labels] = float(value)
                family = name if name in declared else re.sub("_(bucket|sum|count)$", "", name)
                self.assertTrue(declared[family], line)
                if declared[family] == "counter":
                    self.assertTrue(name.endswith("_total"), name)
        for family in (f for f, kind in declared.items() if kind == "histogram"):
            buckets = [v for k, v in samples.items() if k.startswith(family + "_bucket")]
            self.assertEqual(buckets, sorted(buckets), family)
            self.assertEqual(buckets[-1], samples[family + "_count"], family)
            self.assertGreater(samples[family + "_sum"], 0, family)

    def test_metrics_hold_all_promised_names_and_no_address(self):
        self.campaign(rows=5)
        text = self.daemon.get("/metrics")
        for name in METRICS:
            self.assertIn("# TYPE %s " % name, text)
        self.assertIn('postrider_messages_total{outcome="delivered",provider="other"} 5', text)
        self.assertNotIn("example", text)
        for line in text.splitlines():
            if not line.startswith("#"):
                float(line.rpartition(" ")[2])
        self.assertEqual(self.daemon.get("/healthz").strip(), "ok")


class SocketTest(pt.TestCase):
    def test_what_is_no_socket_is_not_removed_for_it(self):
        daemon = self.enter(pt.Daemon(self.folder, start=False))
        with open(daemon.socket_path, "w", encoding="ascii") as f:
            f.write("precious")
        with self.assertRaises(AssertionError):
            daemon.start()
        self.assertIn("is no socket", daemon.log())
        with open(daemon.socket_path, encoding="ascii") as f:
            self.assertEqual(f.read(), "precious")

    def test_socket_of_a_daemon_that_was_killed_is_replaced(self):
        with pt.Daemon(self.folder) as daemon:
            daemon.kill()
            self.assertTrue(os.path.exists(daemon.socket_path))
            daemon.start()


class MetricsListenerTest(pt.TestCase):
    def test_serves_metrics_and_health_only(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        listen = {"metrics": {"listen": "127.0.0.1:%d" % port}}
        with pt.Daemon(self.folder, config=listen):
            for path, status in (("/metrics", 200), ("/healthz", 200), ("/v1/status", 404),
                                 ("/v1/pause", 404)):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=pt.TIMEOUT)
                connection.request("POST" if path == "/v1/pause" else "GET", path)
                self.assertEqual(connection.getresponse().status, status, path)
                connection.close()


class BadInputTest(Control):
    def test_unknown_paths_and_ids_are_404(self):
        for path in ("/", "/v1", "/v1/nothing", "/v2/status", "/v1/campaigns/none",
                     "/v1/campaigns/none/recipients", "/v1/campaigns/none/report",
                     "/v1/campaigns/%2e%2e", "/v1/campaigns/..%2f..%2fetc/recipients",
                     "/v1/campaigns/a/b/c/d/e/f/g", "/v1/campaigns/" + "x" * 300):
            self.assertRefused(404, "GET", path)
        self.assertRefused(404, "POST", "/v1/campaigns/none/pause")

    def test_other_methods_are_405(self):
        for method, path in (("POST", "/v1/status"), ("DELETE", "/v1/campaigns/none"),
                             ("PUT", "/v1/campaigns"), ("GET", "/v1/pause"),
                             ("GET", "/v1/campaigns/none/pause")):
            self.assertRefused(405, method, path)
        for path, allowed in (("/v1/status", "GET, HEAD"), ("/v1/pause", "POST"),
                              ("/v1/campaigns", "GET, HEAD, POST")):
            connection = pt._UnixConnection(self.daemon.socket_path, pt.TIMEOUT)
            connection.request("DELETE", path)
            self.assertEqual(connection.getresponse().getheader("Allow"), allowed)
            connection.close()

    def test_what_comes_later_is_refused_by_name(self):
        error = self.assertRefused(501, "POST", "/v1/campaigns/none/reschedule")
        self.assertIn("not available yet", error["message"])

    def test_bad_arguments_are_400(self):
        c = self.held(rows=2)
        rows = "/v1/campaigns/%s/recipients" % c["id"]
        for path in (rows + "?limit=0", rows + "?limit=1001", rows + "?limit=x",
                     rows + "?after=-1", rows + "?state=sent", "/v1/events?after=x",
                     "/v1/events?limit=0", "/v1/recipient", "/v1/recipient?address=nonsense"):
            self.assertRefused(400, "GET", path)

    def test_unknown_campaigns_are_called_so(self):
        for path in ("", "/recipients", "/report", "/report?format=csv"):
            error = self.assertRefused(404, "GET", "/v1/campaigns/none" + path)
            self.assertRegex(error["message"], "there is no (such )?campaign")

    def test_rows_of_a_campaign_that_is_being_read_are_to_come(self):
        path = pt.make_campaign(self.folder, "large", rows=400000)
        self.daemon.post("/v1/pause")
        self.daemon.drop(path)
        c = pt.wait_until(self.daemon.campaigns, "the campaign", every=0.002)[0]
        self.assertEqual((c["state"], c["name"]), ("importing", "large"))
        for what in ("/recipients", "/report?format=csv"):
            error = self.assertRefused(409, "GET", "/v1/campaigns/" + c["id"] + what)
            self.assertIn("still being read", error["message"])

    def test_no_octet_of_a_path_is_lost(self):
        c = self.held(rows=2)
        self.assertRefused(404, "GET", "/v1/campaigns/%00")
        self.assertRefused(404, "POST", "/v1/campaigns/%s/cancel%%00x" % c["id"])
        self.assertRefused(404, "GET", "/v1/campaigns/%s%%00" % c["id"])
        status, story = self.daemon.request("GET", "/v1/recipient?address=a%2Bb%40example.com")
        self.assertEqual((status, story["address"]), (200, "a+b@example.com"))

    def test_body_that_will_be_too_large_is_refused_before_it_is_sent(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(pt.TIMEOUT)
            s.connect(self.daemon.socket_path)
            s.sendall(b"POST /v1/campaigns HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
            self.assertIn(b" 413 ", s.recv(100))

    def test_bad_bodies_are_400(self):
        c = self.held(rows=2)
        path = "/v1/campaigns/%s/" % c["id"]
        for body in (None, {}, {"as": "sent"}, {"as": 1}, [], {"as": "resend", "rows": "1"},
                     {"as": "resend", "rows": [0]}, {"as": "resend", "rows": [1 << 40]}):
            self.assertRefused(400, "POST", path + "resolve", body)
        self.assertRefused(400, "POST", path + "adopt", {"as": "mine"})
        for body in (None, {}, {"path": 1}, {"path": "relative"}, {"path": "/etc"}):
            self.assertRefused(400, "POST", "/v1/campaigns", body)

    def test_verb_for_a_part_is_refused_by_name_and_never_done_to_the_whole(self):
        c = self.held(rows=2)
        path = "/v1/campaigns/%s/" % c["id"]
        error = self.assertRefused(501, "POST", path + "cancel", {"domain": "b"})
        self.assertIn("not available yet", error["message"])
        for verb in ("pause", "resume", "cancel"):
            error = self.assertRefused(409, "POST", path + verb, {"variant": "b"})
            self.assertIn("no such variant", error["message"])
            for variant in ("", 1, "x" * 65, ["b"]):
                self.assertRefused(400, "POST", path + verb, {"variant": variant})
        self.assertRefused(400, "POST", path + "pause", {"variant": "b", "domain": "a.example"})
        for domain in ("", 1, "a\nb", "x" * 301, ["a.example"]):
            self.assertRefused(400, "POST", path + "pause", {"domain": domain})
        self.assertEqual(self.daemon.get(path[:-1])["slices"], [])
        self.assertEqual(self.daemon.get(path[:-1])["state"], "held")

    def test_unknown_keys_are_told_not_ignored(self):
        c = self.held(rows=2)
        path = "/v1/campaigns/%s/" % c["id"]
        for url, body in ((path + "cancel", {"varaint": "b"}), (path + "approve", [1]),
                          (path + "resolve", {"as": "resend", "row": [1]}),
                          (path + "adopt", {"as": "trust-ledger", "now": True}),
                          ("/v1/campaigns", {"path": self.daemon.spool + "/a", "hold": True}),
                          ("/v1/pause", {"campaign": c["id"]}), ("/v1/drain", {"after": "1h"})):
            self.assertRefused(400, "POST", url, body)
        self.assertEqual(self.daemon.get(path[:-1])["state"], "held")
        self.assertEqual(self.daemon.get("/v1/status")["state"], "running")
        self.daemon.post("/v1/pause", {})  # nothing is said: nothing is wrong
        self.daemon.post(path + "approve", {})

    def test_large_and_broken_requests_do_no_harm(self):
        self.assertRefused(413, "POST", "/v1/campaigns", {"path": "x" * (2 << 20)})
        for octets in (b"\0\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"a" * 100000,
                       b"POST /v1/pause HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                       b"GET /v1/status HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20000):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(pt.TIMEOUT)
                s.connect(self.daemon.socket_path)
                try:
                    s.sendall(octets)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
                except OSError:
                    pass  # closed before all was sent
        self.assertEqual(self.daemon.get("/v1/status")["paused_all"], False)

    def test_many_idle_connections_lock_nobody_out_for_long(self):
        idle = []
        for _ in range(100):
            s = socket.socket(socket.AF_UNIX)
            self.addCleanup(s.close)
            s.connect(self.daemon.socket_path)
            s.sendall(b"GET /v1/st")
            idle.append(s)
        self.assertEqual(self.daemon.get("/v1/status")["state"], "running")


class VerbTest(Control):
    def test_approve_pause_resume_cancel(self):
        c = self.held(rows=50)
        path = "/v1/campaigns/%s" % c["id"]
        self.assertEqual(c["reason"], "approval")
        self.assertEqual(self.sink.messages(), [])
        self.daemon.post("/v1/pause")
        self.assertTrue(self.daemon.get("/v1/status")["paused_all"])
        self.assertTrue(self.daemon.post(path + "/approve")["ok"])
        self.daemon.post(path + "/pause")
        self.assertEqual(self.daemon.get(path)["state"], "paused")
        self.daemon.post("/v1/resume")
        self.assertEqual(self.daemon.get(path)["state"], "paused")
        self.assertEqual(self.sink.messages(), [])
        self.daemon.post(path + "/cancel")
        ended = self.daemon.wait_state(c["id"], "cancelled")
        self.assertEqual(ended["counts"]["cancelled"], 50)
        pt.wait_until(lambda: {"approve", "pause", "cancel"} <= self.history(c["id"]),
                      "the history")
        self.assertRefused(409, "POST", path + "/resume")

    def test_who_paused_everything_stands_in_the_log(self):
        self.daemon.post("/v1/pause")
        self.daemon.post("/v1/resume")
        for verb in ("pause_all", "resume_all"):
            self.assertRegex(self.daemon.log(), "(?m)^<6>%s .* by=root$" % verb)

    def test_what_was_answered_outlives_a_kill(self):
        c = self.held(rows=5)
        self.daemon.post("/v1/pause")  # first: nothing may be sent before the campaign's pause
        self.daemon.post("/v1/campaigns/%s/approve" % c["id"])
        self.daemon.post("/v1/campaigns/%s/pause" % c["id"])
        self.daemon.kill()
        self.daemon.start()
        self.assertTrue(self.daemon.get("/v1/status")["paused_all"])
        self.assertEqual(self.daemon.get("/v1/campaigns/" + c["id"])["state"], "paused")
        self.daemon.post("/v1/resume")
        self.daemon.post("/v1/campaigns/%s/resume" % c["id"])
        self.daemon.wait_state(c["id"], "finished")

    def test_reload_answers_what_changed_or_all_errors(self):
        self.daemon.write_config(max_connections=77)
        self.assertEqual(self.daemon.post("/v1/reload")["changed"], ["max_connections"])
        self.daemon.write_config(max_connections="many", nonsense=1)
        status, answer = self.daemon.request("POST", "/v1/reload")
        self.assertEqual(status, 400)
        self.assertEqual(answer["error"]["code"], "invalid")
        self.assertEqual(len(answer["errors"]), 2)
        self.daemon.write_config(max_connections=77, nonsense=None)
        self.assertEqual(self.daemon.post("/v1/reload")["changed"], [])

    def test_drain_ends_the_daemon(self):
        self.daemon.post("/v1/drain")
        self.assertEqual(self.daemon.process.wait(pt.TIMEOUT), 0)

    def test_submit_by_path(self):
        away = os.path.join(self.daemon.spool, "uploads")
        os.mkdir(away)
        path = pt.make_campaign(away, "by-path", rows=3)
        key = {"Idempotency-Key": "one"}
        status, first = self.daemon.request("POST", "/v1/campaigns", {"path": path + "/"}, key)
        self.assertEqual((status, first["name"]), (202, "by-path"))
        self.daemon.wait_state("by-path", "finished")
        self.assertFalse(os.path.exists(path))
        self.assertEqual(self.daemon.request("POST", "/v1/campaigns", {"path": path}, key),
                         (202, first))
        self.assertEqual(len(self.daemon.campaigns()), 1)
        self.assertRefused(400, "POST", "/v1/campaigns", {"path": path})

    def test_idempotency_key_belongs_to_one_path(self):
        away = os.path.join(self.daemon.spool, "uploads")
        os.mkdir(away)
        key = {"Idempotency-Key": "one"}
        first, second = (pt.make_campaign(away, name, rows=2) for name in ("first", "second"))
        self.daemon.request("POST", "/v1/campaigns", {"path": first}, key)
        self.assertRefused(409, "POST", "/v1/campaigns", {"path": second}, **key)
        self.assertTrue(os.path.exists(second))

    def test_submit_goes_through_no_link_and_takes_nothing_of_the_daemons(self):
        outside = pt.make_campaign(self.folder, "outside", rows=3)
        os.symlink(self.folder, os.path.join(self.daemon.spool, "link"))
        os.symlink(outside, os.path.join(self.daemon.spool, "direct"))
        held = self.held(rows=2)
        for path in ("link/outside", "direct", "active/" + held["id"], "active", "incoming",
                     "done", "incoming/../active/" + held["id"], "../outside", ".",
                     "./active/" + held["id"], "/active//" + held["id"], "uploads/..", "./incoming"):
            self.assertRefused(400, "POST", "/v1/campaigns",
                               {"path": os.path.join(self.daemon.spool, path)})
        self.assertTrue(os.path.exists(os.path.join(outside, "campaign.yaml")))
        self.assertEqual(self.daemon.get("/v1/campaigns/" + held["id"])["state"], "held")

    def test_submit_takes_a_path_however_it_is_written(self):
        deep = os.path.join(self.daemon.spool, "uploads", "of", "today")
        os.makedirs(deep)
        pt.make_campaign(deep, "spelled", rows=2)
        self.daemon.post("/v1/campaigns",
                         {"path": self.daemon.spool + "//uploads/./of//today/spelled/"})
        self.daemon.wait_state("spelled", "finished")


class LogTest(pt.TestCase):
    FIELDS = {"ts": str, "level": str, "event": str, "campaign": str, "row": int, "site": str,
              "route": str, "class": str, "code": int, "by": str, "text": str}

    def test_objects_a_line_without_addresses(self):
        rules = ["on=rcpt,share=30%,reply=550 5.1.1 <user1@example.com> is unknown",
                 "on=connect,chance=50%,reply=421 4.3.2 come back later"]
        sink = self.enter(pt.Sink(self.folder, rules=rules))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, connections=2, config={
            "log": {"format": "json"}, "retry": {"first": "1s", "jitter": 0}}))
        daemon.drop(pt.make_campaign(self.folder, "spring", rows=20))
        daemon.wait_state("spring", "finished")
        lines = [json.loads(line) for line in daemon.log().splitlines()]
        for line in lines:
            for key, value in line.items():
                self.assertIsInstance(value, self.FIELDS[key], line)
        self.assertIn(421, [line.get("code") for line in lines if line["event"] == "lane_waits"])
        self.assertEqual({line["campaign"] for line in lines if "campaign" in line},
                         {daemon.campaign("spring")["id"]})
        self.assertNotIn("@", daemon.log())


class Stream:
    """Server-sent events of the status socket."""

    def __init__(self, daemon, path="/v1/events", **headers):
        self.connection = pt._UnixConnection(daemon.socket_path, pt.TIMEOUT)
        self.connection.request("GET", path, headers=dict(headers, Accept="text/event-stream"))
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        assert self.answer.getheader("Content-Type") == "text/event-stream"
        self.answer.readline()  # the greeting: from now on nothing is missed

    def events(self):
        event_id = None
        for line in self.answer:
            line = line.decode().rstrip("\n")
            if line.startswith("id: "):
                event_id = int(line[4:])
            elif line.startswith("data: "):
                event = json.loads(line[6:])
                assert event["id"] == event_id
                yield event

    def close(self):
        self.connection.close()


class EventTest(Control):
    def pages(self, limit=100):
        events, after = [], 0
        while True:
            page = self.daemon.get("/v1/events?after=%d&limit=%d" % (after, limit))
            if not page["events"]:
                return events
            events += page["events"]
            after = page["next"]

    def test_pages_tell_all_in_order(self):
        c = self.campaign(rows=25)
        events = self.pages(limit=7)
        ids = [e["id"] for e in events]
        self.assertEqual(ids, sorted(set(ids)))
        delivered = [e for e in events if e["type"] == "delivered"]
        self.assertEqual(sorted(e["row"] for e in delivered), list(range(1, 26)))
        one = delivered[0]
        self.assertEqual(one["campaign"], c["id"])
        self.assertEqual(one["email"], "user%d@example.com" % one["row"])
        self.assertEqual(one["code"], 250)
        self.assertRegex(one["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        sent = {m["message_id"] for m in self.sink.messages()}
        self.assertEqual({e["message_id"] for e in delivered}, sent)

    def test_events_of_earlier_runs_keep_names_and_addresses(self):
        self.campaign(rows=3)
        before = self.pages()
        self.daemon.terminate()
        self.daemon.start()
        after = self.pages()
        self.assertEqual([e for e in after if "row" in e], [e for e in before if "row" in e])

    def test_stream_tells_what_happens_and_who_did_it(self):
        c = self.held(rows=10)
        stream = Stream(self.daemon)
        self.addCleanup(stream.close)
        self.daemon.post("/v1/campaigns/%s/approve" % c["id"])
        types = []
        for event in stream.events():
            types.append(event["type"])
            if event["type"] == "approve":
                self.assertTrue(event["by"])
            if types.count("delivered") == 10:
                break
        self.assertIn("approve", types)
        self.assertEqual(types.count("sending"), 10)  # live only: no page has it
        self.assertNotIn("sending", [e["type"] for e in self.pages()])

    def test_stream_is_taken_up_where_it_ended(self):
        self.campaign("one", rows=5)
        before = self.pages()
        for how in ({"path": "/v1/events?after=%d" % before[2]["id"]},
                    {"Last-Event-ID": str(before[2]["id"])}):
            path = how.pop("path", "/v1/events")
            stream = Stream(self.daemon, path, **how)
            self.addCleanup(stream.close)
            got = []
            for event in stream.events():
                got.append(event["id"])
                if len(got) == len(before) - 3:
                    break
            self.assertEqual(got, [e["id"] for e in before[3:]])

    def test_open_streams_do_not_keep_the_daemon(self):
        streams = [Stream(self.daemon) for _ in range(5)]
        streams[0].close()
        self.assertEqual(self.daemon.terminate(), 0)
        for stream in streams[1:]:
            self.assertEqual(stream.answer.read().strip(), b"")
            stream.close()

    def test_streams_are_bounded(self):
        streams = [Stream(self.daemon) for _ in range(32)]
        for stream in streams:
            self.addCleanup(stream.close)
        self.assertRefused(503, "GET", "/v1/events", Accept="text/event-stream")
        self.assertEqual(self.daemon.get("/v1/status")["state"], "running")


# What another user does, in a process of its own: uid method path body. Prints status and body.
AS_USER = """
import http.client, os, socket, sys
uid, path, method, url, body = sys.argv[1:]
os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
c = http.client.HTTPConnection("postrider")
c.sock = socket.socket(socket.AF_UNIX)
c.sock.connect(path)
c.request(method, url, body or None)
a = c.getresponse()
print(a.status)
print(a.read().decode())
"""


@unittest.skipUnless(os.geteuid() == 0, "needs a second user: run as root")
class RoleTest(Control):
    config = {"socket": {"mode": "0666"}}

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)

    def as_user(self, uid, method, path, body=None):
        done = subprocess.run([sys.executable, "-c", AS_USER, str(uid), self.daemon.socket_path,
                               method, path, json.dumps(body) if body else ""],
                              capture_output=True, text=True, timeout=pt.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stderr)
        status, _, text = done.stdout.partition("\n")
        try:
            return int(status), json.loads(text)
        except ValueError:
            return int(status), text

    def drop_as(self, uid, name, **how):
        path = pt.make_campaign(self.folder, name, **how)
        os.chown(path, uid, -1)
        for entry in os.listdir(path):
            os.chown(os.path.join(path, entry), uid, -1)
        self.daemon.drop(path)

    def test_strangers_read_counts_but_no_addresses_and_do_nothing(self):
        c = self.held(rows=3)
        path = "/v1/campaigns/" + c["id"]
        for get in ("/v1/status", "/v1/campaigns", path, "/v1/sites", "/metrics", "/healthz"):
            self.assertEqual(self.as_user(STRANGER, "GET", get)[0], 200, get)
        for get in (path + "/recipients", path + "/report?format=csv", path + "/report",
                    "/v1/recipient?address=user1@example.com"):
            self.assertEqual(self.as_user(STRANGER, "GET", get)[0], 403, get)
        for post in (path + "/approve", path + "/pause", path + "/cancel", path + "/resolve",
                     path + "/adopt", "/v1/pause", "/v1/resume", "/v1/reload", "/v1/drain"):
            body = {"as": "resend"} if post.endswith("resolve") else None
            self.assertEqual(self.as_user(STRANGER, "POST", post, body)[0], 403, post)
        self.assertEqual(self.daemon.get(path)["state"], "held")
        self.assertTrue(self.daemon.running)

    def test_strangers_may_suppress_an_address_and_no_more(self):
        path, body = "/v1/suppressions", {"address": "ann@example.com", "reason": "complained"}
        self.assertEqual(self.as_user(STRANGER, "POST", path, body), (200, {"ok": True}))
        self.assertEqual(self.as_user(STRANGER, "POST", path, body), (200, {"ok": True}))
        forget = dict(body, reason="forgotten")
        self.assertEqual(self.as_user(STRANGER, "POST", path, forget)[0], 403)
        for method, url, more in (("GET", path, None), ("GET", path + "/audit", None),
                                  ("POST", path + "/remove", {"address": "ann@example.com"}),
                                  ("POST", path + "/import", {"rows": ["bob@example.com"]})):
            self.assertEqual(self.as_user(STRANGER, method, url, more)[0], 403, url)
        self.assertEqual([s["address"] for s in self.daemon.get(path)["suppressions"]],
                         ["ann@example.com"])
        lines = self.daemon.get(path + "/audit")["audit"]
        self.assertEqual([(x["uid"], x["by"], x["verb"], x["n"]) for x in lines],
                         [(STRANGER, "nobody", "add", 0), (STRANGER, "nobody", "add", 1)])

    def test_strangers_see_why_a_site_is_slow_without_addresses(self):
        folder = os.path.join(self.folder, "closed")
        os.mkdir(folder)
        closed = self.enterContext(pt.Sink(
            folder, rules=['on=mail,reply="421 4.7.0 enough for ann@example.com"']))
        self.daemon.write_config(routes={"default": {"port": closed.port}})
        self.daemon.post("/v1/reload")
        self.drop("slow", rows=3)

        def failing():
            lane, = self.daemon.get("/v1/sites")["sites"]
            return lane if lane["failures"] else None
        self.assertIn("ann@example.com", pt.wait_until(failing, "a failure")["last_reply"])
        status, answer = self.as_user(STRANGER, "GET", "/v1/sites")
        self.assertEqual((status, answer["sites"][0]["last_reply"]), (200, "421"))
        self.assertGreater(answer["sites"][0]["failures"], 0)

    def test_strangers_see_events_without_addresses(self):
        self.campaign(rows=3)
        page = self.as_user(STRANGER, "GET", "/v1/events?after=0")[1]
        delivered = [e for e in page["events"] if e["type"] == "delivered"]
        self.assertEqual(len(delivered), 3)
        for event in delivered:
            self.assertNotIn("email", event)
            self.assertNotIn("reply", event)  # servers quote addresses
        self.assertNotIn("user1@", json.dumps(page))

    def test_owners_do_all_on_their_own(self):
        self.drop_as(STRANGER, "mine", rows=3, manifest={"hold": True})
        mine = self.daemon.wait_state("mine", "held")
        other = self.held("other", rows=3)
        path = "/v1/campaigns/" + mine["id"]
        self.assertEqual(mine["owner"], STRANGER)
        status, page = self.as_user(STRANGER, "GET", path + "/recipients")
        self.assertEqual((status, len(page["recipients"])), (200, 3))
        self.assertEqual(self.as_user(STRANGER, "GET", path + "/report?format=csv")[0], 200)
        self.assertEqual(self.as_user(STRANGER, "POST", path + "/approve")[0], 200)
        done = self.daemon.wait_state("mine", "finished")
        pt.wait_until(lambda: "nobody" in self.history(done["id"], "by"), "the history")
        self.assertEqual(self.as_user(STRANGER, "GET", path + "/report?format=csv")[0], 200)
        self.assertEqual(
            self.as_user(STRANGER, "POST", "/v1/campaigns/%s/approve" % other["id"])[0], 403)
        events = self.as_user(STRANGER, "GET", "/v1/events?after=0")[1]["events"]
        self.assertEqual(sorted(e["email"] for e in events if e["type"] == "delivered"),
                         ["user%d@example.com" % n for n in (1, 2, 3)])

    def test_owners_see_a_persons_story_in_their_own_campaigns(self):
        self.drop_as(STRANGER, "mine", rows=3)
        self.daemon.wait_state("mine", "finished")
        self.campaign("other", rows=3)
        url = "/v1/recipient?address=user2@example.com"
        for _ in range(2):  # also after a restart
            mine = self.daemon.campaign("mine")["id"]
            status, story = self.as_user(STRANGER, "GET", url)
            self.assertEqual((status, [r["campaign"] for r in story["campaigns"]]), (200, [mine]))
            self.assertEqual(len(self.daemon.get(url)["campaigns"]), 2)
            self.assertEqual(self.as_user(STRANGER - 1, "GET", url)[0], 403)
            self.daemon.terminate()
            self.daemon.start()

    def test_owners_stay_owners_after_a_restart(self):
        self.drop_as(STRANGER, "mine", rows=3)
        mine = self.daemon.wait_state("mine", "finished")
        self.daemon.terminate()
        self.daemon.start()
        path = "/v1/campaigns/%s/recipients" % mine["id"]
        status, page = self.as_user(STRANGER, "GET", path)
        self.assertEqual((status, len(page.get("recipients", []))), (200, 3))
        self.assertEqual(self.as_user(STRANGER - 1, "GET", path)[0], 403)

    def test_a_folder_of_somebody_else_cannot_be_submitted(self):
        uploads = os.path.join(self.daemon.spool, "uploads")
        os.mkdir(uploads, 0o777)
        path = pt.make_campaign(uploads, "theirs", rows=2)
        self.assertEqual(self.as_user(STRANGER, "POST", "/v1/campaigns", {"path": path})[0], 403)
        self.assertTrue(os.path.exists(path))
        os.chown(path, STRANGER, -1)
        self.assertEqual(self.as_user(STRANGER, "POST", "/v1/campaigns", {"path": path})[0], 202)
        self.daemon.wait_state("theirs", "finished")


if __name__ == "__main__":
    unittest.main()
