"""Whoever has left gets no mail: found at import, at refill and right before MAIL FROM; what was
answered is durable, and every count still adds up."""
import csv
import io
import json
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402


def rows_of(daemon, campaign, state="suppressed", limit=1000):
    path = "/v1/campaigns/%s/recipients?state=%s&limit=%d" % (campaign["id"], state, limit)
    return daemon.get(path)["recipients"]


class SuppressCase(pt.TestCase):
    def drop(self, daemon, name, rows, **manifest):
        daemon.drop(pt.make_campaign(self.folder, name, rows=rows, manifest=manifest))

    def assert_adds_up(self, campaign):
        counts = dict(campaign["counts"])
        self.assertEqual(counts.pop("total"), sum(counts.values()), campaign["counts"])

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def told(self, sink, since=0):
        return {to for r in sink.messages() if r["ms"] / 1000 > since for to in r["to"]}

    def suppress(self, daemon, *words, code=0):
        """What the command prints for people; where it fails, on standard error."""
        ran = subprocess.run([pt.program("postrider"), "--config", daemon.config_path, "suppress",
                              *words], capture_output=True, text=True, timeout=pt.TIMEOUT,
                             check=False)
        self.assertEqual(ran.returncode, code, (words, ran.stdout, ran.stderr))
        return ran.stdout if code == 0 else ran.stderr


