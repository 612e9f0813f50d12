"""Promise 1, "Accounted", against the loss of power: everything that was not synced is gone, and
the machine has booted anew. powerloss.c traces what the daemon does to its files,
tests/lib/powerloss.py is the model of a disk, where it says how weak that is.

$POSTRIDER_POWER_ROUNDS (6), $POSTRIDER_POWER_ROWS (6000), $POSTRIDER_POWER_SEED.
"""
import copy
import os
import random
import sys
import time
import unittest
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import accounted
import postrider_test as pt
import powerloss
from accounted import SOON

ROUNDS = int(os.environ.get("POSTRIDER_POWER_ROUNDS", "6"))
ROWS = int(os.environ.get("POSTRIDER_POWER_ROWS", "6000"))
SEED = int(os.environ.get("POSTRIDER_POWER_SEED", "1"))
CONNECTIONS = 20
# Rows that may be open at once. The sink answers after 10 ms and a connection has two messages
# unanswered, so the rate is 4,000/s at most: a lane is granted 0.1 s of it ahead, each connection
# holds two, and outcomes of some 30 ms may wait for their sync.
OPEN_MAX = 400 + 2 * CONNECTIONS + 120


class Machine:
    """A daemon on a disk that can lose its power."""

    def __init__(self, test, sink, sync_us=2000):
        self.folder = test.folder
        self.disk = os.path.realpath(os.path.join(test.folder, "disk"))
        self.boot = os.path.join(test.folder, "boot_id")
        self.trace = os.path.join(test.folder, "trace")
        env = dict(accounted.shim(test.folder, "powerloss"), POWERLOSS_TRACE=self.trace,
                   POWERLOSS_ROOT=self.disk, POWERLOSS_BOOT=self.boot,
                   POWERLOSS_DELAY=str(sync_us))
        self.daemon = pt.Daemon(test.folder, relay=sink, connections=CONNECTIONS, env=env,
                                disk=self.disk, start=False,
                                config={"retry": SOON, "settle": "1s"})
        test.addCleanup(self.daemon.__exit__)

    def power_on(self, wait=True):
        """Boot: what is on the disk now is what its tree holds."""
        with open(self.boot, "w", encoding="ascii") as f:
            f.write(str(uuid.uuid4()) + "\n")
        if os.path.exists(self.trace):
            os.unlink(self.trace)
        self.model = powerloss.Disk(self.disk)
        self.daemon.start(wait=wait)

    def power_off(self, survive=None):
        """Kill it and drop what was not synced; survive: a Random, some of that stays."""
        self.daemon.kill()
        self.model.run(powerloss.read_trace(self.trace))
        if survive:
            self.model.survive(survive)
        self.model.write()


