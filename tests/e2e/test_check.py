"""`postrider check` as the writer of a campaign meets it, and what the daemon makes of the same
rows."""
import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt

MANIFEST = """from: news@mail.acme.example
subject: "Hi {{ name }}, {{ 6 | divided_by: pieces }} left"
required: [name]
"""
HTML = """<html><body>
<p>\u65e5\u672c\u8a9e {{ name }}</p>
\t<p>{% if kind == 'bad' %}{{ 10 | modulo: zero }}{% endif %}</p>
{%- if kind == 'gone' %}{% abort 'no stock' %}{% endif %}
{% render 'price', pieces: pieces %}
</body></html>
"""
PRICE = "<b>{{ pieces | times: 3 }}</b>"
ROWS = """email,name,pieces,kind,zero
ada@example.com,Ada,1,,0
bob@example.com,Bob,0,,0
cid@@example.com,Cid,1,,0
dora@example.com,,1,,0
eve@example.com,Eve,2,bad,0
fay@example.com,Fay,0,,0
guy@example.com,Guy,3,gone,0
ada@EXAMPLE.com,Ada,1,,0
hal@example.com,Hal,3,gone,0
"""


class CheckTest(pt.TestCase):
    def test_rows_of_zones_are_told_with_their_times(self):
        rows = "email,name,pieces,kind,zero,timezone\n" + "".join(
            "%s@example.com,Ann,1,,0,%s\n" % row for row in (
                ("a", "America/New_York"), ("b", "Pacific/Auckland"), ("c", "Pacific/Auckland"),
                ("d", "Mars/Olympus")))
        schedule = "schedule: {start: 2098-03-01T09:00, timezone: recipient}\n"
        path = self.campaign(**{"recipients.csv": rows, "campaign.yaml": MANIFEST + schedule})
        config = os.path.join(self.folder, "postrider.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write("hostname: a.example\nroutes: {default: {via: relay, host: 127.0.0.1}}\n")
        answer = json.loads(self.check(0, path, "--config", config, "--json"))
        self.assertEqual(answer["zones"], [
            {"zone": "Pacific/Auckland", "rows": 2, "from": "2098-02-28T20:00:00.000Z"},
            {"zone": "UTC", "rows": 1, "from": "2098-03-01T09:00:00.000Z"},
            {"zone": "America/New_York", "rows": 1, "from": "2098-03-01T14:00:00.000Z"}])
        self.assertEqual(answer["without_zone"], 1)
        text = self.check(0, path, "--config", config)
        self.assertIn("Pacific/Auckland     2  2098-02-28 20:00  2098-03-01 09:00", text)
        self.assertIn('UTC is used (row 4 says "Mars/Olympus")', text)
        path = self.campaign(**{"campaign.yaml": MANIFEST + schedule})
        self.assertIn("no column is the time zone", self.check(1, path, "--config", config))

    def campaign(self, **files):
        path = os.path.join(self.folder, "spring")
        contents = {"campaign.yaml": MANIFEST, "body.html": HTML, "body.txt": "Hi {{ name }}\n",
                    "partials/price.liquid": PRICE, "recipients.csv": ROWS}
        contents.update(files)
        for file, text in contents.items():
            os.makedirs(os.path.dirname(os.path.join(path, file)), exist_ok=True)
            with open(os.path.join(path, file), "w", encoding="utf-8", newline="") as f:
                f.write(text)
        return path

    def command(self, *arguments):
        return [pt.program("postrider"), *arguments]

    def environment(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("POSTRIDER_")}
        return dict(clean, POSTRIDER_CONFIG="", TZ="UTC")

    def check(self, status, path, *options):
        done = subprocess.run(self.command("check", path, *options), capture_output=True,
                              text=True, timeout=pt.TIMEOUT, env=self.environment())
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def test_each_distinct_error_is_told_once_at_its_place(self):
        text = self.check(0, self.campaign())
        self.assertIn("""\
body.html:3:27: warning: divided by 0
     <p>{% if kind == 'bad' %}{{ 10 | modulo: zero }}{% endif %}</p>
                              ^
  row 5 (line 6 of recipients.csv) is not sent
campaign.yaml:2:26: warning: divided by 0
    subject: "Hi {{ name }}, {{ 6 | divided_by: pieces }} left"
                             ^
  2 rows are not sent, the first is row 2 (line 3 of recipients.csv)
""", text)
        self.assertIn("recipients.csv:5: warning: name is missing\n  row 4 is not sent\n", text)
        self.assertIn("9 rows: 1 would be sent, 2 bad, 1 duplicate, 3 refused by a template, "
                      "2 aborted by the template;", text)
        self.assertIn(": can be sent (0 errors, 5 warnings)\n", text)

    def test_rows_the_template_aborts_are_no_error(self):
        text = self.check(0, self.campaign())
        self.assertIn("""\
body.html:4:25: note: aborted by the template: no stock
    {%- if kind == 'gone' %}{% abort 'no stock' %}{% endif %}
                            ^
  2 rows are not sent, the first is row 7 (line 8 of recipients.csv)
""", text)

    def test_json_has_all_of_it(self):
        report = json.loads(self.check(0, self.campaign(), "--json"))
        self.assertEqual([report[k] for k in ("ok", "rows", "good", "bad", "failed", "aborted",
                                              "duplicates", "errors", "warnings")],
                         [True, 9, 1, 2, 3, 2, 1, 0, 5])
        by_place = {(p["file"], p["line"]): p for p in report["problems"]}
        subject = by_place["campaign.yaml", 2]
        self.assertEqual([subject[k] for k in ("severity", "column", "what", "rows", "first_row")],
                         ["warning", 26, "divided by 0", 2, 2])
        self.assertEqual(subject["excerpt"], MANIFEST.splitlines()[1])
        self.assertEqual(by_place["body.html", 4]["severity"], "note")
        self.assertEqual(by_place["body.html", 4]["rows"], 2)
        self.assertEqual(by_place["recipients.csv", 9]["first_row"], 8)

    def test_what_does_not_exist_is_told_with_the_nearest_that_does(self):
        path = self.campaign(**{"body.html": "{{ naem }} {{ name | upcas }}\n{% render 'pric' %}",
                                "campaign.yaml": MANIFEST.replace("{{ name", "{{ nme")})
        text = self.check(1, path)
        for told in ("body.html:1:4: warning: Nothing provides the variable 'naem'",
                     "did you mean 'name'?", "body.html:1:22: error: ", "did you mean 'upcase'?",
                     "body.html:2:", "did you mean 'price'?",
                     "campaign.yaml:2:17: warning: Nothing provides the variable 'nme'"):
            self.assertIn(told, text)
        self.assertIn("    {{ naem }} {{ name | upcas }}\n       ^\n", text)
        self.assertIn('    subject: "Hi {{ nme }}, {{', text)
        self.assertIn("cannot be sent", text)

    def test_the_whole_file_is_read_and_the_first_row_is_the_first(self):
        rows = "".join("r%d@example.com,N,%d,%s,0\n" % (n, n != 7777 and n != 19999,
                                                      "bad" if n % 5000 == 0 else "")
                       for n in range(1, 20001))
        path = self.campaign(**{"recipients.csv": ROWS.splitlines()[0] + "\n" + rows})
        told = [self.check(0, path) for _ in range(3)]
        self.assertEqual(len(set(told)), 1)
        self.assertIn("2 rows are not sent, the first is row 7777 (line 7778 of", told[0])
        self.assertIn("4 rows are not sent, the first is row 5000 (line 5001 of", told[0])
        self.assertIn("20,000 rows: 19,994 would be sent", told[0])

    def test_an_interrupt_tells_what_was_found_until_then(self):
        rows = "".join("r%d@example.com,N,0,,0\n" % n for n in range(60000))
        path = self.campaign(**{
            "body.txt": "{% for i in (1..3000) %}{{ i }}{% endfor %}{{ 1 | divided_by: pieces }}",
            "recipients.csv": ROWS.replace("Bob,0", "Bob,1") + rows})
        process = subprocess.Popen(self.command("check", path), stdout=subprocess.PIPE, text=True,
                                   env=self.environment())
        pt.wait_until(lambda: len(os.listdir("/proc/%d/task" % process.pid)) > 1, "the threads")
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=pt.TIMEOUT)
        self.assertEqual(process.returncode, 1)
        self.assertRegex(text, r"(?m)^stopped after \d+ rows$")
        self.assertIn(": was not checked to its end", text)

    def test_the_daemon_skips_the_same_rows_with_the_reason(self):
        with pt.Sink(self.folder) as sink, pt.Daemon(self.folder, relay=sink) as daemon:
            done = subprocess.run(self.command("--config", daemon.config_path, "submit",
                                               self.campaign()), capture_output=True, text=True,
                                  timeout=pt.TIMEOUT, check=True)
            name = done.stdout.strip()
            campaign = daemon.wait_state(name, "finished")
            counts = campaign["counts"]
            self.assertEqual((counts["delivered"], counts["skipped"]), (1, 8))
            results = {r["row"]: r for r in daemon.results(campaign)}
        self.assertEqual({r["state"] for row, r in results.items() if row != "1"}, {"skipped"})
        for row, reason in (("2", "campaign.yaml, line 2, column 26: "), ("4", "name is missing"),
                            ("5", "body.html, line 3, column 27: "), ("7", ": no stock"),
                            ("8", "duplicate of row 1"), ("9", ": no stock")):
            self.assertIn(reason, results[row]["reply"])


if __name__ == "__main__":
    unittest.main()
