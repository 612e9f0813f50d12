"""A Postfix of the bench's own: private configuration, queue and log below a folder, loopback
only, everything relayed to the sink. Needs root and Debian's postfix (its daemon need not run)."""
import os
import pwd
import signal
import socket
import subprocess
import time
import unittest

import bench
from bench import pt

MAIN = """
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.bench.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:{port}
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
default_process_limit = 100
default_destination_concurrency_limit = 20
initial_destination_concurrency = 20
smtp_destination_concurrency_limit = 20
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
"""

MASTER = """
127.0.0.1:{own} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def available():
    """Why it cannot be run here; None: it can."""
    if os.getuid() != 0:
        return "needs root"
    for path in ("/usr/sbin/postfix", "/usr/sbin/smtp-source"):
        if not os.access(path, os.X_OK):
            return "Debian's package postfix is not installed"
    return None


class Postfix(pt.Process):
    def __init__(self, folder, sink, own_port):
        reason = available()
        if reason:
            raise unittest.SkipTest("Postfix: " + reason)
        self.folder, self.port = os.path.join(folder, "postfix"), own_port
        self._write(sink)
        self._spawn(["/usr/sbin/postfix", "-c", self.folder + "/etc", "start-fg"],
                    os.path.join(folder, "postfix.err"), stdin=subprocess.DEVNULL,
                    start_new_session=True)
        try:
            pt.wait_until(self._answers, "Postfix (see its mail.log)", 30)
        except AssertionError:
            self.__exit__()
            raise

    def _write(self, sink):
        owner = pwd.getpwnam("postfix")
        for name in ("etc", "queue", "data"):
            os.makedirs(os.path.join(self.folder, name))
        os.chown(self.folder + "/data", owner.pw_uid, owner.pw_gid)
        values = {"folder": self.folder, "port": sink.port, "own": self.port}
        for name, text in (("main.cf", MAIN), ("master.cf", MASTER)):
            with open(os.path.join(self.folder, "etc", name), "w") as f:
                f.write(text.format(**values).lstrip())

    def _answers(self):
        if not self.running:
            raise AssertionError("Postfix ended")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                return s.recv(4) == b"220 "
        except OSError:
            return False

    def cpu_us(self):
        return sum(pt.cpu_us(pid, children=True) for pid in self._pids())

    def peak_kb(self):
        return sum(pt.peak_kb(pid) for pid in self._pids())

    def _pids(self):
        return [pid for pid in pt.family(self.pid) if os.path.exists("/proc/%d" % pid)]

    def __exit__(self, *exception):
        """SIGTERM to master itself: the script that started it only waits for it."""
        try:
            with open(self.folder + "/queue/pid/master.pid") as f:
                os.kill(int(f.read()), signal.SIGTERM)
            self.process.wait(30)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            pass
        super().__exit__(*exception)


def smtp_source(port, count):
    """Start smtp-source, 20 sessions kept open."""
    return subprocess.Popen(["/usr/sbin/smtp-source", "-d", "-s", "20", "-m", str(count), "-l",
                             str(bench.OCTETS), "-f", "news@mail.acme.example", "-t",
                             "user@example.com", "127.0.0.1:%d" % port])


def wait_source(process):
    """(CPU microseconds) of an smtp-source that has ended well."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise AssertionError("smtp-source failed")
    return int((usage.ru_utime + usage.ru_stime) * 1e6), usage.ru_maxrss


def wait_messages(sink, count, timeout):
    """Until the sink has taken so many; returns (seconds since the call, its totals)."""
    begin = time.monotonic()
    totals = {}

    def there():
        totals.update(sink.totals())
        return totals["messages"] >= count
    pt.wait_until(there, "%d messages in the sink" % count, timeout, 0.05)
    return time.monotonic() - begin, totals
