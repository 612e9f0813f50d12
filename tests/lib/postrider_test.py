"""What the end-to-end tests and the benches share: a sink, a daemon and campaigns in a temporary
folder. Standard library only, Python 3.9 or later.

    import os, sys
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
    import postrider_test as pt

    class DeliveryTest(pt.TestCase):                # gives self.folder, removed at the end
        def test_each_recipient_arrives_once(self):
            rules = ["on=rcpt,share=10%,tries=1,reply=451 later"]
            with pt.Sink(self.folder, rules=rules) as sink, \\
                 pt.Daemon(self.folder, relay=sink) as daemon:
                daemon.drop(pt.make_campaign(self.folder, "spring", rows=1000))
                campaign = daemon.wait_state("spring", "finished")
                self.assertEqual(campaign["counts"]["delivered"], 1000)
                self.assertEqual(len(sink.messages()), 1000)

Programs are looked for in $POSTRIDER_BUILD/src (default: build/src of the tree); a test whose
program is not built is skipped. Nothing here sleeps for a fixed time where something can be
waited for: see wait_until(). Every process started is stopped by its own id.
"""
import csv
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("POSTRIDER_BUILD", os.path.join(ROOT, "build"))
TIMEOUT = float(os.environ.get("POSTRIDER_TEST_TIMEOUT", "60"))  # seconds; larger under ASan


def program(name):
    """Path of a built program ("postriderd"); skips the test where there is none."""
    path = os.path.join(BUILD, "src", name)
    if not os.access(path, os.X_OK):
        raise unittest.SkipTest("%s is not built" % path)
    return path


def wait_until(ask, what, timeout=None, every=0.02):
    """Call ask() until its answer is true; returns that answer. AssertionError names `what`."""
    end = time.monotonic() + (TIMEOUT if timeout is None else timeout)
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError("waited in vain for " + what)
        time.sleep(every)


class TestCase(unittest.TestCase):
    """A test with a folder of its own. $POSTRIDER_KEEP=1 leaves the folder for inspection."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="postrider-test-")
        if os.environ.get("POSTRIDER_KEEP"):
            print("%s: %s" % (self.id(), self.folder))
        else:
            self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def enter(self, context):
        """Enter a context manager for the rest of the test; returns what it gives."""
        given = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return given


# ---- processes: CPU time and memory from /proc ----

def cpu_us(pid, children=False):
    """CPU microseconds (user and system) of a process; children: also of those it waited for."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    ticks = sum(int(x) for x in fields[11:15 if children else 13])
    return ticks * 1_000_000 // os.sysconf("SC_CLK_TCK")


def peak_kb(pid):
    """Peak resident memory in KiB since the process began (VmHWM)."""
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def family(pid):
    """The process ids of pid and all below it that live now."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % name) as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(name))
        except OSError:
            continue
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo.extend(parents.get(found[-1], ()))
    return found


class Process:
    """A program started by a test; a context manager that ends it. `process` is the Popen."""

    process = _log = None

    def _spawn(self, arguments, log, **popen):
        if self._log:
            self._log.close()
        self._log = open(log, "ab")
        self.process = subprocess.Popen(arguments, stderr=self._log, **popen)

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()
        self._log.close()

    def terminate(self, timeout=None):
        """SIGTERM, and wait; returns the exit code."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(TIMEOUT if timeout is None else timeout)
        finally:
            if self.running:
                self.kill()
            self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.running:
            self.terminate()
        elif self.process is not None:
            self._log.close()  # it ended by itself