class PowerLossTest(accounted.TestCase):
    def lose_power_often(self, rounds, survive, seed):
        """Returns how many rows each boot found in doubt."""
        chance = random.Random(seed)
        self.sink = self.enter(pt.Sink(self.folder, commands=True, latency="10ms"))
        machine = self.machine = Machine(self, self.sink)
        machine.daemon.drop(pt.make_campaign(self.folder, "power", rows=ROWS))
        moments = sorted(chance.sample(range(ROWS * 95 // 100), rounds))
        doubts = []
        machine.power_on()
        for moment in moments:
            self.run_until(moment)
            time.sleep(chance.random() * 0.02)
            machine.power_off(survive and chance)
            while chance.random() < 0.25:  # and once more while it recovers
                machine.power_on(wait=False)
                time.sleep(chance.random() * 0.3)
                machine.power_off(survive and chance)
            machine.power_on()
            found = machine.daemon.get("/v1/status")["in_doubt_total"]
            self.assertLessEqual(found, OPEN_MAX)
            doubts.append(found)
        return doubts

    def run_until(self, moment):
        def there():
            campaign = self.machine.daemon.campaign("power")
            if not campaign or campaign["state"] == "importing":
                return moment == 0
            self.assertIn(campaign["state"], ("scheduled", "sending"))
            self.assert_counts(campaign, ROWS)
            counts = campaign["counts"]
            return counts["total"] - counts["pending"] - counts["sending"] >= moment
        pt.wait_until(there, "%d outcomes" % moment, every=0.01)

    def check_end(self, doubts):
        daemon = self.machine.daemon
        campaign = daemon.wait_state("power", "finished", timeout=ROWS / 200 + 60)
        self.assertEqual(campaign["counts"]["delivered"] + campaign["needs_decision"], ROWS)
        results = daemon.results(campaign)
        repeated = self.assert_accounted(self.sink, ROWS, results, offered=False)
        doubted = sum(r["doubted"] == "1" for r in results)
        self.assertEqual(doubted, campaign["in_doubt_ever"])
        self.assertGreater(doubted, 0)
        print("\n%d rows, power lost %d times, in doubt each time %s, %d rows ever in doubt, "
              "%d repeated" % (ROWS, len(doubts), doubts, doubted, repeated))

    def test_what_was_not_synced_is_gone_and_nobody_is_lost_or_mailed_twice_unannounced(self):
        self.check_end(self.lose_power_often(ROUNDS, False, SEED))

    def test_some_of_what_was_not_synced_may_be_there_all_the_same(self):
        self.check_end(self.lose_power_often(ROUNDS, True, SEED + 1))


class VerbTest(accounted.TestCase):
    """What was answered is durable: the power goes right behind the answer."""

    def setUp(self):
        super().setUp()
        # No message is ever answered, so that nothing changes but by verbs.
        self.sink = self.enter(pt.Sink(self.folder, rules=["on=connect,stall"]))
        self.machine = Machine(self, self.sink)
        self.daemon = self.machine.daemon

    def start(self, **manifest):
        self.daemon.drop(pt.make_campaign(self.folder, "verb", rows=20, manifest=manifest))
        self.machine.power_on()
        return self.daemon.wait_state("verb", "held" if manifest else "sending")["id"]

    def after(self, *verbs):
        """Each verb on the campaign, the loss of power, and the campaign after that."""
        for verb in verbs:
            self.daemon.post(verb)
        self.machine.power_off()
        self.machine.power_on()
        return self.daemon.campaign("verb")

    def test_pause_resume_and_cancel(self):
        verb = "/v1/campaigns/%s/" % self.start()
        campaign = self.after(verb + "pause")
        self.assertEqual((campaign["state"], campaign["reason"]), ("paused", "operator"))
        # rows that were granted when the power went are in doubt: nobody knows
        counts = campaign["counts"]
        self.assertEqual(counts["pending"] + counts["in_doubt"], 20)
        self.assertIn(self.after(verb + "resume")["state"], ("scheduled", "sending"))
        campaign = self.after(verb + "cancel")
        counts = campaign["counts"]
        self.assertEqual(campaign["state"], "cancelled")
        self.assertEqual(counts["cancelled"] + counts["in_doubt"], 20)
        self.assertEqual(campaign["needs_decision"], counts["in_doubt"])

    def test_approve(self):
        verb = "/v1/campaigns/%s/" % self.start(hold=True)
        self.assertIn(self.after(verb + "approve")["state"], ("scheduled", "sending"))

    def test_pause_and_resume_of_all(self):
        self.start()
        self.after("/v1/pause")
        self.assertEqual(self.daemon.get("/v1/status")["state"], "paused")
        self.after("/v1/resume")
        self.assertEqual(self.daemon.get("/v1/status")["state"], "running")


class IntakeTest(accounted.TestCase):
    """The power goes at some moment from the claim of a folder to the campaign's first state:
    at some of the syncs on the way there, for nothing changes between two of them, and at the
    last ones. $POSTRIDER_POWER_CUTS=99: at all."""

    CUTS = int(os.environ.get("POSTRIDER_POWER_CUTS", "8"))

    def test_a_campaign_that_waits_for_approval_does_so_whenever_the_power_goes(self):
        rows = 300
        sink = self.enter(pt.Sink(self.folder))
        machine = Machine(self, sink, sync_us=0)
        daemon = machine.daemon
        daemon.drop(pt.make_campaign(self.folder, "held", rows=rows, manifest={"hold": True}))
        machine.power_on()
        begun = copy.deepcopy(machine.model)
        daemon.wait_state("held", "held")
        daemon.kill()
        records = powerloss.read_trace(machine.trace)
        moments = [i + 1 for i, r in enumerate(records) if r[0] == "S"]
        self.assertGreater(len(moments), 20)
        some = random.Random(SEED).sample(moments, min(self.CUTS, len(moments)))
        for cut in sorted({*some, *moments[-8:], len(records)}):
            with self.subTest(cut=cut, of=len(records)):
                machine.model = copy.deepcopy(begun)
                machine.model.run(records[:cut])
                machine.model.write()
                self.check_held(machine, rows)
        self.assertEqual(sink.messages(), [])

    def check_held(self, machine, rows):
        daemon = machine.daemon
        try:
            machine.power_on()
            campaign = daemon.wait_state("held", "held", timeout=20)
            self.assertEqual(campaign["reason"], "approval")
            self.assertEqual(campaign["counts"]["pending"], rows)
            self.assertEqual(len(daemon.campaigns()), 1)
            incoming = os.path.join(daemon.spool, "incoming")
            pt.wait_until(lambda: os.listdir(incoming) == [], "incoming/ to be empty")
        finally:
            daemon.kill()


if __name__ == "__main__":
    unittest.main()
