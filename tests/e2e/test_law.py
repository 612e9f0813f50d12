"""Laws that a campaign is to keep: what breaks them is refused by check and by intake, with its
place and what to do; rows without consent are left out."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import postrider_test as pt  # noqa: E402

FOOT = '<p>{{ postal_address }} <a href="{{ unsubscribe_mailto }}">leave</a></p>'


class Law(pt.TestCase):
    def check(self, folder, config):
        return subprocess.run([pt.program("postrider"), "--config", config, "check", folder],
                              capture_output=True, text=True, timeout=pt.TIMEOUT)

    def test_a_campaign_that_breaks_its_brand_s_law_is_refused_with_what_to_do(self):
        brand = {"acme": {"law": ["us", "cn"]}}
        with pt.Sink(self.folder) as sink, \
                pt.Daemon(self.folder, relay=sink, config={"brands": brand}) as daemon:
            bad = pt.make_campaign(self.folder, "bad", manifest={"brand": "acme"})
            told = self.check(bad, daemon.config_path)
            self.assertEqual(told.returncode, 1)
            daemon.drop(bad)
            errors = os.path.join(daemon.spool, "rejected", "bad", "errors.txt")
            pt.wait_until(lambda: os.path.exists(errors), "the refusal")
            with open(errors, encoding="utf-8") as f:
                refused = f.read()
            for text in (told.stdout + told.stderr, refused):
                for line in ("there is no postal address", "body.html", "body.txt",
                             "add a link to {{ unsubscribe_url }}", "law cn: the subject",
                             "no column says who has consented"):
                    self.assertIn(line, text)
            self.assertEqual(daemon.campaigns(), [])

    def test_a_campaign_that_keeps_its_law_is_sent_to_those_who_consented(self):
        rows = "email,first_name,product,ok\na@a.example,A,Tea,yes\nb@a.example,B,Tea,no\n" \
               "c@a.example,C,Tea,\nd@a.example,D,Tea,Yes\n"
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            path = pt.make_campaign(
                self.folder, "good", recipients=rows,
                files={"body.html": "<body>%s</body>" % FOOT, "body.txt": FOOT},
                manifest={"law": ["us", "eu", "cn"], "consent": "ok", "subject": "AD Tea",
                          "postal_address": "1 Main St"})
            told = self.check(path, daemon.config_path)
            self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
            daemon.drop(path)
            done = daemon.wait_state("good", "finished")
            self.assertEqual((done["counts"]["delivered"], done["counts"]["skipped"]), (2, 2))
            self.assertEqual(sorted(m["to"][0] for m in sink.messages()),
                             ["a@a.example", "d@a.example"])
            skipped = [r for r in daemon.results(done) if r["state"] == "skipped"]
            self.assertEqual([(r["email"], r["reply"]) for r in skipped],
                             [("b@a.example", "has not consented (ok)"),
                              ("c@a.example", "has not consented (ok)")])


if __name__ == "__main__":
    unittest.main()