class Sink(Process):
    """postrider-sink on a free port of the loopback. `port` and `address` say where; further
    command line options as plain arguments, fault rules as a list of specifications. tls: the
    paths of a certificate and its key, to offer STARTTLS with.

    log: keep a line a message (see messages()). commands: also one for each MAIL, RCPT, DATA
    and the like (see commands()). maildir: keep the messages, in FOLDER/sink-mail."""

    def __init__(self, folder, *options, rules=(), latency=None, log=True, commands=False,
                 maildir=False, listen="127.0.0.1:0", prefix=(), tls=None):
        self.log_path = os.path.join(folder, "sink.jsonl") if log or commands else None
        self.maildir = os.path.join(folder, "sink-mail") if maildir else None
        arguments = [*prefix, program("postrider-sink"), "--listen", listen, *options]
        for rule in rules:
            arguments += ["--rule", rule]
        if latency:
            arguments += ["--latency", latency]
        if tls:
            arguments += ["--tls-cert", tls[0], "--tls-key", tls[1]]
        if self.log_path:
            arguments += ["--log", self.log_path]
        if commands:
            arguments += ["--log-commands"]
        if self.maildir:
            arguments += ["--maildir", self.maildir]
        self._spawn(arguments, os.path.join(folder, "sink.err"), stdout=subprocess.PIPE)
        self._rest = b""
        line = self._line()
        if not line.startswith("listening "):
            raise AssertionError("the sink did not start: " + line)
        self.address = line.split()[1]
        self.host, _, port = self.address.rpartition(":")
        self.host, self.port = self.host.strip("[]"), int(port)

    def _line(self):
        """One line of its standard output."""
        end = time.monotonic() + TIMEOUT
        while b"\n" not in self._rest:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("the sink is silent")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return self._rest.decode()
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def totals(self):
        """The totals now; also makes the log complete."""
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self._line())

    def kill(self):
        super().kill()
        self.process.stdout.close()

    def stop(self):
        """End it; returns its last totals."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        """Wait until it ends by itself (--count); returns its last totals."""
        last = None
        while True:
            line = self._line()
            if not line:
                break
            last = json.loads(line)
        self.process.wait(TIMEOUT)
        self.process.stdout.close()
        self._log.close()
        return last

    def records(self, event=None):
        """What the log holds, oldest first: dictionaries (postrider-sink --help names the keys)."""
        if self.running:
            self.totals()
        with open(self.log_path, encoding="utf-8") as f:
            all_records = [json.loads(line) for line in f]
        return [r for r in all_records if event is None or r["event"] == event]

    def messages(self, accepted=True):
        """Records of the messages whose end the sink saw; accepted: only those answered 250."""
        return [r for r in self.records("message") if not accepted or r["code"] == 250]

    def commands(self, verb=None):
        """Records of commands (needs commands=True), of one verb ("MAIL") or of all."""
        return [r for r in self.records("command") if verb is None or r["verb"] == verb]

    def mails(self):
        """The octets of each kept message (needs maildir=True), in order of acceptance."""
        new = os.path.join(self.maildir, "new")
        mails = []
        for record in self.messages():
            with open(os.path.join(new, record["file"]), "rb") as f:
                mails.append(f.read())
        return mails

    def __exit__(self, *exception):
        if self.running:
            self.terminate()
        self.process.stdout.close()


# ---- the daemon ----

class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("postrider", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class HTTPError(Exception):
    """The status socket refused: `status` and the decoded `body`."""

    def __init__(self, status, body):
        super().__init__("%d: %s" % (status, body))
        self.status, self.body = status, body


class Daemon(Process):
    """postriderd in FOLDER: its spool, state, socket and configuration lie there.

    relay: a Sink (or "host:port") for the default route, with `connections` of them. config:
    further keys of postrider.yaml, merged over the defaults (dictionaries key by key).
    env: further environment; prefix: a command before the daemon's ("valgrind", ...); disk: a
    folder for spool and state, if they shall not lie in FOLDER itself."""

    def __init__(self, folder, relay=None, connections=20, config=None, env=None, prefix=(),
                 start=True, disk=None):
        self.folder = folder
        self.spool = os.path.join(disk or folder, "spool")
        self.state = os.path.join(disk or folder, "state")
        self.socket_path = os.path.join(folder, "postrider.sock")
        self.config_path = os.path.join(folder, "postrider.yaml")
        self.log_path = os.path.join(folder, "postriderd.err")
        for path in (self.spool, os.path.join(self.spool, "incoming"), self.state):
            os.makedirs(path, exist_ok=True)
        self.config = {
            "hostname": "mta.postrider.example",
            "timezone": "UTC",
            "spool": self.spool,
            "state": self.state,
            "socket": {"path": self.socket_path, "mode": "0600"},
            "min_free": "1M",
            "routes": {"default": self._route(relay, connections)},
        }
        _merge(self.config, config or {})
        self._env = dict(os.environ, **(env or {}))
        self._prefix = list(prefix)
        self.write_config()
        if start:
            self.start()

    @staticmethod
    def _route(relay, connections):
        host, port = "127.0.0.1", 25
        if isinstance(relay, Sink):
            host, port = relay.host, relay.port
        elif relay:
            host, _, port = relay.rpartition(":")
        return {"via": "relay", "host": host, "port": int(port), "tls": "none",
                "connections": connections}

    def write_config(self, **changes):
        """Write postrider.yaml, with top-level changes merged in. JSON is YAML."""
        _merge(self.config, changes)
        with open(self.config_path, "w", encoding="utf-8") as f:
            json.dump(self.config, f, indent=1, ensure_ascii=False)

    def shape(self, default=None, **sections):
        """The shaping file: by default nothing holds a lane up but what `default` says."""
        loose = {"connections": 1000, "start": 1000, "messages_per_connection": 1000000,
                 "message_rate": "1000000/s", "connection_rate": "1000000/s", "burst": 1000}
        path = os.path.join(self.folder, "shaping.yaml")
        with open(path, "w", encoding="utf-8") as f:
            figures = dict(loose, **(default or {}))
            figures["start"] = min(figures["start"], figures["connections"])
            json.dump({"default": figures, **sections}, f, indent=1)
        self.write_config(shaping=path)

    def start(self, timeout=None, wait=True):
        """Start (again) and wait until the socket answers."""
        self._spawn([*self._prefix, program("postriderd"), "--config", self.config_path],
                    self.log_path, env=self._env)
        if not wait:
            return

        def ready():
            if not self.running:
                raise AssertionError("postriderd ended:\n" + self.log()[-4000:])
            try:
                self.get("/v1/status")
                return True
            except (OSError, http.client.HTTPException, HTTPError):
                return False
        try:
            wait_until(ready, "the status socket", timeout)
        except AssertionError:
            self.__exit__()
            raise

    def __exit__(self, *exception):
        super().__exit__(*exception)
        wrong = re.search(r".*(AddressSanitizer|LeakSanitizer|runtime error:|contract broken).*",
                          self.log()) if os.path.exists(self.log_path) else None
        if wrong and not any(exception):
            at = wrong.start()
            raise AssertionError("postriderd: " + self.log()[at:at + 4000])

    def log(self):
        """What the daemon said on standard error so far."""
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def request(self, method, path, body=None, headers=None):
        """(status, decoded JSON or text) of one request on the status socket."""
        connection = _UnixConnection(self.socket_path, TIMEOUT)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8")
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def _checked(self, *arguments):
        status, body = self.request(*arguments)
        if status >= 400:
            raise HTTPError(status, body)
        return body

    def get(self, path):
        return self._checked("GET", path)

    def post(self, path, body=None):
        return self._checked("POST", path, body)

    def cli(self, *arguments, check=True, **run):
        """Run `postrider --json ARGUMENTS` on this daemon's socket; the CompletedProcess."""
        done = subprocess.run([program("postrider"), "--config", self.config_path, "--json",
                               *arguments], capture_output=True, text=True, timeout=TIMEOUT, **run)
        if check and done.returncode:
            raise AssertionError("postrider %s: %s" % (" ".join(arguments), done.stderr))
        return done

    def drop(self, path):
        """Rename a campaign's folder into incoming/; returns its name."""
        name = os.path.basename(path)
        os.rename(path, os.path.join(self.spool, "incoming", name))
        return name

    def campaigns(self):
        """All campaign objects, newest first or as the daemon lists them."""
        answer = self.get("/v1/campaigns")
        return answer["campaigns"] if isinstance(answer, dict) else answer

    def campaign(self, name):
        """The campaign object with this id or name; None when there is none (yet)."""
        for campaign in self.campaigns():
            if name in (campaign["id"], campaign["name"]):
                return self.get("/v1/campaigns/" + campaign["id"])
        return None

    def wait_state(self, name, *states, timeout=None, every=0.05):
        """Wait until the campaign is in one of states; returns its object."""
        def there():
            if not self.running:
                raise AssertionError("postriderd ended:\n" + self.log()[-4000:])
            campaign = self.campaign(name)
            return campaign if campaign and campaign["state"] in states else None
        return wait_until(there, "%s to be %s" % (name, " or ".join(states)), timeout, every)

    def events(self):
        """All events that there are, from the first page to the last."""
        events, after = [], "0"
        while True:
            page = self.get("/v1/events?limit=1000&after=" + after)
            events += page["events"]
            if len(page["events"]) < 1000:
                return events
            after = str(page["next"])

    def results(self, campaign):
        """The rows of results.csv of a finished campaign object, as dictionaries."""
        path = os.path.join(self.spool, "done", campaign["id"], "results.csv")
        with open(path, encoding="utf-8-sig", newline="") as f:
            return list(csv.DictReader(f))


