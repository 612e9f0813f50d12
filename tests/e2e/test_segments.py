"""Segments: conditions and their names are counted, sampled and explained; what is wrong in one is
said with its place; a reload takes others."""
import json
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt  # noqa: E402


class SegmentsTest(pt.TestCase):
    def run_segment(self, *words, code=0):
        ran = subprocess.run([pt.program("postrider"), "--config", self.daemon.config_path,
                              "segment", *words], capture_output=True, text=True,
                             timeout=pt.TIMEOUT, check=False)
        self.assertEqual(ran.returncode, code, (words, ran.stdout, ran.stderr))
        return ran.stdout if code == 0 else ran.stderr

    def count(self, condition):
        return int(self.run_segment("count", condition))

    def import_file(self, command, name, rows):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(rows) + "\n")
        self.daemon.cli(command, "import", path)

    def make_shop(self):
        """200 people; number n has ordered n % 5 times, the last time n days ago, for 10 each."""
        today = time.time()
        self.people = range(200)
        self.import_file("contacts", "c.csv", ["email,points,lists"] + [
            "p%d@shop.example,%d,%s" % (n, n, "vip" if n % 10 == 0 else "") for n in self.people])
        self.import_file("track", "t.csv", ["email,event,time,amount"] + [
            "p%d@shop.example,order,%s,10" % (n, time.strftime(
                "%Y-%m-%dT%H:%M:%SZ", time.gmtime(today - (n + 100 * k) * 86400 - 3600)))
            for n in self.people for k in range(n % 5)])

    def start(self, **segments):
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.enter(pt.Sink(self.folder)),
                                           config={"segments": segments}))

    def exported(self, *options):
        out = self.daemon.cli("contacts", "export", *options).stdout
        return [json.loads(line)["email"] for line in out.splitlines()]

    def test_a_segment_is_exported_whole_over_all_its_pages(self):
        self.start(many="points >= 100")
        self.import_file("contacts", "c.csv", ["email,points,lists"] + [
            "p%d@shop.example,%d,%s" % (n, n, "vip" if n % 1000 == 7 else "")
            for n in range(2600)])
        many = self.exported("--segment", "many")
        self.assertEqual(sorted(many), sorted("p%d@shop.example" % n for n in range(100, 2600)))
        self.assertEqual(self.exported("--segment", "points = 41"), ["p41@shop.example"])
        self.assertEqual(self.exported("--segment", "many", "--list", "vip"),
                         ["p1007@shop.example", "p2007@shop.example"])
        self.assertEqual(self.exported("--segment", "points < 0"), [])
        self.assertEqual(len(self.exported("--list", "vip")), 3)
        first = self.daemon.get("/v1/contacts?segment=many&limit=2")
        second = self.daemon.get("/v1/contacts?segment=many&limit=2&after=" + first["next"])
        self.assertEqual([c["email"] for c in first["contacts"] + second["contacts"]], many[:4])
        self.assertEqual(self.daemon.request("GET", "/v1/contacts?segment=many&after=x")[0], 400)
        wrong = self.daemon.cli("contacts", "export", "--segment", "pionts > 3", check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("did you mean points?", wrong.stderr)

    def test_conditions_count_sample_and_explain(self):
        self.start(lost="days_since('order') > 150", vip="in_list('vip')")
        self.make_shop()
        customers = [n for n in self.people if n % 5]
        self.assertEqual(self.count("1"), 200)
        self.assertEqual(self.count("lost"), sum(n > 150 for n in customers))
        self.assertEqual(self.count("vip"), 20)
        self.assertEqual(self.count("count('order', 365) >= 3 AND points < 100"),
                         sum(n % 5 > k and n + 100 * k < 365 for n in self.people if n < 100
                             for k in (2,)))
        self.assertEqual(self.count("sum('order') = 40"), 40)
        self.assertEqual(self.count("recency = 5"), len(customers) // 5)
        # 40 each have ordered once to four times: equal ones share the lowest fifth of theirs
        self.assertEqual([self.count("frequency = %d" % n) for n in range(1, 6)],
                         [40, 40, 40, 40, 0])
        self.assertEqual(self.count("stage IS NULL"), 40)
        sample = self.run_segment("sample", "vip", "--limit", "5").split()
        self.assertEqual(len(set(sample)), 5)
        self.assertTrue(all(int(a[1:a.index("@")]) % 10 == 0 for a in sample))
        explained = json.loads(self.daemon.cli(
            "segment", "explain", "in_list('x') OR count('y') > 0").stdout)
        self.assertEqual((explained["count"], explained["total"]), (0, 200))
        self.assertEqual([u["name"] for u in explained["unknown"]], ["x", "y"])
        self.assertIn("20 of 200 contacts", self.run_segment("explain", "vip"))

    def test_what_is_wrong_is_said_with_its_place(self):
        self.start()
        self.import_file("contacts", "c.csv", ["email,points", "a@b.example,1"])
        for condition, why in (("point > 3", "at 1: no such column: point: did you mean points?"),
                               ("points >", "at 9: it ends too early"),
                               ("1) OR (1", "at 2"), ("(SELECT 1)", "at 2"),
                               ("sqlite_version()", "at 1: there is no such function"),
                               ("points = 1; DELETE FROM contacts", "at 11")):
            self.assertIn(why, self.run_segment("count", condition, code=1))
        for words in ((), ("count",), ("fly", "1"), ("count", "1", "--limit", "3")):
            self.run_segment(*words, code=2)
        self.run_segment("sample", "1", "--limit", "0", code=1)
        self.assertEqual(self.count("points"), 1)

    def test_a_name_whose_condition_is_wrong_is_refused_with_its_line(self):
        daemon = self.enter(pt.Daemon(self.folder, start=False, config={
            "segments": {"bad": "points > (3"},
            "routes": {"default": {"via": "relay", "host": "127.0.0.1", "port": 2525}}}))
        daemon.write_config()
        ran = subprocess.run([pt.program("postriderd"), "--config", daemon.config_path, "--check"],
                             capture_output=True, text=True, timeout=pt.TIMEOUT, check=False)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("segments.bad: at 12: a ) is missing", ran.stdout + ran.stderr)


if __name__ == "__main__":
    unittest.main()
