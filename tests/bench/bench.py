"""What the benches share: options, a temporary folder, meters, a table or JSON at the end."""
import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt  # noqa: E402

OCTETS = 5000  # of a message, about


def options(about, **extra):
    """Parse the command line. extra: NAME=(default, help) become --NAME."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--folder", help="work below this folder (default: the system's for "
                                         "temporary files); a disk, not a tmpfs, tells the truth")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")
    for name, (default, text) in extra.items():
        name = "--" + name.replace("_", "-")
        if isinstance(default, bool):
            parser.add_argument(name, action="store_true", help=text)
        else:
            parser.add_argument(name, default=default, type=type(default),
                                help="%s (%s)" % (text, default))
    return parser.parse_args()


class Folder:
    """A temporary folder as a context manager."""

    def __init__(self, args):
        self.args = args

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="postrider-bench-", dir=self.args.folder)
        os.chmod(self.path, 0o755)
        return self.path

    def __exit__(self, *exception):
        if self.args.keep:
            print("kept: " + self.path, file=sys.stderr)
        else:
            shutil.rmtree(self.path, ignore_errors=True)


def note(text):
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)


def wait_campaigns(daemon, names, done, timeout, every=0.05):
    """Poll the campaigns until done(list of objects) holds. Returns [(seconds, objects)]."""
    seen = []

    def there():
        if not daemon.running:
            raise AssertionError("postriderd ended:\n" + daemon.log()[-4000:])
        objects = [daemon.campaign(name) for name in names]
        seen.append((time.monotonic(), objects))
        return done(objects)
    pt.wait_until(there, "the campaigns", timeout, every)
    return seen


def run(main):
    """Call main; exit 1 with the reason where a program is missing or a run fails."""
    try:
        sys.exit(main())
    except unittest.SkipTest as missing:
        sys.exit("bench: %s" % missing)
    except AssertionError as failed:
        sys.exit("bench: %s" % failed)


def show(args, title, rows, columns, facts=()):
    """rows: dictionaries; columns: (key, heading, format). facts: {what: value} below."""
    if args.json:
        print(json.dumps({"bench": title, "rows": rows, **dict(facts)}))
        return
    cells = [[heading for _, heading, _ in columns]]
    for row in rows:
        cells.append(["-" if row.get(key) is None else form % row[key]
                      for key, _, form in columns])
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    print(title)
    for line in cells:
        print("  " + "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(line, widths))))
    for what, value in dict(facts).items():
        print("  %s: %s" % (what.replace("_", " "),
                            "%.2f" % value if isinstance(value, float) else value))
