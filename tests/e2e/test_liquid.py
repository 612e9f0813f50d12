"""`postrider liquid --jsonl`: one answer a line, never stopped, and how far it agrees with Ruby."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt  # noqa: E402

SHARED = os.path.join(pt.ROOT, "..", "shared")
AGREES = "99.5"  # percent of the portable cases; the README says which others and why


def ask(*lines):
    """The answers to lines, which are objects or octets."""
    octets = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
                      for line in lines)
    done = subprocess.run([pt.program("postrider"), "liquid", "--jsonl"], input=octets,
                          capture_output=True, timeout=pt.TIMEOUT)
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


class LiquidFilter(unittest.TestCase):
    def test_answers_each_line_in_order_and_never_stops(self):
        answers, code = ask({"template": "{{ a }}{{ b.c }}", "data": {"a": 1.50, "b": {"c": [2]}}},
                            b"no json\n", b"[]\n", b"\n", {"data": {}}, {"template": "{{ !"},
                            {"template": "last"})
        self.assertEqual(code, 0)
        self.assertEqual(answers[0], {"output": "1.52"})
        self.assertEqual(answers[-1], {"output": "last"})
        self.assertEqual(["error" in a for a in answers], [False] + 5 * [True] + [False])

    def test_errors_stand_in_the_output_only_where_wanted(self):
        wanted, told = ask({"template": "a{{ 1 | divided_by: 0 }}b", "render_errors": True},
                           {"template": "a\n{{ 1 | divided_by: 0 }}b"})[0]
        self.assertEqual(wanted["output"], "aLiquid error (line 1): divided by 0b")
        self.assertEqual(told["output"], "a\n")
        self.assertEqual((told["error"]["line"], told["error"]["column"]), (2, 1))

    def test_partials_clock_zone_and_limits_come_with_the_line(self):
        answers = ask({"template": "{% render 'P', x: 2 %}", "partials": {"p.liquid": "<{{ x }}>"}},
                      {"template": "{{ 'now' | date: '%F %T %Z' }}", "now": "2024-07-01T10:00:00Z",
                       "tz": "Europe/Berlin"},
                      {"template": "{% for i in (1..100) %}x{% endfor %}", "limits": {"steps": 20}},
                      )[0]
        self.assertEqual(answers[0]["output"], "<2>")
        self.assertEqual(answers[1]["output"], "2024-07-01 12:00:00 CEST")
        self.assertIn("Step limit", answers[2]["error"]["message"])

    def test_agrees_with_the_corpus(self):
        score = os.path.join(SHARED, "tools", "score-liquid")
        if not os.path.exists(score):
            raise unittest.SkipTest("no corpora beside the tree")
        done = subprocess.run([sys.executable, score, "--floor", AGREES, "--failures", "20", "--",
                               pt.program("postrider"), "liquid", "--jsonl"],
                              capture_output=True, text=True, timeout=10 * pt.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:])


if __name__ == "__main__":
    unittest.main()