def _merge(into, changes):
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif value is None:
            into.pop(key, None)
        else:
            into[key] = value


# ---- campaigns ----

FIELDS = ("email", "first_name", "last_name", "city", "product", "code", "points")
_NAMES = ("Ada", "Grace", "Linus", "Edsger", "Barbara", "Dennis", "Margaret", "Ken", "Radia",
          "Alan")
_CITIES = ("Lisbon", "Berlin", "Vienna", "Nairobi", "Osaka", "Quito", "Oslo", "Tunis", "Lima",
           "Perth")
HTML = """<html><body><h1>Hello {{ first_name }} {{ last_name }}</h1>
<p>News for {{ city }}: {{ product }} is here. Your code is <b>{{ code }}</b>.</p>
<p>You have {{ points }} points.</p>
%s</body></html>
"""
TEXT = """Hello {{ first_name }} {{ last_name }},

News for {{ city }}: {{ product }} is here. Your code is {{ code }}.
You have {{ points }} points.
%s"""
_FILL = "This line is here for its length only, as the many words of a newsletter are: %02d.\n"


def address(row, domains):
    """The address of a row (from 1) of make_campaign, over so many domains."""
    if domains == 1:
        return "user%d@example.com" % row
    return "user%d@d%d.example" % (row, row % domains)


