"""Runs tests and counts them one by one, for tests/all. Each call appends lines of
"STEP PASSED FAILED SKIPPED" to a tally file; what failed is printed.

    count_tests.py TALLY STEP meson BUILD [ARGUMENT OF meson test...]
    count_tests.py TALLY STEP unittest FILE.py
    count_tests.py TALLY STEP command COMMAND...
    count_tests.py TALLY sum

A line tells how long the step took; where meson runs it, with its build: the time since the line
before it. Why a test was skipped stands below.
"""
import json
import os
import re
import subprocess
import sys
import time

CHECK_SUMMARY = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)
UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in", re.M)
UNITTEST_END = re.compile(r"^(OK|FAILED)(?: \((.*)\))?$", re.M)
UNITTEST_SKIPPED = re.compile(r"^(\w+).* skipped ['\"](.*)['\"]$", re.M)
SKIP_CODE = 77
UNITTEST_TIMEOUT = 600  # seconds for one file
BEGAN = time.time()


def tally(path, step, passed, failed, skipped, reasons=(), since=None):
    took = max(0.0, time.time() - (since or BEGAN))
    with open(path, "a", encoding="utf-8") as f:
        f.write("%s %d %d %d\n" % (step, passed, failed, skipped))
    print("%-36s %5d passed %3d failed %3d skipped %5.0f s"
          % (step, passed, failed, skipped, took), flush=True)
    for reason in reasons:
        print("    skipped: " + reason, flush=True)
    return 1 if failed else 0


def tail(text, lines=60):
    print("\n".join("    " + line for line in text.splitlines()[-lines:]), flush=True)


def count_check(test):
    """(passed, failed, skipped) of one program's run, as meson's testlog.json has it."""
    if test["result"] == "SKIP" or test.get("returncode") == SKIP_CODE:
        return 0, 0, 1
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    found = CHECK_SUMMARY.findall(test.get("stdout") or "")
    if not found:
        return int(good), int(not good), 0
    checks = sum(int(f[0]) for f in found)
    failed = sum(int(f[1]) + int(f[2]) for f in found)
    if not good and not failed:
        failed = 1  # its tests passed, yet it ended badly: a leak, a crash at the end
    return max(0, checks - failed), failed, 0


def run_meson(path, step, build, *arguments):
    log = os.path.join(build, "meson-logs", "testlog.json")
    began = os.path.getmtime(path)
    if os.path.exists(log):
        os.remove(log)
    done = subprocess.run(["meson", "test", "-C", build, "--no-rebuild", *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if not os.path.exists(log):
        tail(done.stdout)
        return tally(path, step, 0, 1, 0, since=began)
    totals = [0, 0, 0]
    with open(log, encoding="utf-8") as f:
        for line in f:
            test = json.loads(line)
            counts = count_check(test)
            totals = [a + b for a, b in zip(totals, counts)]
            if counts[1]:
                print("%s: %s: %s" % (step, test["name"], test["result"]))
                tail((test.get("stdout") or "") + (test.get("stderr") or ""))
    if not sum(totals):
        print("%s: no test ran" % step)
        totals[1] = 1
    return tally(path, step, *totals, since=began)


def run_unittest(path, step, file):
    try:
        done = subprocess.run([sys.executable, file, "-v"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=UNITTEST_TIMEOUT)
        text, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        text, code = (late.stdout or b"").decode("utf-8", "replace") + "\ntimeout", 1
    ran, end = UNITTEST_RAN.findall(text), UNITTEST_END.findall(text)
    if not ran or not end:
        tail(text)
        return tally(path, step, 0, 1, 0)
    numbers = {key.strip(): n for key, n in re.findall(r"([a-z ]+)=(\d+)", end[-1][1])}
    failed = sum(int(n) for key, n in numbers.items()
                 if key in ("failures", "errors", "unexpected successes"))
    skipped = int(numbers.get("skipped", 0))
    if code and not failed:
        failed = 1
    if failed:
        tail(text, 120)
    reasons = ["%s: %s" % found for found in UNITTEST_SKIPPED.findall(text)]
    return tally(path, step, max(0, int(ran[-1]) - failed - skipped), failed, skipped, reasons)


def run_command(path, step, *command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode == SKIP_CODE:
        return tally(path, step, 0, 0, 1, done.stdout.splitlines()[-1:])
    if done.returncode:
        tail(done.stdout)
    return tally(path, step, int(done.returncode == 0), int(done.returncode != 0), 0)


def total(path):
    """Prints the last line of tests/all; 1 when something failed or nothing passed."""
    passed = failed = skipped = 0
    with open(path, encoding="utf-8") as f:
        for line in f:
            numbers = [int(word) for word in line.split()[-3:]]
            passed, failed, skipped = (passed + numbers[0], failed + numbers[1],
                                       skipped + numbers[2])
    last = "%d passed, %d failed" % (passed, failed)
    print(last + (", %d skipped" % skipped if skipped else ""))
    return 1 if failed or not passed else 0


def main(arguments):
    path, step = arguments[:2]
    if step == "sum":
        return total(path)
    runs = {"meson": run_meson, "unittest": run_unittest, "command": run_command}
    return runs[arguments[2]](path, step, *arguments[3:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
