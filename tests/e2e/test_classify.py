"""`postrider classify --jsonl`: one answer a line, never stopped, and how far it agrees with others."""
import base64
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt  # noqa: E402

SHARED = os.path.join(pt.ROOT, "..", "shared")
FLOORS = ("97", "92", "99")  # percent: hard or soft, class, recipient found
BOUNCE = b"From: MAILER-DAEMON@b.example\nSubject: failure\n\n<jane@b.example>: user unknown\n"


def run(octets, *options):
    return subprocess.run([pt.program("postrider"), "classify", "--jsonl", *options], input=octets,
                          capture_output=True, timeout=pt.TIMEOUT)


def ask(*lines):
    """The answers to lines, which are objects or octets."""
    octets = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
                      for line in lines)
    done = run(octets)
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


class ClassifyFilter(unittest.TestCase):
    def test_answers_each_line_in_order_and_never_stops(self):
        mail = base64.b64encode(BOUNCE).decode()
        answers, code = ask({"reply": "550 5.1.1 no such user"}, b"no json\n", b"[]\n", b"\n",
                            {"message_b64": "*"}, {"message_b64": mail}, {"reply": "\0\ud800x"},
                            {"reply": "451 4.7.1 Greylisted"})
        self.assertEqual(code, 0)
        self.assertEqual(answers[0], {"kind": "reply", "recipients": [
            {"address": "", "status": "5.1.1", "class": "user_unknown", "hard": True,
             "action": "suppress", "diagnostic": "550 5.1.1 no such user"}]})
        self.assertEqual(answers[1:5], 4 * [{"kind": "unknown", "recipients": []}])
        self.assertEqual(answers[5], {"kind": "dsn", "recipients": [
            {"address": "jane@b.example", "status": "", "class": "user_unknown", "hard": True,
             "action": "suppress", "diagnostic": "<jane@b.example>: user unknown"}]})
        self.assertEqual(answers[-1]["recipients"][0]["class"], "greylisted")
        self.assertEqual(len(answers), 8)

    def test_rules_of_ones_own(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write("classes:\n  virus: {hard: no, action: fix}\n"
                    "rules:\n  - {class: virus, text: nonsense}\n")
            f.flush()
            done = run(b'{"reply": "550 Nonsense"}\n', "--rules", f.name)
            self.assertEqual(json.loads(done.stdout)["recipients"][0]["class"], "virus")
            f.write("  - {class: virus, text: '('}\n")
            f.flush()
            done = run(b'{"reply": "550 Nonsense"}\n', "--rules", f.name)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b".yaml:5:", done.stderr)
        self.assertIn(b"rules.2.text: at its character 2", done.stderr)

    def test_agrees_with_the_corpora(self):
        score = os.path.join(SHARED, "tools", "score-bounces")
        if not os.path.exists(score):
            raise unittest.SkipTest("no corpora beside the tree")
        done = subprocess.run([sys.executable, score, "--floors", *FLOORS, "--failures", "40", "--",
                               pt.program("postrider"), "classify", "--jsonl"],
                              capture_output=True, text=True, timeout=10 * pt.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:])


if __name__ == "__main__":
    unittest.main()
