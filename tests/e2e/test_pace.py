"""Pace and retry: campaign rates, limits of connections, shares of campaigns, the retry schedule,
and when a campaign may send. Everything is measured at the receiver."""
import datetime
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt


def utc(seconds_from_now):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def of_sender(records, name):
    return [r for r in records if r["from"] == name + "@mail.acme.example"]


class PaceCase(pt.TestCase):
    def make(self, name, rows, **manifest):
        """A campaign whose sender tells it apart at the sink."""
        return pt.make_campaign(self.folder, name, rows=rows, manifest=dict(
            {"from": name + "@mail.acme.example"}, **manifest))

    def drop_together(self, daemon, paths):
        """All of them begin at the same moment."""
        daemon.post("/v1/pause")
        for path in paths:
            daemon.drop(path)
        for path in paths:
            daemon.wait_state(os.path.basename(path), "sending")
        daemon.post("/v1/resume")


class RateTest(PaceCase):
    @staticmethod
    def rate(records):
        """Messages a second by the line of best fit through all arrivals: how long the first and
        the last took from their grant to the receiver does not matter so."""
        times = [r["ms"] / 1000 for r in records]
        middle, mean = (len(times) - 1) / 2, sum(times) / len(times)
        return sum((i - middle) ** 2 for i in range(len(times))) / \
            sum((i - middle) * (t - mean) for i, t in enumerate(times))

    def assert_rate(self, records, wanted):
        self.assertAlmostEqual(self.rate(records), wanted, delta=wanted * 0.01)

    def test_slow_and_fast_rates_keep_to_one_percent_beside_each_other(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            self.drop_together(daemon, [self.make("hourly", 50, rate="1/h"),
                                        self.make("five", 25, rate="5/s"),
                                        self.make("thousand", 5000, rate="1000/s")])
            daemon.wait_state("five", "finished")
            daemon.wait_state("thousand", "finished")
            messages = sink.messages()
            self.assertEqual(len(of_sender(messages, "hourly")), 1)
            self.assert_rate(of_sender(messages, "five"), 5)
            self.assert_rate(of_sender(messages, "thousand"), 1000)
            hourly = daemon.campaign("hourly")
            self.assertEqual(hourly["state"], "sending")
            self.assertEqual(hourly["counts"]["pending"] + hourly["counts"]["sending"], 49)

    def test_rate_waits_for_nobody_and_is_not_made_up_after_a_pause(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(self.make("steady", 400, rate="100/s"))
            pt.wait_until(lambda: sink.totals()["messages"] >= 100, "the first hundred")
            path = "/v1/campaigns/%s/" % daemon.campaign("steady")["id"]
            daemon.post(path + "pause")
            before = pt.wait_until(lambda: self.settled(daemon, sink), "what is in flight")
            time.sleep(1)
            self.assertEqual(sink.totals()["messages"], before)
            daemon.post(path + "resume")
            daemon.wait_state("steady", "finished")
            messages = sink.messages()
            self.assert_rate(messages[:before], 100)
            self.assert_rate(messages[before:], 100)

    @staticmethod
    def settled(daemon, sink):
        counts = daemon.campaign("steady")["counts"]
        return counts["sending"] == 0 and sink.totals()["messages"] == counts["delivered"] and \
            counts["delivered"]

    def fastest(self, sink, daemon):
        """Messages a second that this machine manages now, with nothing to hold it back."""
        daemon.drop(self.make("probe", 30000))
        daemon.wait_state("probe", "finished")
        times = [r["ms"] for r in sink.messages()]
        return len(times) / ((times[-1] - times[0]) / 1000)

    def test_twenty_thousand_a_second_keep_to_one_percent(self):
        """Or half of what the machine can do now. A stall of the machine longer than what the
        pacer makes up (src/delivery/gcra.h) makes it slower, once in three."""
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            wanted = int(min(20000, self.fastest(sink, daemon) / 2))
            for attempt in range(3):
                name = "fast%d" % attempt
                daemon.drop(self.make(name, 3 * wanted, rate="%d/s" % wanted))
                daemon.wait_state(name, "finished")
                messages = of_sender(sink.messages(), name)
                self.assertLess(self.rate(messages), wanted * 1.01)
                if self.rate(messages) > wanted * 0.99:
                    return
            self.assert_rate(messages, wanted)


class LimitTest(PaceCase):
    def test_connections_of_a_route_and_of_all_are_never_exceeded(self):
        folders = [os.path.join(self.folder, name) for name in "ab"]
        for folder in folders:
            os.mkdir(folder)
        with pt.Sink(folders[0], latency="5ms") as few, \
             pt.Sink(folders[1], latency="5ms") as many, \
             pt.Daemon(self.folder, relay=few, connections=3, config={
                 "max_connections": 7,
                 "routes": {"wide": pt.Daemon._route(many, 50)}}) as daemon:
            daemon.drop(self.make("narrow", 600))
            daemon.drop(self.make("wide", 1200, route="wide"))
            most = 0
            while daemon.wait_state("narrow", "sending", "finished")["state"] != "finished":
                most = max(most, daemon.get("/v1/status")["connections"]["open"])
                time.sleep(0.02)
            daemon.wait_state("wide", "finished")
            self.assertEqual(few.totals()["max_open"], 3)
            self.assertIn(many.totals()["max_open"], range(4, 8))
            self.assertLessEqual(most, 7)

    def test_shares_follow_priorities_and_the_lowest_does_not_starve(self):
        """Ten campaigns on a lane that is the bottleneck: 0 counts as half of 1."""
        weights = {"p%d" % p: p or 0.5 for p in range(10)}
        with pt.Sink(self.folder, latency="4ms") as sink, \
             pt.Daemon(self.folder, relay=sink, connections=8) as daemon:
            self.drop_together(daemon, [self.make(name, 1500, priority=int(name[1:]))
                                        for name in weights])
            pt.wait_until(lambda: sink.totals()["messages"] >= 7000, "7,000 messages")
            senders = [r["from"].partition("@")[0] for r in sink.messages()][:7000]
        total = sum(weights.values())
        # One turn of all campaigns is 91 messages: where the measured stretch begins and ends
        # within a turn moves the count of a campaign by one grant of its turn.
        for name, weight in weights.items():
            share = 7000 * weight / total
            self.assertAlmostEqual(senders.count(name), share, delta=0.05 * share + 1, msg=name)
        places = [i for i, sender in enumerate(senders) if sender == "p0"]
        longest = max(b - a for a, b in zip(places, places[1:]))
        # Every other turn is its, less what its refill waits for.
        self.assertLess(longest, 10 * total, "the lowest waited for so many others")


class RetryTest(PaceCase):
    RETRY = {"first": "1s", "factor": 2, "jitter": 0.4, "max": "3s", "give_up": "6s"}

    def test_pauses_grow_to_the_longest_vary_and_end_with_give_up(self):
        with pt.Sink(self.folder, rules=["on=rcpt,match=user[1-9]@*,reply=451 4.3.0 later"],
                     commands=True) as sink, \
             pt.Daemon(self.folder, relay=sink, config={"retry": self.RETRY}) as daemon:
            daemon.drop(self.make("later", 12))
            campaign = daemon.wait_state("later", "finished")
            self.assertEqual(campaign["counts"]["delivered"], 3)
            self.assertEqual(campaign["counts"]["bounced"], 9)
            last = set()
            for row in range(1, 10):
                times = [r["ms"] / 1000 for r in sink.commands("RCPT")
                         if r["argument"] == "user%d@example.com" % row]
                # tries at about 0, 1, 3 and 6 s; the one after would be at 9
                self.assertIn(len(times), (3, 4), times)
                for pause, wanted in zip([b - a for a, b in zip(times, times[1:])], (1, 2, 3)):
                    self.assertGreaterEqual(pause, wanted * 0.6 - 0.05)
                    # rows that are due are looked for once a second
                    self.assertLess(pause, wanted * 1.4 + 1.3)
                last.add(int(times[-1]))
            self.assertGreater(len(last), 1, "rows that failed together came back together")
            for row in daemon.results(campaign)[:9]:
                self.assertEqual((row["state"], row["class"]), ("bounced", "expired"))
                self.assertEqual((row["code"], row["enhanced"]), ("451", "4.3.0"))
                self.assertIn(row["attempts"], ("3", "4"))

    def test_deferred_rows_survive_a_restart_and_go_when_they_are_due(self):
        with pt.Sink(self.folder, rules=["on=rcpt,tries=1,reply=450 4.2.0 busy"]) as sink, \
             pt.Daemon(self.folder, relay=sink,
                       config={"retry": dict(self.RETRY, first="3s", max="3s")}) as daemon:
            daemon.drop(self.make("again", 30))
            pt.wait_until(lambda: (daemon.campaign("again") or {"counts": {"deferred": 0}})
                          ["counts"]["deferred"] == 30, "30 deferrals")
            tried = time.time()
            daemon.kill()
            daemon.start()
            self.assertEqual(daemon.campaign("again")["counts"]["deferred"], 30)
            campaign = daemon.wait_state("again", "finished")
            self.assertEqual(campaign["counts"]["delivered"], 30)
            self.assertEqual(campaign["in_doubt_ever"], 0)
            first = min(r["ms"] for r in sink.messages()) / 1000 - tried
            self.assertGreater(first, 3 * 0.6 - 0.5)
            self.assertEqual({r["attempts"] for r in daemon.results(campaign)}, {"2"})


class ScheduleTest(PaceCase):
    def test_start_in_the_future_is_waited_for(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            start = time.time() + 3
            daemon.drop(self.make("soon", 5, schedule={"start": utc(3)}))
            campaign = daemon.wait_state("soon", "scheduled")
            self.assertEqual(campaign["counts"]["pending"], 5)
            daemon.wait_state("soon", "finished")
            first = sink.messages()[0]["ms"] / 1000
            self.assertGreaterEqual(first, int(start))  # the manifest has whole seconds
            self.assertLess(first, start + 2)

    def test_too_late_is_held_until_somebody_approves(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(self.make("late", 5, schedule={"start": utc(-3600), "late": "10m"}))
            campaign = daemon.wait_state("late", "held")
            self.assertEqual(campaign["reason"], "late")
            self.assertEqual(sink.totals()["messages"], 0)
            daemon.post("/v1/campaigns/%s/approve" % campaign["id"])
            self.assertEqual(daemon.wait_state("late", "finished")["counts"]["delivered"], 5)

    def test_late_but_not_too_late_is_sent(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(self.make("behind", 5, schedule={"start": utc(-3600), "late": "2h"}))
            self.assertEqual(daemon.wait_state("behind", "finished")["counts"]["delivered"], 5)

    def test_hold_waits_for_approval_also_across_a_restart(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(self.make("held", 5, hold=True))
            campaign = daemon.wait_state("held", "held")
            self.assertEqual(campaign["reason"], "approval")
            daemon.kill()
            daemon.start()
            campaign = daemon.wait_state("held", "held")
            self.assertEqual((campaign["reason"], campaign["counts"]["pending"]), ("approval", 5))
            self.assertEqual(sink.totals()["messages"], 0)
            daemon.post("/v1/campaigns/%s/approve" % campaign["id"])
            self.assertEqual(daemon.wait_state("held", "finished")["counts"]["delivered"], 5)

    @staticmethod
    def window(begin_minutes, end_minutes):
        now = datetime.datetime.now(datetime.timezone.utc)
        times = [now + datetime.timedelta(minutes=m) for m in (begin_minutes, end_minutes)]
        return "-".join(t.strftime("%H:%M") for t in times)

    def test_nothing_leaves_outside_the_window(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(self.make("shut", 5, schedule={"window": self.window(60, 120)}))
            daemon.drop(self.make("open", 5, schedule={"window": self.window(-60, 60)}))
            self.assertEqual(daemon.wait_state("open", "finished")["counts"]["delivered"], 5)
            time.sleep(1.2)  # gates are looked at once a second
            shut = daemon.campaign("shut")
            self.assertEqual(shut["counts"]["pending"], 5)
            self.assertIn(shut["state"], ("scheduled", "sending"))
            self.assertEqual(len(sink.messages()), 5)
            daemon.post("/v1/campaigns/%s/cancel" % shut["id"])
            self.assertEqual(daemon.campaign("shut")["counts"]["cancelled"], 5)

    def test_deadline_skips_the_rest_and_ends_retries(self):
        with pt.Sink(self.folder, rules=["on=rcpt,match=user1@*,reply=451 4.3.0 later"]) as sink, \
             pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(self.make("short", 200, rate="20/s", schedule={"deadline": utc(4)}))
            campaign = daemon.wait_state("short", "finished")
            counts = campaign["counts"]
            self.assertLess(time.time(), sink.messages()[0]["ms"] / 1000 + 10)
            self.assertGreater(counts["delivered"], 10)
            self.assertEqual(counts["delivered"] + counts["skipped"], 200, counts)
            self.assertEqual(len(sink.messages()), counts["delivered"])
            results = daemon.results(campaign)
            # The one that was to be tried again keeps what was said of it last.
            self.assertEqual((results[0]["state"], results[0]["reply"]), ("skipped", "later"))
            skipped = [r for r in results[1:] if r["state"] == "skipped"]
            self.assertEqual(len(skipped), counts["skipped"] - 1)
            self.assertEqual({r["reply"] for r in skipped}, {"deadline"})


if __name__ == "__main__":
    unittest.main()
