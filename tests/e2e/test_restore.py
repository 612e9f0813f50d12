"""Folders that come from elsewhere: a campaign restored from a backup waits for a person, and
`adopt` says what becomes of it; a finished campaign's folder may go without harm; a ledger of a
newer version is refused by name."""
import os
import shutil
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt

ROWS = 300


class RestoreTest(pt.TestCase):
    def begin(self, sink, daemon):
        """A slow campaign with some rows delivered, its folder backed up, then more delivered:
        returns (id, path of the folder, path of the backup, delivered at the backup)."""
        daemon.drop(pt.make_campaign(self.folder, "spring", ROWS, manifest={"rate": "100/s"}))
        campaign = pt.wait_until(lambda: self.delivered(daemon, 40), "40 deliveries")
        daemon.terminate()
        path = os.path.join(daemon.spool, "active", campaign["id"])
        backup = os.path.join(self.folder, "backup")
        shutil.copytree(path, backup)
        before = len(sink.messages())
        daemon.start()
        pt.wait_until(lambda: self.delivered(daemon, before + 40), "40 more deliveries")
        daemon.terminate()
        return campaign["id"], path, backup, before

    @staticmethod
    def delivered(daemon, n):
        campaign = daemon.campaign("spring")
        return campaign if campaign and campaign["counts"]["delivered"] >= n else None

    @staticmethod
    def put_back(path, backup):
        shutil.rmtree(path)
        shutil.copytree(backup, path)

    def test_a_restored_campaign_is_held_and_sends_nothing(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            campaign_id, path, backup, before = self.begin(sink, daemon)
            self.put_back(path, backup)
            taken = len(sink.messages())
            daemon.start()
            campaign = daemon.wait_state("spring", "held")
            self.assertEqual(campaign["reason"], "restored")
            self.assertEqual(campaign["counts"]["delivered"], before)
            status, answer = daemon.request("POST", "/v1/campaigns/%s/approve" % campaign_id)
            self.assertEqual(status, 409)
            self.assertIn("adopt", answer["error"]["message"])
            daemon.terminate()
            daemon.start()
            self.assertEqual(daemon.campaign("spring")["state"], "held")
            self.assertEqual(len(sink.messages()), taken)

    def test_adopt_trusting_the_ledger_sends_what_it_calls_unsent(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            campaign_id, path, backup, before = self.begin(sink, daemon)
            self.put_back(path, backup)
            daemon.start()
            daemon.wait_state("spring", "held")
            daemon.cli("adopt", campaign_id, "--trust-ledger")
            campaign = daemon.wait_state("spring", "finished")
            self.assertEqual(campaign["counts"]["delivered"], ROWS)
            # Twice only what was sent between the backup and the restoring: same Message-ID.
            ids = {}
            for message in sink.messages():
                ids.setdefault(message["to"][0], []).append(message["message_id"])
            self.assertEqual(len(ids), ROWS)
            twice = [x for x in ids.values() if len(x) > 1]
            self.assertGreaterEqual(len(twice), 40)
            for both in twice:
                self.assertEqual(len(set(both)), 1)

    def test_adopt_holding_the_unsent_waits_for_resume_across_a_restart(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            campaign_id, path, backup, before = self.begin(sink, daemon)
            self.put_back(path, backup)
            taken = len(sink.messages())
            daemon.start()
            daemon.cli("adopt", campaign_id, "--hold-unsent")
            self.assertEqual(daemon.campaign("spring")["state"], "paused")
            daemon.kill()
            daemon.start()
            campaign = daemon.campaign("spring")
            self.assertEqual(campaign["state"], "paused")
            self.assertEqual(campaign["counts"]["delivered"], before)
            self.assertEqual(len(sink.messages()), taken)
            daemon.post("/v1/campaigns/%s/resume" % campaign_id)
            daemon.wait_state("spring", "finished")

    def test_a_folder_of_another_daemon_is_held(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            _, path, backup, _ = self.begin(sink, daemon)
            self.put_back(path, backup)
            shutil.rmtree(daemon.state)
            daemon.start()
            self.assertEqual(daemon.wait_state("spring", "held")["reason"], "restored")

    def test_a_ledger_of_a_newer_version_is_left_alone_and_named(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            _, path, _, _ = self.begin(sink, daemon)
            with sqlite3.connect(os.path.join(path, "ledger.db")) as db:
                db.execute("PRAGMA user_version = 99")
            db.close()
            daemon.start()
            self.assertIn("version", daemon.log())
            self.assertIn("99", daemon.log())
            self.assertTrue(os.path.exists(os.path.join(path, "ledger.db")))


if __name__ == "__main__":
    unittest.main()
