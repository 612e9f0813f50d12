"""Promise 1, "Accounted", on a disk that is full or fails. The full disk is a small tmpfs: these
tests need root, and are skipped where nothing can be mounted."""
import glob
import os
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import accounted
import postrider_test as pt
from accounted import SOON

MiB = 1 << 20


class SmallDisk:
    """A tmpfs of so many MiB at FOLDER/disk, and a file that fills it."""

    def __init__(self, test, size):
        self.path = os.path.join(test.folder, "disk")
        self.ballast = os.path.join(self.path, "ballast")
        os.mkdir(self.path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % size, "tmpfs",
                               self.path], capture_output=True, text=True)
        if done.returncode:
            raise unittest.SkipTest("cannot mount a tmpfs: " + done.stderr.strip())
        test.addCleanup(subprocess.run, ["umount", "-l", self.path])

    def grow(self, size):
        subprocess.run(["mount", "-o", "remount,size=%dm" % size, self.path], check=True)

    def free(self):
        s = os.statvfs(self.path)
        return s.f_bavail * s.f_frsize

    def leave(self, octets):
        """Fill it up to so many free octets."""
        with open(self.ballast, "ab") as f:
            os.posix_fallocate(f.fileno(), 0, f.tell() + max(1, self.free() - octets))

    def fill(self):
        """To the last page, against a program that writes at the same time."""
        with open(self.ballast, "ab", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(65536))
            except OSError:
                pass
            try:
                while True:
                    f.write(bytes(512))
            except OSError:
                pass

    def fill_for_good(self):
        """The same where the program gives back what it took in vain."""
        quiet = 0
        while quiet < 5:
            quiet = 0 if self.free() else quiet + 1
            self.fill()
            time.sleep(0.1)

    def release(self):
        os.unlink(self.ballast)


