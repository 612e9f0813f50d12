"""Intake with the whole daemon: dropped, submitted, refused, of other users, killed."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt

DAEMON_UID, DROPPER_UID = 12001, 12002


class IntakeTest(pt.TestCase):
    def read(self, *path):
        try:
            with open(os.path.join(self.folder, "spool", *path), encoding="utf-8") as f:
                return f.read()
        except OSError:
            return ""

    def incoming(self):
        return sorted(os.listdir(os.path.join(self.folder, "spool", "incoming")))

    def test_ready_file_and_settled_folder_are_taken(self):
        with pt.Sink(self.folder) as sink, \
             pt.Daemon(self.folder, relay=sink, config={"settle": "1s"}) as daemon:
            incoming = os.path.join(daemon.spool, "incoming")
            ready = pt.make_campaign(incoming, "ready", rows=3)
            with open(os.path.join(ready, ".ready"), "w", encoding="utf-8"):
                pass
            self.assertEqual(daemon.wait_state("ready", "finished")["counts"]["delivered"], 3)
            settles = pt.make_campaign(incoming, "settles", rows=4)
            part = os.path.join(settles, "more.csv.part")
            with open(part, "w", encoding="utf-8"):
                pass
            pt.wait_until(lambda: daemon.get("/v1/status")["intake_waiting"] == 1, "the upload")
            os.remove(part)
            self.assertEqual(daemon.wait_state("settles", "finished")["counts"]["delivered"], 4)
            self.assertEqual(self.incoming(), [])
            self.assertEqual(len(sink.messages()), 7)

    def test_everything_wrong_with_a_folder_is_told_at_once(self):
        with pt.Daemon(self.folder) as daemon:
            path = pt.make_campaign(self.folder, "bad", rows=3,
                                    manifest={"colour": "red", "route": "nowhere"},
                                    files={"body.txt": "Hello {{ first_name | nofilter }}"})
            os.symlink("/etc/passwd", os.path.join(path, "images"))
            daemon.drop(path)
            errors = pt.wait_until(lambda: self.read("rejected", "bad", "errors.txt"), "errors.txt")
            self.assertRegex(errors, r'Campaign folder "bad" was refused: \d errors')
            self.assertIn("colour", errors)
            self.assertIn("images: error: is a symbolic link", errors)
            pt.wait_until(lambda: self.incoming() == [], "the source to go")
            self.assertTrue(self.read("rejected", "bad", "recipients.csv"))

    def test_identical_campaign_is_refused_with_the_first_id(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            daemon.drop(pt.make_campaign(self.folder, "once", rows=3))
            first = daemon.wait_state("once", "finished")["id"]
            # Its own name, the same content: the manifest says the same name, too.
            again = pt.make_campaign(self.folder, "once", rows=3)
            os.rename(again, os.path.join(daemon.spool, "incoming", "twice"))
            errors = pt.wait_until(lambda: self.read("rejected", "twice", "errors.txt"), "errors.txt")
            self.assertIn(first, errors)
            self.assertIn("again: true", errors)
            self.assertEqual(len(sink.messages()), 3)

    def test_second_daemon_is_refused_and_told_who_holds_the_spool(self):
        with pt.Daemon(self.folder) as daemon:
            other = dict(daemon.config, state=os.path.join(self.folder, "other"),
                         socket={"path": os.path.join(self.folder, "other.sock"), "mode": "0600"})
            config = os.path.join(self.folder, "other.yaml")
            with open(config, "w", encoding="utf-8") as f:
                json.dump(other, f)
            done = subprocess.run([pt.program("postriderd"), "--config", config], text=True,
                                  capture_output=True, timeout=pt.TIMEOUT)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("process %d" % daemon.pid, done.stderr)

    def test_killed_again_and_again_while_campaigns_come_in_each_is_sent_once(self):
        names = ["c%d" % n for n in range(6)]
        with pt.Sink(self.folder) as sink, \
             pt.Daemon(self.folder, relay=sink, config={"retry": {"first": "1s"}}) as daemon:
            for n, name in enumerate(names):
                daemon.drop(pt.make_campaign(self.folder, name, rows=200 + n))
                if n % 2:
                    daemon.kill()
                    daemon.start()
            doubted = 0
            for n, name in enumerate(names):
                campaign = daemon.wait_state(name, "finished")
                self.assertEqual(campaign["counts"]["total"], 200 + n)
                self.assertEqual(campaign["counts"]["delivered"], 200 + n)
                doubted += campaign["in_doubt_ever"]
            sent = len(sink.messages())
            total = sum(200 + n for n in range(6))
            self.assertGreaterEqual(sent, total)
            self.assertLessEqual(sent, total + doubted)
            self.assertEqual(len(daemon.campaigns()), 6)
            self.assertEqual(os.listdir(os.path.join(daemon.spool, "rejected")), [])
            self.assertEqual(self.incoming(), [])

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be two users")
    def test_source_of_another_user_is_sent_once_left_behind_and_shown(self):
        os.chmod(self.folder, 0o755)
        with pt.Sink(self.folder) as sink:
            daemon = pt.Daemon(self.folder, relay=sink, start=False,
                               prefix=["setpriv", "--reuid", str(DAEMON_UID), "--regid",
                                       str(DAEMON_UID), "--clear-groups"])
            os.chown(self.folder, DAEMON_UID, DAEMON_UID)
            for path, folders, _ in os.walk(self.folder):
                for name in folders:
                    os.chown(os.path.join(path, name), DAEMON_UID, DAEMON_UID)
            campaign = pt.make_campaign(self.folder, "theirs", rows=5)
            os.chown(campaign, DROPPER_UID, DROPPER_UID)
            for name in os.listdir(campaign):
                os.chown(os.path.join(campaign, name), DROPPER_UID, DROPPER_UID)
            daemon.start()
            with daemon:
                daemon.drop(campaign)
                self.assertEqual(daemon.wait_state("theirs", "finished")["owner"], DROPPER_UID)
                left = pt.wait_until(lambda: daemon.get("/v1/status")["left_behind"], "the source")
                self.assertEqual([one["name"] for one in left], ["theirs"])
                self.assertEqual(self.incoming(), ["theirs"])
                daemon.kill()
                daemon.start()
                pt.wait_until(lambda: daemon.get("/v1/status")["left_behind"], "the source again")
                self.assertEqual(len(daemon.campaigns()), 1)
                self.assertEqual(len(sink.messages()), 5)


if __name__ == "__main__":
    unittest.main()
