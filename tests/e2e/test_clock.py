"""Promise 1, "Accounted", when the wall clock jumps by days: what waits for its retry is neither
sent early in a burst nor stuck, schedules follow the new time, pacing does not notice."""
import collections
import datetime
import mmap
import os
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import accounted
import postrider_test as pt

DAY = 86400
FIRST = 4  # seconds until the first retry
LATER = {"first": "%ds" % FIRST, "factor": 1, "jitter": 0.1, "max": "%ds" % FIRST, "give_up": "1h"}


class ClockTest(accounted.TestCase):
    def setUp(self):
        super().setUp()
        path = os.path.join(self.folder, "clock_offset")
        with open(path, "wb") as f:
            f.write(bytes(8))
        self.file = self.enter(open(path, "r+b"))
        self.offset = self.enter(mmap.mmap(self.file.fileno(), 8))
        self.env = dict(accounted.shim(self.folder, "clock"), CLOCK_OFFSET=path)

    def jump(self, seconds):
        """Set the daemon's wall clock so far off the true time."""
        self.offset[:] = struct.pack("<q", int(seconds * 1000))

    def start(self, rules=(), config=None, latency=None):
        self.sink = self.enter(pt.Sink(self.folder, rules=rules, commands=True, latency=latency))
        return self.enter(pt.Daemon(self.folder, relay=self.sink, env=self.env,
                                    config=dict({"retry": LATER}, **(config or {}))))

    def at(self, seconds):
        """So far from now by the daemon's clock, as schedules write it, in UTC."""
        now = time.time() + struct.unpack("<q", self.offset[:])[0] / 1000
        moment = datetime.datetime.fromtimestamp(now + seconds, datetime.timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%S")

    def all_deferred(self, rows):
        daemon = self.start(rules=["on=rcpt,tries=1,reply=451 4.7.1 later"])
        daemon.drop(pt.make_campaign(self.folder, "jump", rows=rows))

        def there():
            campaign = daemon.campaign("jump")
            return campaign and campaign["counts"]["deferred"] == rows
        pt.wait_until(there, "all rows to be deferred")
        return daemon

    def assert_waited(self, rows, late=4):
        """Each row was tried twice, and the second time when that was due."""
        tries = collections.defaultdict(list)
        for c in self.sink.commands("RCPT"):
            tries[c["argument"]].append(c["ms"] / 1000)
        self.assertEqual(len(tries), rows)
        for address, (first, second) in tries.items():
            self.assertGreater(second - first, 0.85 * FIRST, address)
            self.assertLess(second - first, 1.1 * FIRST + late, address)

    def check_jump(self, seconds, restart=None):
        rows = 100
        daemon = self.all_deferred(rows)
        if restart:
            restart(daemon)
        self.jump(seconds)
        if restart:
            daemon.start()
        campaign = daemon.wait_state("jump", "finished", timeout=20)
        self.assertEqual(campaign["counts"]["delivered"], rows)
        self.assert_waited(rows)

    def test_a_jump_opens_no_frequency_cap(self):
        daemon = self.start(config={"caps": [{"messages": 1, "per": "7d"}]})
        for i, days in enumerate((0, 30, 0, -30)):
            self.jump(days * DAY)
            if i == 2:
                daemon.kill()
                daemon.start()
            name = "jump%d" % i
            daemon.drop(pt.make_campaign(self.folder, name, rows=10, manifest={"again": True}))
            counts = daemon.wait_state(name, "finished", timeout=20)["counts"]
            self.assertEqual((counts["delivered"], counts["skipped"]),
                             (10, 0) if i == 0 else (0, 10), name)

    def test_a_jump_forward_sends_nothing_early(self):
        self.check_jump(3 * DAY)

    def test_a_jump_back_leaves_nothing_stuck(self):
        self.check_jump(-3 * DAY)

    def test_a_jump_forward_while_the_daemon_is_dead(self):
        self.check_jump(3 * DAY, restart=pt.Daemon.kill)

    def test_a_jump_back_while_the_daemon_is_stopped(self):
        self.check_jump(-3 * DAY, restart=pt.Daemon.terminate)

    def test_a_schedule_follows_the_clock_and_late_holds_what_missed_its_start(self):
        daemon = self.start()
        for name, late in (("soon", "6h"), ("missed", "1h")):
            schedule = {"start": self.at(3600), "late": late, "timezone": "UTC"}
            daemon.drop(pt.make_campaign(self.folder, name, rows=5,
                                         manifest={"schedule": schedule, "again": True}))
            daemon.wait_state(name, "scheduled")
        time.sleep(1.2)  # the gate is asked each second
        self.assertEqual(daemon.campaign("soon")["state"], "scheduled")
        self.jump(3 * 3600)
        self.assertEqual(daemon.wait_state("missed", "held")["reason"], "late")
        self.assertEqual(daemon.wait_state("soon", "finished")["counts"]["delivered"], 5)
        self.jump(0)  # back again: what has begun and ended stays so
        time.sleep(1.2)
        self.assertEqual(daemon.campaign("missed")["state"], "held")
        daemon.post("/v1/campaigns/%s/approve" % daemon.campaign("missed")["id"])
        self.assertEqual(daemon.wait_state("missed", "scheduled")["counts"]["pending"], 5)
        self.jump(DAY)
        self.assertEqual(daemon.wait_state("missed", "finished")["counts"]["delivered"], 5)

    def test_a_deadline_that_the_clock_jumps_over_ends_what_is_unsent(self):
        daemon = self.start()
        schedule = {"deadline": self.at(7200), "timezone": "UTC"}
        daemon.drop(pt.make_campaign(self.folder, "deadline", rows=100,
                                     manifest={"rate": "20/s", "schedule": schedule}))
        pt.wait_until(lambda: len(self.sink.messages()) > 10, "some to be sent")
        self.jump(DAY)
        campaign = daemon.wait_state("deadline", "finished")
        self.assertEqual(campaign["counts"]["delivered"], len(self.sink.messages()))
        self.assertEqual(campaign["counts"]["skipped"], 100 - len(self.sink.messages()))
        self.assertGreater(campaign["counts"]["skipped"], 0)

    def test_pacing_does_not_notice(self):
        daemon = self.start()
        daemon.drop(pt.make_campaign(self.folder, "paced", rows=150, manifest={"rate": "50/s"}))
        pt.wait_until(lambda: len(self.sink.messages()) > 30, "some to be sent")
        self.jump(-DAY)
        pt.wait_until(lambda: len(self.sink.messages()) > 80, "more to be sent", timeout=5)
        self.jump(DAY)
        daemon.wait_state("paced", "finished", timeout=10)
        times = sorted(m["ms"] for m in self.sink.messages())
        self.assertEqual(len(times), 150)
        self.assertGreater(times[-1] - times[0], 2800)


if __name__ == "__main__":
    unittest.main()
