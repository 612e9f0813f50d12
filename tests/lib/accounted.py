"""What the tests of promise 1 ("Accounted") share: a shim to preload, and the reckoning that
holds what a campaign reported against what the sink saw."""
import collections
import concurrent.futures
import os
import shutil
import subprocess
import unittest

import postrider_test as pt

SOON = {"first": "1s", "factor": 1, "jitter": 0.5, "max": "2s", "give_up": "1h"}


def shim(folder, name):
    """Compile tests/e2e/NAME.c; returns the environment that preloads it (also under ASan)."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise unittest.SkipTest("no C compiler")
    library = os.path.join(folder, name + ".so")
    source = os.path.join(pt.ROOT, "tests", "e2e", name + ".c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", library, source],
                   check=True)
    asan = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": library, "ASAN_OPTIONS": asan + ":verify_asan_link_order=0"}


class TestCase(pt.TestCase):
    def run_each(self, cases, run):
        """run(**case) for each, some at once, for they mostly wait; then its answer as sub-tests:
        yields (answer, case)."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [(case, pool.submit(run, **case)) for case in cases]
        for case, future in running:
            with self.subTest(**case):
                yield future.result(), case

    def assert_counts(self, campaign, rows):
        """The counts of a campaign object add up."""
        counts = dict(campaign["counts"])
        self.assertEqual(counts.pop("total"), rows)
        self.assertEqual(sum(counts.values()), rows)

    def assert_accounted(self, sink, rows, results, offered=True):
        """Each row by what the sink saw: nothing lost, no repeat that was not announced. A row
        that three losses in turn left in doubt waits for a person. offered: a row in doubt was offered to the sink (needs its commands). Returns how many
        copies too many there were."""
        copies = collections.Counter(m["to"][0] for m in sink.messages())
        named = {c["argument"].strip("<>") for c in sink.commands("RCPT")}
        self.assertEqual(len(results), rows)
        repeated = 0
        for r in results:
            n = copies[r["email"]]
            if r["state"] == "delivered":
                self.assertGreaterEqual(n, 1, r)
            if r["doubted"] == "0":
                self.assertLessEqual(n, 1, r)
                self.assertEqual(n == 1, r["state"] == "delivered", r)
            else:
                self.assertLessEqual(n, int(r["attempts"]), r)
                self.assertIn(r["state"], ("delivered", "in_doubt"), r)
                if r["state"] == "in_doubt":
                    self.assertEqual(r["attempts"], "3", r)
                if offered:
                    self.assertIn(r["email"], named, r)
            repeated += max(0, n - 1)
        return repeated