class ScopeTest(SuppressCase):
    def test_rows_are_suppressed_at_import_by_scope_and_reported(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            a = [pt.address(row, 1) for row in range(1, 11)]
            daemon.cli("suppress", "add", a[0].upper(), "--reason", "complained")
            daemon.cli("suppress", "add", a[1], "--list", "news", "--reason", "unsubscribed")
            daemon.cli("suppress", "add", a[2], "--reason", "unsubscribed")
            daemon.cli("suppress", "add", a[3], "--class", "transactional")
            daemon.cli("suppress", "add", a[4], "--until", "2020-01-01")
            daemon.cli("suppress", "add", a[5], "--reason", "forgotten")
            expect = {"plain": {0, 2, 5}, "listed": {0, 1, 2, 5}, "bills": {0, 3, 5}, "gone": {0}}
            self.drop(daemon, "plain", 10)
            self.drop(daemon, "listed", 10, list="news")
            self.drop(daemon, "bills", 10, **{"class": "transactional"})
            self.drop(daemon, "gone", 1)
            for name, who in expect.items():
                campaign = daemon.wait_state(name, "finished")
                self.assert_adds_up(campaign)
                left = rows_of(daemon, campaign)
                shown = {"" if i == 5 else a[i] for i in who}  # who is forgotten is not named
                self.assertEqual({r["email"] for r in left}, shown, name)
                self.assertEqual(campaign["counts"]["suppressed"], len(who))
                self.assertEqual({r["class"] for r in left}, {"suppressed"})
            results = daemon.results(daemon.campaign("plain"))
            first = results[0]
            self.assertEqual(first["state"], "suppressed")
            self.assertRegex(first["reply"], r"^complained on \d{4}-\d\d-\d\d, scope all$")
            with open(os.path.join(daemon.spool, "done", daemon.campaign("plain")["id"],
                                   "report.json"), encoding="utf-8") as f:
                self.assertEqual(json.load(f)["campaign"]["counts"]["suppressed"], 3)
            self.assertEqual(len(sink.messages()), 7 + 6 + 7)


    def test_a_store_that_cannot_be_read_keeps_the_daemon_from_starting(self):
        daemon = self.enter(pt.Daemon(self.folder, start=False))
        with open(os.path.join(daemon.state, "audience.db"), "w", encoding="ascii") as f:
            f.write("this is no database " * 500)
        daemon.start(wait=False)
        self.assertEqual(daemon.process.wait(pt.TIMEOUT), 1)
        self.assertIn("audience.db", daemon.log())


class CommandTest(SuppressCase):
    def test_commands_say_what_they_did_and_refuse_what_is_wrong(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            def run(*words, code=0):
                return self.suppress(daemon, *words, code=code)

            self.assertIn("is suppressed", run("add", "Ann@Bücher.example"))
            self.assertEqual(json.loads(run("add", "ann@bücher.example", "--json"))["already"], 1)
            run("add", "bob@a.example", "--list", "news", "--until", "2099-12-31",
                "--reason", "=asked by phone")
            page = json.loads(run("list", "--limit", "1", "--json"))
            self.assertEqual(page["suppressions"][0]["address"], "ann@xn--bcher-kva.example")
            page = json.loads(run("list", "--after", page["next"], "--json"))["suppressions"]
            self.assertEqual([(s["address"], s["scope"], s["note"], s["until"]) for s in page],
                             [("bob@a.example", "list news", "=asked by phone",
                               "2099-12-31T00:00:00.000Z")])
            self.assertIn("bob@a.example", run("list", "--match", "BOB"))
            self.assertIn("None", run("list", "--match", "nobody"))
            exported = run("export")
            self.assertIn("'=asked by phone", exported)
            self.assertEqual(len(list(csv.DictReader(io.StringIO(exported)))), 2)

            for words in (("add", "no address"), ("add", "a@b.example", "--class", "some"),
                          ("add", "a@b.example", "--list", "x", "--class", "all"),
                          ("add", "a@b.example", "--until", "tomorrow"),
                          ("remove", "nobody@a.example"), ("list", "--limit", "0"),
                          ("import", os.path.join(self.folder, "missing"))):
                self.assertTrue(run(*words, code=1), words)
            for words in ((), ("add",), ("fly", "x"), ("list", "--until", "2099-01-01"),
                          ("list", "x")):
                run(*words, code=2)
            self.assertEqual(daemon.request("POST", "/v1/suppressions",
                                            {"address": "a@b.example", "scoop": "all"})[0], 400)

            story = daemon.get("/v1/recipient?address=Bob@a.example")
            self.assertEqual([s["scope"] for s in story["suppressions"]], ["list news"])
            self.assertIn("written to again", run("remove", "BOB@a.example"))
            audit = json.loads(run("list", "--audit", "--json"))["audit"]
            self.assertEqual([(x["verb"], x["address"]) for x in audit],
                             [("remove", "bob@a.example"), ("add", "bob@a.example"),
                              ("add", "ann@xn--bcher-kva.example"),
                              ("add", "ann@xn--bcher-kva.example")])
            self.assertEqual({x["uid"] for x in audit}, {os.getuid()})

    def test_import_reads_csv_or_lines_lists_bad_rows_and_takes_back_an_export(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            table = self.write("t.csv", "name;E-Mail;scope;reason;until\n"
                               "Ann;ann@a.example;;unsubscribed;\n"
                               "Bad;nobody;;;\n"
                               "Bob;bob@a.example;list news;bounced;2099-01-01\n"
                               "Cat;'-cat@a.example;all;;\n"
                               "Dan;dan@a.example;;;soon\n")
            dry = json.loads(daemon.cli("suppress", "import", table, "--dry-run",
                                        "--json").stdout)
            self.assertEqual((dry["good"], dry["bad_rows"]), (3, 2))
            self.assertEqual([b["line"] for b in dry["bad"]], [3, 6])
            self.assertEqual(daemon.get("/v1/suppressions")["total"], 0)
            self.assertIn("3 good rows, 3 of them new; 2 bad",
                          self.suppress(daemon, "import", table))
            there = {(s["address"], s["scope"], s["reason"])
                     for s in daemon.get("/v1/suppressions")["suppressions"]}
            self.assertEqual(there, {("ann@a.example", "marketing", "unsubscribed"),
                                     ("bob@a.example", "list news", "bounced"),
                                     ("-cat@a.example", "all", "imported")})
            back = os.path.join(self.folder, "back.csv")
            self.suppress(daemon, "export", "--out", back)
            for address in ("ann", "bob", "-cat"):
                daemon.post("/v1/suppressions/remove", {"address": address + "@a.example"})
            daemon.cli("suppress", "import", back)
            again = {(s["address"], s["scope"], s["reason"])
                     for s in daemon.get("/v1/suppressions")["suppressions"]}
            self.assertEqual(again, there)
            lines = self.write("lines.txt", "x1@a.example\nx2@a.example\nX1@a.example\n")
            self.assertIn("2 of them new", self.suppress(daemon, "import", lines))
            for text, why in (("", "no address"), ("name,city\nAnn,Rome\n", "no column"),
                              ("address\nnobody\n", "bad.csv:2: nobody")):
                bad = self.write("bad.csv", text)
                self.assertIn(why, self.suppress(daemon, "import", bad, code=1))


class RunningTest(SuppressCase):
    def test_who_leaves_during_a_campaign_gets_nothing_that_was_not_on_the_wire(self):
        with pt.Sink(self.folder, latency="20ms") as sink, \
             pt.Daemon(self.folder, relay=sink, connections=2) as daemon:
            self.drop(daemon, "busy", 900)
            pt.wait_until(lambda: sink.totals()["messages"] >= 20, "the first messages")
            # The next ones are ready, granted or read already; the others are in the ledger.
            leaving = [pt.address(row, 1) for row in range(1, 601)]
            text = self.write("leaving.txt", "\n".join(leaving[:-1]) + "\n")
            daemon.cli("suppress", "import", text)
            daemon.cli("suppress", "add", leaving[-1])
            answered = time.time()
            campaign = daemon.wait_state("busy", "finished")
            late = self.told(sink, answered + 1) & set(leaving)
            self.assertEqual(late, set(), "sent although suppressed a second before")
            sent = len(self.told(sink) & set(leaving))
            self.assertLess(sent, 500)
            self.assert_adds_up(campaign)
            self.assertEqual(campaign["counts"]["suppressed"], 600 - sent)
            self.assertEqual(campaign["counts"]["delivered"], 300 + sent)
            self.assertEqual(len(sink.messages()), 300 + sent)
            events = [e for e in daemon.get("/v1/events?limit=1000")["events"]
                      if e["type"] == "suppressed"]
            self.assertTrue(events and events[0]["reply"].startswith("imported on "), events[:1])

    def test_what_was_answered_holds_after_kill_9(self):
        with pt.Sink(self.folder, latency="20ms") as sink, \
             pt.Daemon(self.folder, relay=sink, connections=2) as daemon:
            self.drop(daemon, "busy", 600, in_doubt="hold")
            pt.wait_until(lambda: sink.totals()["messages"] >= 20, "the first messages")
            leaving = [pt.address(row, 1) for row in range(201, 601)]
            daemon.cli("suppress", "import", self.write("l.txt", "\n".join(leaving)))
            before = self.told(sink) & set(leaving)
            daemon.kill()
            daemon.start()
            campaign = daemon.wait_state("busy", "finished")
            self.assert_adds_up(campaign)
            self.assertLessEqual(len((self.told(sink) & set(leaving)) - before), 4)
            self.assertGreaterEqual(campaign["counts"]["suppressed"], 396 - len(before))
            self.assertLessEqual(campaign["counts"]["in_doubt"], 4)

    def mx_daemon(self, sink, domains):
        """It sends to so many domains of one exchanger."""
        dns = self.enter(dns_server.Dns(
            self.folder, hosts={"mx.example": "127.0.0.1"},
            mx={"d%d.example" % n: [(10, "mx.example")] for n in range(domains)}))
        daemon = self.enter(pt.Daemon(self.folder, start=False,
                                      config={"dns": {"servers": [dns.server]}}))
        daemon.config["routes"] = {"default": {"via": "mx", "port": sink.port, "connections": 3}}
        daemon.shape({"connections": 3})
        daemon.start()
        return daemon

    def test_via_mx_and_across_pauses_no_row_is_counted_twice(self):
        sink = self.enter(pt.Sink(self.folder, latency="5ms"))
        daemon = self.mx_daemon(sink, 5)
        daemon.drop(pt.make_campaign(self.folder, "busy", rows=2000, domains=5))
        pt.wait_until(lambda: sink.totals()["messages"] >= 20, "the first messages")
        campaign = daemon.campaign("busy")
        for start in range(300, 1500, 300):
            rows = "\n".join(pt.address(row, 5) for row in range(start, start + 200))
            daemon.cli("suppress", "import", self.write("l.txt", rows))
            for verb in ("pause", "resume"):
                daemon.post("/v1/campaigns/%s/%s" % (campaign["id"], verb))
        campaign = daemon.wait_state("busy", "finished")
        counts = campaign["counts"]
        self.assert_adds_up(campaign)
        self.assertEqual(len(sink.messages()), counts["delivered"])
        self.assertEqual(counts["delivered"] + counts["suppressed"], 2000)
        self.assertGreater(counts["suppressed"], 200)
        self.assertEqual(sum(r["state"] == "suppressed" for r in daemon.results(campaign)),
                         counts["suppressed"])

    def test_an_import_of_200000_lets_delivery_go_on(self):
        with pt.Sink(self.folder, log=False) as sink, \
             pt.Daemon(self.folder, relay=sink) as daemon:
            self.drop(daemon, "busy", 15000, rate="6000/s")
            pt.wait_until(lambda: sink.totals()["messages"] >= 500, "the first messages")
            begin, sent = time.monotonic(), sink.totals()["messages"]
            pt.wait_until(lambda: sink.totals()["messages"] >= 3000, "more of them")
            before = (sink.totals()["messages"] - sent) / (time.monotonic() - begin)
            text = self.write("many.txt", "".join("u%d@other.example\n" % i
                                                  for i in range(200000)))
            begin, sent = time.monotonic(), sink.totals()["messages"]
            daemon.cli("suppress", "import", text)
            took, more = time.monotonic() - begin, sink.totals()["messages"] - sent
            self.assertGreater(more / took, before / 5, "messages a second beside the import")
            self.assertEqual(daemon.get("/v1/suppressions?limit=1")["total"], 200000)
            campaign = daemon.wait_state("busy", "finished")
            self.assertEqual(campaign["counts"]["delivered"], 15000)
            self.assertEqual(sink.totals()["messages"], 15000)


if __name__ == "__main__":
    unittest.main()