class FullDiskTest(accounted.TestCase):
    def state(self, daemon):
        return daemon.get("/v1/status")["state"]

    def says_full(self, daemon):
        try:
            return self.state(daemon) == "disk_full"
        except OSError:
            return False  # not up yet

    def done(self, daemon, name):
        campaign = daemon.campaign(name)
        return campaign["counts"]["delivered"] if campaign else 0

    def assert_quiet(self, daemon, name, rows):
        """Nothing is in flight any more, and nothing new goes."""
        pt.wait_until(lambda: daemon.campaign(name)["counts"]["sending"] == 0, "the flight's end")
        before = daemon.campaign(name)
        time.sleep(0.5)
        after = daemon.campaign(name)
        self.assertEqual(before["counts"], after["counts"])
        self.assert_counts(after, rows)

    def test_suppressions_are_refused_while_the_disk_is_full_and_taken_after(self):
        disk = SmallDisk(self, 120)
        lines = os.path.join(self.folder, "left.txt")
        with open(lines, "w", encoding="ascii") as f:
            f.writelines("someone.%d@left.example\n" % n for n in range(30000))
        with pt.Sink(self.folder) as sink, \
                pt.Daemon(self.folder, relay=sink, disk=disk.path) as daemon:
            daemon.post("/v1/suppressions", {"address": "user1@example.com"})
            disk.fill_for_good()
            done = daemon.cli("suppress", "import", lines, check=False)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertRegex(done.stderr, "[Nn]o space|full")
            self.assertTrue(daemon.running)
            disk.release()
            daemon.cli("suppress", "import", lines)
            self.assertEqual(daemon.get("/v1/suppressions?limit=1")["total"], 30001)
            daemon.drop(pt.make_campaign(disk.path, "spring", rows=3))
            campaign = daemon.wait_state("spring", "finished")
            self.assertEqual(campaign["counts"]["suppressed"], 1)
            self.assertEqual(campaign["counts"]["delivered"], 2)

    def assert_once_each(self, sink, daemon, name, rows):
        campaign = daemon.wait_state(name, "finished")
        self.assertEqual(campaign["counts"]["delivered"], rows)
        self.assertEqual(campaign["in_doubt_ever"], 0)
        self.assertEqual(self.assert_accounted(sink, rows, daemon.results(campaign)), 0)

    def test_a_disk_full_in_midst_of_a_run_stops_it_and_room_lets_it_go_on(self):
        rows = 6000
        disk = SmallDisk(self, 150)
        sink = self.enter(pt.Sink(self.folder, latency="10ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, disk=disk.path))
        daemon.drop(pt.make_campaign(disk.path, "full", rows=rows))
        pt.wait_until(lambda: self.done(daemon, "full") > rows // 5, "a part of the run")
        disk.fill()
        pt.wait_until(lambda: self.state(daemon) == "disk_full", "status to say so")
        self.assert_quiet(daemon, "full", rows)
        self.assertLess(self.done(daemon, "full"), rows)
        began = time.monotonic()
        self.assertEqual(daemon.terminate(), 0)  # it waits for no folding that cannot be
        self.assertLess(time.monotonic() - began, 15)
        # Where its last room went to the journal, it cannot even start, and says why.
        daemon.start(wait=False)
        pt.wait_until(lambda: not daemon.running or self.says_full(daemon), "it to say so again")
        disk.release()
        if not daemon.running:
            self.assertEqual(daemon.process.returncode, 1)
            self.assertRegex(daemon.log(), "start_failed .*(disk is full|No space left)")
            daemon.start()
        pt.wait_until(lambda: self.state(daemon) == "running", "the end of it")
        self.assert_once_each(sink, daemon, "full", rows)

    def test_without_min_free_the_folding_waits_for_room_and_what_is_sent_stays_known(self):
        rows = 3000
        disk = SmallDisk(self, 150)
        sink = self.enter(pt.Sink(self.folder, latency="10ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, disk=disk.path,
                                      config={"min_free": "0", "retry": SOON}))
        daemon.drop(pt.make_campaign(disk.path, "unwatched", rows=rows))
        pt.wait_until(lambda: self.done(daemon, "unwatched") > rows // 5, "a part of the run")
        disk.fill()
        # The journal has room that it took before: sending goes on, the ledger lags.
        pt.wait_until(lambda: self.done(daemon, "unwatched") == rows, "all to be sent")
        time.sleep(1.5)
        self.assertEqual(daemon.campaign("unwatched")["state"], "sending")
        daemon.kill()  # and what it knows is on the disk, full as that is
        disk.release()
        daemon.start()
        self.assert_once_each(sink, daemon, "unwatched", rows)

    @staticmethod
    def start_again(daemon, times=10):
        """As systemd does, where the disk was full at the moment of a start."""
        for left in range(times, 0, -1):
            try:
                return daemon.start()
            except AssertionError:
                if left == 1 or not re.search("start_failed .*full", daemon.log()):
                    raise

    def test_no_room_for_the_journals_next_segment_holds_back_what_is_new(self):
        rows = 500
        disk = SmallDisk(self, 45)  # for the first segment, not for those kept ahead
        sink = self.enter(pt.Sink(self.folder))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, disk=disk.path, start=False,
                                      config={"settle": "1s"}))
        # Before it starts: each try to make a segment takes all room for a moment.
        daemon.drop(pt.make_campaign(disk.path, "journal", rows=rows))
        self.start_again(daemon)
        pt.wait_until(lambda: self.state(daemon) == "disk_full", "status to say so")
        self.assertTrue(daemon.get("/v1/status")["journal_full"])
        time.sleep(1.5)
        self.assertEqual(sink.totals()["messages"], 0)
        disk.grow(200)
        self.assert_once_each(sink, daemon, "journal", rows)

    def test_a_start_without_room_ends_with_the_reason_and_loses_nothing(self):
        rows = 2000
        disk = SmallDisk(self, 150)
        sink = self.enter(pt.Sink(self.folder, commands=True, latency="10ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, disk=disk.path,
                                      config={"retry": SOON}))
        daemon.drop(pt.make_campaign(disk.path, "start", rows=rows))
        pt.wait_until(lambda: self.done(daemon, "start") > rows // 3, "a part of the run")
        daemon.kill()
        journal = os.path.join(daemon.state, "journal")
        for name in sorted(os.listdir(journal))[1:]:  # kept ahead: a start would take their room
            os.unlink(os.path.join(journal, name))
        disk.fill()
        daemon.start(wait=False)
        self.assertEqual(daemon.process.wait(10), 1)
        self.assertIn("No space left", daemon.log())
        disk.release()
        daemon.start()
        campaign = daemon.wait_state("start", "finished")
        self.assertEqual(campaign["counts"]["delivered"], rows)
        self.assert_accounted(sink, rows, daemon.results(campaign))

    def test_below_min_free_intake_holds_and_below_half_of_it_sending_too(self):
        rows = 4000
        disk = SmallDisk(self, 200)
        sink = self.enter(pt.Sink(self.folder, latency="20ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, disk=disk.path,
                                      config={"min_free": "40M"}))
        daemon.drop(pt.make_campaign(disk.path, "first", rows=rows))
        pt.wait_until(lambda: self.done(daemon, "first") > 0, "the first to be sent")
        disk.leave(35 * MiB)
        time.sleep(1.5)  # the daemon looks each second
        daemon.drop(pt.make_campaign(disk.path, "second", rows=10, domains=2))
        before = self.done(daemon, "first")
        pt.wait_until(lambda: self.done(daemon, "first") > before + 100, "sending to go on")
        self.assertIsNone(daemon.campaign("second"))
        disk.leave(15 * MiB)
        pt.wait_until(lambda: self.state(daemon) == "disk_full", "sending to pause")
        self.assert_quiet(daemon, "first", rows)
        self.assertLess(self.done(daemon, "first"), rows)
        self.assertIsNone(daemon.campaign("second"))
        disk.release()
        self.assertEqual(daemon.wait_state("second", "finished")["counts"]["delivered"], 10)
        campaign = daemon.wait_state("first", "finished")
        sent = [m["to"][0] for m in sink.messages() if m["to"][0].endswith("@example.com")]
        self.assertEqual(campaign["counts"]["delivered"], rows)
        self.assertEqual((len(sent), len(set(sent))), (rows, rows))


class FailingDiskTest(accounted.TestCase):
    def test_a_sync_that_fails_ends_the_daemon_and_the_next_start_recovers(self):
        rows = 4000
        broken = os.path.join(self.folder, "broken")
        env = dict(accounted.shim(self.folder, "faildisk"), FAILDISK=broken)
        sink = self.enter(pt.Sink(self.folder, commands=True, latency="10ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, env=env, config={"retry": SOON}))
        daemon.drop(pt.make_campaign(self.folder, "failing", rows=rows))
        pt.wait_until(lambda: (daemon.campaign("failing") or {"counts": {"delivered": 0}})
                      ["counts"]["delivered"] > rows // 4, "a part of the run")
        with open(broken, "w", encoding="ascii"):
            pass
        self.assertEqual(daemon.process.wait(5), 1)
        self.assertIn("disk_failed", daemon.log())
        os.unlink(broken)
        daemon.start()
        doubts = daemon.get("/v1/status")["in_doubt_total"]
        self.assertLessEqual(doubts, 2 * 20)
        campaign = daemon.wait_state("failing", "finished")
        self.assertEqual(campaign["counts"]["delivered"], rows)
        self.assert_accounted(sink, rows, daemon.results(campaign))

    def test_a_ledger_that_breaks_fails_its_campaign_and_costs_the_others_nothing(self):
        sink = self.enter(pt.Sink(self.folder, latency="10ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink))
        # more than the cache of pages holds / all of it within: found out at different places
        for name, rows in (("large", 40000), ("small", 3000), ("whole", 4000)):
            daemon.drop(pt.make_campaign(self.folder, name, rows=rows, domains=rows % 7))
            daemon.wait_state(name, "sending")
        for name in ("large", "small"):
            self.damage(daemon, name)
        for name in ("large", "small"):
            campaign = daemon.wait_state(name, "failed")
            self.assertIn("ledger.db", campaign["last_error"])
        self.assertEqual(daemon.wait_state("whole", "finished")["counts"]["delivered"], 4000)
        self.assertEqual(daemon.terminate(), 0)

    def test_a_ledger_found_damaged_at_start_is_shown_as_failed(self):
        sink = self.enter(pt.Sink(self.folder, latency="10ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, config={"retry": SOON}))
        names = ("head", "half", "short", "whole")
        for i, name in enumerate(names):
            daemon.drop(pt.make_campaign(self.folder, name, rows=3000, domains=i + 2))
            daemon.wait_state(name, "sending")
        pt.wait_until(lambda: daemon.campaign("whole")["counts"]["delivered"] > 0, "the last")
        daemon.kill()
        for name in names[:-1]:
            folder, = glob.glob(os.path.join(daemon.spool, "active", "*-%s-*" % name))
            path = os.path.join(folder, "ledger.db")
            size = os.path.getsize(path)
            with open(path, "r+b") as f:
                if name == "head":
                    f.write(os.urandom(4096))
                elif name == "half":
                    f.seek(size // 2)
                    f.write(os.urandom(size - size // 2))
                else:
                    f.truncate(8192)
            if os.path.exists(path + "-wal"):
                os.unlink(path + "-wal")
        daemon.start()
        self.assertEqual(daemon.wait_state("whole", "finished")["counts"]["delivered"], 3000)
        for name in names[:-1]:
            found = [c for c in daemon.campaigns() if "-%s-" % name in c["id"]]
            self.assertEqual([c["state"] for c in found], ["failed"], name)
            self.assertIn("ledger.db", found[0]["last_error"])
        self.assertEqual(daemon.terminate(), 0)

    def damage(self, daemon, name):
        folder = os.path.join(daemon.spool, "active", daemon.campaign(name)["id"])
        for name in ("ledger.db", "ledger.db-wal"):
            path = os.path.join(folder, name)
            size = os.path.getsize(path)
            with open(path, "r+b") as f:
                f.write(os.urandom(size))

    def test_a_report_that_cannot_be_written_is_tried_again(self):
        sink = self.enter(pt.Sink(self.folder, latency="100ms"))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink))
        daemon.drop(pt.make_campaign(self.folder, "report", rows=200))
        campaign = daemon.wait_state("report", "sending")
        in_the_way = os.path.join(daemon.spool, "active", campaign["id"], "results.csv.tmp")
        os.mkdir(in_the_way)

        def told():
            return "results.csv" in (daemon.campaign("report")["last_error"] or "")
        pt.wait_until(told, "the campaign to say what is wrong")
        self.assertEqual(daemon.campaign("report")["counts"]["delivered"], 200)
        self.assertNotEqual(daemon.campaign("report")["state"], "finished")
        os.rmdir(in_the_way)
        daemon.wait_state("report", "finished")


if __name__ == "__main__":
    unittest.main()