def write_recipients(path, rows, domains=1):
    """A CSV of so many rows: the address and six merge fields (FIELDS)."""
    with open(path, "w", encoding="utf-8", buffering=1 << 20) as f:
        f.write(",".join(FIELDS) + "\n")
        for row in range(1, rows + 1):
            f.write("%s,%s,Number%d,%s,Model %d,C-%06d,%d\n" % (
                address(row, domains), _NAMES[row % 10], row, _CITIES[row // 10 % 10],
                row % 97, row, row * 7 % 1000))


def make_campaign(folder, name, rows=10, domains=1, octets=0, manifest=None, files=None,
                  recipients=None):
    """Write the campaign FOLDER/NAME (not in the spool yet); returns its path.

    rows and domains make recipients.csv, unless `recipients` is its text. octets: about how
    long a message shall be (0: short). manifest: keys over the defaults. files: {name: text}."""
    path = os.path.join(folder, name)
    os.makedirs(path)
    lines = max(0, (octets - 1000) // (2 * len(_FILL)))  # in HTML and in text
    fill = "".join(_FILL % (n % 100) for n in range(lines))
    keys = {"name": name, "from": "Acme <news@mail.acme.example>",
            "subject": "{{ first_name }}, {{ product }} is here", "recipients": "recipients.csv",
            "html": "body.html", "text": "body.txt"}
    _merge(keys, manifest or {})
    contents = {"body.html": HTML % ("<p>" + fill.replace("\n", "<br>\n") + "</p>\n"),
                "body.txt": TEXT % fill,
                "campaign.yaml": json.dumps(keys, indent=1, ensure_ascii=False)}
    contents.update(files or {})
    for file, text in contents.items():
        os.makedirs(os.path.dirname(os.path.join(path, file)), exist_ok=True)
        with open(os.path.join(path, file), "w", encoding="utf-8") as f:
            f.write(text)
    if recipients is None:
        write_recipients(os.path.join(path, "recipients.csv"), rows, domains)
    else:
        with open(os.path.join(path, "recipients.csv"), "w", encoding="utf-8", newline="") as f:
            f.write(recipients)
    return path
