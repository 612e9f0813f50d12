"""Each at their own hour: recipients get their mail by their own wall clock, also when clocks
change, after a restart in between, and never in their quiet hours."""
import datetime
import mmap
import os
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import accounted
import dns_server
import postrider_test as pt

ZONES = ["Pacific/Auckland", "Asia/Kolkata", "Europe/Berlin", "America/New_York",
         "Pacific/Pago_Pago"]
EACH = 40  # recipients of a zone


def recipients(zones, each=EACH, wrong=()):
    """Rows of the zones in turn, so that neighbours in the file never have the same time."""
    rows = ["email,first_name,product,timezone"]
    for n in range(each):
        for zone in zones:
            rows.append("%s-%d@example.com,Ann,Tea,%s" % (zone.split("/")[1].lower(), n, zone))
    for n, zone in enumerate(wrong):
        rows.append("wrong-%d@example.com,Ann,Tea,%s" % (n, zone))
    return "\n".join(rows) + "\n"


class TimingTest(accounted.TestCase):
    def setUp(self):
        super().setUp()
        path = os.path.join(self.folder, "clock_offset")
        with open(path, "wb") as f:
            f.write(bytes(16))
        self.file = self.enter(open(path, "r+b"))
        self.offset = self.enter(mmap.mmap(self.file.fileno(), 16))
        self.env = dict(accounted.shim(self.folder, "clock"), CLOCK_OFFSET=path)

    def set_clock(self, text):
        """The daemon's wall clock, in UTC."""
        moment = datetime.datetime.fromisoformat(text + "+00:00").timestamp()
        self.offset[:8] = struct.pack("<q", int((moment - time.time()) * 1000))

    def start(self, now, rules=(), config=None):
        self.set_clock(now)
        self.sink = self.enter(pt.Sink(self.folder, rules=rules))
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink, env=self.env,
                                           config=config))
        return self.daemon

    def drop(self, name, schedule, text, **manifest):
        keys = dict({"schedule": schedule}, **manifest)
        self.daemon.drop(pt.make_campaign(self.folder, name, manifest=keys, recipients=text))

    def got(self):
        """How many messages of each zone the sink has taken, by the names of the addresses."""
        counts = {}
        for m in self.sink.messages():
            zone = m["to"][0].split("-")[0]
            counts[zone] = counts.get(zone, 0) + 1
        return counts

    def assert_nothing_more(self, expected):
        time.sleep(2.2)  # gates and due rows are looked at each second
        self.assertEqual(self.got(), expected)

    def wait_got(self, expected):
        pt.wait_until(lambda: self.got() == expected, "the messages of %s" % expected)

    def test_five_zones_at_nine_on_the_day_the_clocks_change_with_a_restart(self):
        daemon = self.start("2026-03-28T12:00:00")
        self.drop("nine", {"start": "2026-03-29T09:00", "timezone": "recipient",
                           "fallback_timezone": "Europe/Berlin"},
                  recipients(ZONES, wrong=["", "Mars/Olympus"]))
        daemon.wait_state("nine", "scheduled")
        self.assertEqual(daemon.campaign("nine")["start"], "2026-03-28T20:00:00.000Z")
        # Berlin has been in summer time for six hours by then: 07:00 UTC, not 08:00
        times = [("auckland", "2026-03-28T20:00"), ("kolkata", "2026-03-29T03:30"),
                 ("berlin", "2026-03-29T07:00"), ("new_york", "2026-03-29T13:00"),
                 ("pago_pago", "2026-03-29T20:00")]
        expected = {}
        for n, (zone, at) in enumerate(times):
            before = datetime.datetime.fromisoformat(at) - datetime.timedelta(seconds=30)
            self.set_clock(before.isoformat())
            self.assert_nothing_more(expected)
            if n == 1:
                daemon.kill()
                self.set_clock(at + ":01")
                daemon.start()
            self.set_clock(at + ":01")
            expected[zone] = EACH
            if zone == "berlin":
                expected["wrong"] = 2
            self.wait_got(expected)
            if n < 4:
                campaign = daemon.campaign("nine")
                self.assertEqual(campaign["state"], "sending")
                pt.wait_until(lambda: daemon.campaign("nine")["next"] ==
                              times[n + 1][1] + ":00.000Z", "the next time to be shown")
        campaign = daemon.wait_state("nine", "finished")
        self.assertEqual(campaign["counts"]["delivered"], 5 * EACH + 2)
        self.assertEqual(len(self.sink.messages()), 5 * EACH + 2)
        history = str(campaign["history"])
        self.assertIn("2 rows have no known time zone: Europe/Berlin is used", history)
        self.assertIn("Mars/Olympus", history)

    def test_many_of_one_receiver_whose_hour_has_come_go_as_fast_as_it_takes_them(self):
        rows = 6000
        self.set_clock("2026-03-29T06:00:00")
        self.sink = self.enter(pt.Sink(self.folder))
        domains = ["example.com"] + ["d%d.example" % n for n in range(300)]
        names = self.enter(dns_server.Dns(self.folder, hosts={
            "mx." + d: "127.0.0.1" for d in domains}, mx={d: [(10, "mx." + d)] for d in domains}))
        self.daemon = pt.Daemon(self.folder, start=False, env=self.env, config={
            "dns": {"servers": [names.server]}, "preflight": "off"})
        self.daemon.config["routes"] = {"default": {"via": "mx", "port": self.sink.port}}
        self.daemon.shape()
        self.daemon.start()
        self.enter(self.daemon)
        self.drop("nine", {"start": "2026-03-29T09:00", "timezone": "recipient",
                           "fallback_timezone": "Europe/Berlin"},
                  "email,first_name,product,timezone\n" + "".join(
                      "berlin-%d@%s,Ann,Tea,Europe/Berlin\n" % (n, domains[max(0, n % 600 - 299)])
                      for n in range(rows)))
        self.daemon.wait_state("nine", "scheduled")
        self.set_clock("2026-03-29T07:00:01")
        began = time.monotonic()
        self.wait_got({"berlin": rows})
        self.assertLess(time.monotonic() - began, 12)  # by looks of a second: 24

    def test_contacts_are_chosen_before_the_first_of_them_gets_it(self):
        daemon = self.start("2026-11-30T12:00:00")
        path = os.path.join(self.folder, "people.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("email,timezone,first_name,product\nauckland-1@example.com,Pacific/Auckland,A,T\n"
                    "berlin-1@example.com,Europe/Berlin,B,T\n")
        daemon.cli("contacts", "import", path)
        self.drop("all", {"start": "2026-12-01T09:00", "timezone": "recipient",
                          "fallback_timezone": "Europe/Berlin"}, None, recipients=None,
                  audience={"segment": "1"})
        daemon.wait_state("all", "scheduled")
        self.set_clock("2026-11-30T18:59:30")
        self.assert_nothing_more({})
        self.assertEqual(daemon.campaign("all")["counts"]["total"], 0)
        self.set_clock("2026-11-30T19:00:01")  # nine in Kiritimati
        pt.wait_until(lambda: daemon.campaign("all")["counts"]["total"] == 2, "the choice")
        self.set_clock("2026-11-30T20:00:01")  # in Auckland
        self.wait_got({"auckland": 1})
        self.set_clock("2026-12-01T08:00:01")
        self.assertEqual(daemon.wait_state("all", "finished")["counts"]["delivered"], 2)
        self.assertEqual(self.got(), {"auckland": 1, "berlin": 1})

    def test_a_start_that_has_passed_waits_for_the_next_day_or_goes_or_is_skipped(self):
        daemon = self.start("2026-12-01T12:00:00")
        text = recipients(["Pacific/Auckland", "America/New_York"], 10)
        for passed in ("next_day", "now", "skip"):
            self.drop(passed, {"start": "2026-12-01T09:00", "timezone": "recipient",
                               "passed": passed}, text, again=True)
            pt.wait_until(lambda: (daemon.campaign(passed) or {}).get("state")
                          in ("scheduled", "sending"), "the import of " + passed)
        self.wait_got({"auckland": 10})  # of "now"
        self.assertEqual(daemon.campaign("skip")["counts"]["skipped"], 10)
        self.assertEqual(daemon.campaign("skip")["state"], "scheduled")
        self.set_clock("2026-12-01T14:00:01")  # nine in New York
        self.assertEqual(daemon.wait_state("now", "finished")["counts"]["delivered"], 20)
        self.assertEqual(daemon.wait_state("skip", "finished")["counts"]["delivered"], 10)
        self.wait_got({"auckland": 10, "new_york": 30})
        self.set_clock("2026-12-01T20:00:01")  # nine of the next day in Auckland
        self.assertEqual(daemon.wait_state("next_day", "finished")["counts"]["delivered"], 20)

    def test_a_deadline_is_by_the_clock_of_the_recipient(self):
        daemon = self.start("2026-12-01T06:00:00", 
                            rules=["on=rcpt,match=berlin-*,reply=451 4.7.1 later"],
                            config={"retry": {"first": "1s", "factor": 1, "max": "1s",
                                              "give_up": "7d"}})
        self.drop("deadline", {"start": "2026-12-01T09:00", "deadline": "2026-12-01T20:00",
                               "timezone": "recipient"},
                  recipients(["Europe/Berlin", "America/New_York"], 10))
        daemon.wait_state("deadline", "scheduled")
        self.set_clock("2026-12-01T08:00:01")
        pt.wait_until(lambda: daemon.campaign("deadline")["counts"]["deferred"] == 10,
                      "Berlin to be deferred")
        self.set_clock("2026-12-01T19:00:01")  # eight in the evening in Berlin
        pt.wait_until(lambda: daemon.campaign("deadline")["counts"]["skipped"] == 10,
                      "the rows of Berlin to be skipped")
        campaign = daemon.wait_state("deadline", "finished")
        self.assertEqual(campaign["counts"]["delivered"], 10)
        states = {r["email"]: r["state"] for r in daemon.results(campaign)}
        self.assertEqual({s for e, s in states.items() if e.startswith("berlin")}, {"skipped"})

    def test_what_waits_can_be_cancelled_and_paused(self):
        daemon = self.start("2026-11-30T00:00:00")
        for name in ("cancelled", "paused"):
            self.drop(name, {"start": "2026-12-01T09:00", "timezone": "recipient", "late": "1d"},
                      recipients(ZONES), again=True)
            daemon.wait_state(name, "scheduled")
            verb = "cancel" if name == "cancelled" else "pause"
            daemon.post("/v1/campaigns/%s/%s" % (daemon.campaign(name)["id"], verb))
        self.assertEqual(daemon.wait_state("cancelled", "cancelled")["counts"]["cancelled"], 200)
        pt.wait_until(lambda: any("cancelled" in n for n in
                                  os.listdir(os.path.join(daemon.spool, "done"))), "its end")
        self.set_clock("2026-12-01T08:00:01")
        self.assert_nothing_more({})
        daemon.post("/v1/campaigns/%s/resume" % daemon.campaign("paused")["id"])
        self.wait_got({"auckland": EACH, "kolkata": EACH, "berlin": EACH})

    def test_no_retry_in_the_quiet_hours(self):
        config = {"quiet": "21:00-08:00",
                  "retry": {"first": "2s", "factor": 1, "jitter": 0, "max": "2s", "give_up": "7d"}}
        daemon = self.start("2026-12-01T19:58:30", config=config,
                            rules=["on=rcpt,tries=1,reply=451 4.7.1 later"])
        self.drop("quiet", {}, recipients(["Europe/Berlin", "America/New_York"], 10))
        pt.wait_until(lambda: daemon.campaign("quiet") and
                      daemon.campaign("quiet")["counts"]["deferred"] == 20, "all to be deferred")
        self.set_clock("2026-12-01T20:00:01")  # nine in the evening in Berlin, three in New York
        self.wait_got({"new_york": 10})
        self.assert_nothing_more({"new_york": 10})
        self.assertEqual(daemon.campaign("quiet")["next"], "2026-12-02T07:00:00.000Z")
        daemon.terminate()
        daemon.start()
        self.assert_nothing_more({"new_york": 10})
        self.set_clock("2026-12-02T07:00:01")
        self.wait_got({"new_york": 10, "berlin": 10})
        daemon.wait_state("quiet", "finished")

    def test_quiet_hours_that_begin_stop_what_is_on_its_way(self):
        daemon = self.start("2026-12-01T19:59:00", config={"quiet": "21:00-08:00"})
        self.drop("slow", {"timezone": "Europe/Berlin"},
                  recipients(["Europe/Berlin", "America/New_York"], 60), rate="10/s")
        pt.wait_until(lambda: len(self.sink.messages()) > 20, "some to be sent")
        self.set_clock("2026-12-01T20:00:00")
        time.sleep(1.5)
        berlin = self.got()["berlin"]
        self.assertLess(berlin, 40)
        pt.wait_until(lambda: self.got()["new_york"] == 60, "all of New York", timeout=20)
        self.assertEqual(self.got()["berlin"], berlin)
        self.assertEqual(daemon.campaign("slow")["counts"]["pending"], 60 - berlin)
        self.set_clock("2026-12-02T07:00:01")
        campaign = daemon.wait_state("slow", "finished")
        self.assertEqual(campaign["counts"]["delivered"], 120)

    def test_without_zones_in_the_file_quiet_hours_are_the_campaigns(self):
        daemon = self.start("2026-12-01T20:30:00", config={"quiet": "21:00-08:00"})
        self.drop("all", {"timezone": "Europe/Berlin"}, None)
        self.drop("receipts", {"timezone": "Europe/Berlin"}, None, **{"class": "transactional"})
        daemon.wait_state("receipts", "finished")
        self.assertEqual(daemon.wait_state("all", "scheduled")["counts"]["pending"], 10)
        self.set_clock("2026-12-02T07:00:01")
        daemon.wait_state("all", "finished")

    def test_the_best_hour_of_each_by_what_they_did(self):
        """Ann opens at seven in the evening in New York, Bob at noon in Berlin, by summer and by
        winter time; of Carl too little is known, and what a machine did is no event."""
        daemon = self.start("2026-12-01T00:30:00")
        events = ["email,event,time"]
        for day in ("10-12", "10-19", "11-02", "11-09", "11-16", "11-23"):
            summer = day < "10-25"
            events.append("new_york-ann@example.com,open,2026-%sT%s:10:00Z"
                          % (day, "23" if summer else "00"))
            events.append("berlin-bob@example.com,click,2026-%sT%s:20:00Z"
                          % (day, "10" if summer else "11"))
        events.append("berlin-carl@example.com,open,2026-11-23T03:00:00Z")
        path = os.path.join(self.folder, "events.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(events) + "\n")
        daemon.cli("track", "import", path)
        text = "email,first_name,product,timezone\n" + "".join(
            "%s@example.com,Ann,Tea,%s\n" % row
            for row in (("new_york-ann", "America/New_York"), ("berlin-bob", "Europe/Berlin"),
                        ("berlin-carl", "Europe/Berlin")))
        self.drop("best", {"start": "2026-12-01T06:00", "timezone": "recipient", "hour": "best",
                           "fallback_hour": "09:30"}, text)
        daemon.wait_state("best", "scheduled")
        self.set_clock("2026-12-01T08:29:30")
        self.assert_nothing_more({})
        self.set_clock("2026-12-01T08:30:01")
        self.wait_got({"berlin": 1})
        self.assertEqual(self.sink.messages()[0]["to"][0], "berlin-carl@example.com")
        self.assertEqual(daemon.campaign("best")["next"], "2026-12-01T11:00:00.000Z")
        self.set_clock("2026-12-01T11:00:01")
        self.wait_got({"berlin": 2})
        self.set_clock("2026-12-01T23:59:30")
        self.assert_nothing_more({"berlin": 2})
        self.set_clock("2026-12-02T00:00:01")
        daemon.wait_state("best", "finished")

    def test_by_exchangers_quiet_hours_stop_rows_behind_a_slow_receiver_and_kills_lose_none(self):
        """Thirty domains of two receivers that take 40 a second each: rows wait in memory, and
        domains are behind when the quiet hours begin."""
        self.set_clock("2026-12-01T19:59:50")
        self.sink = self.enter(pt.Sink(self.folder, commands=True))
        domains = ["d%d.example" % n for n in range(30)]
        names = self.enter(dns_server.Dns(
            self.folder, hosts={"mx0.example": "127.0.0.1", "mx1.example": "127.0.0.1"},
            mx={d: [(10, "mx%d.example" % (n % 2))] for n, d in enumerate(domains)}))
        daemon = self.daemon = pt.Daemon(
            self.folder, start=False, env=self.env,
            config={"dns": {"servers": [names.server], "timeout": "1s"}, "preflight": "off",
                    "quiet": "21:00-08:00", "retry": accounted.SOON})
        daemon.config["routes"] = {"default": {"via": "mx", "port": self.sink.port}}
        daemon.shape({"message_rate": "40/s", "burst": 5})
        daemon.start()
        self.enter(daemon)
        rows = 3000
        lines = ["email,first_name,product,timezone"]
        for n in range(rows):
            zone = ("berlin", "Europe/Berlin") if n % 4 else ("newyork", "America/New_York")
            lines.append("%s-%d@%s,Ann,Tea,%s" % (zone[0], n, domains[n * 7 % 30], zone[1]))
        self.drop("slow", {"timezone": "UTC"}, "\n".join(lines) + "\n")
        pt.wait_until(lambda: len(self.sink.messages()) > 150, "some to be sent", timeout=20)
        self.set_clock("2026-12-01T20:00:00")
        time.sleep(1)
        daemon.kill()
        self.set_clock("2026-12-01T20:01:00")
        berlin = self.got()["berlin"]
        daemon.start()
        pt.wait_until(lambda: self.got()["newyork"] >= rows // 4, "New York", timeout=60)
        daemon.kill()
        daemon.start()
        self.assertEqual(self.got()["berlin"], berlin)
        daemon.shape()
        daemon.post("/v1/reload")
        self.set_clock("2026-12-02T07:00:01")
        campaign = daemon.wait_state("slow", "finished", timeout=60)
        self.assert_counts(campaign, rows)
        self.assertEqual(campaign["counts"]["delivered"], rows)
        self.assert_accounted(self.sink, rows, daemon.results(campaign))


if __name__ == "__main__":
    unittest.main()
