"""Real mail servers of Debian, for tests and benches: configuration, queue and log in a folder of
their own, one port of the loopback, nothing of the system's configuration touched. Need root.

Postfix is the installed package; the system's own Postfix need not run. Exim cannot be
installed beside it: its package is fetched by apt, which verifies it, and unpacked below the
build folder. A server is a pt.Process: `port`, log(), start(), __exit__()."""
import glob
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import unittest

import postrider_test as pt

CACHE = os.path.join(pt.BUILD, "test-servers")
EXIM_LIBRARIES = ("libdb5.3", "libgnutls-dane0", "libgnutls30", "libidn12", "libidn2-0",
                  "libnsl2", "libpcre2-8-0")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _run(*command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=300, **more)


def _install(*packages):
    done = _run("sh", os.path.join(pt.ROOT, "tests", "install-packages"), *packages)
    if done.returncode:
        raise unittest.SkipTest("cannot install %s: %s" % (" ".join(packages),
                                                           done.stderr.strip()[-300:]))


class Server(pt.Process):
    """What the two have in common."""

    def __init__(self, folder, name, port):
        self.folder, self.port = os.path.join(folder, name), port or free_port()
        self.log_path = os.path.join(self.folder, "mail.log")
        os.makedirs(self.folder)
        os.chmod(folder, 0o755)

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def _wait(self, what):
        try:
            pt.wait_until(self._answers, what, 30)
        except AssertionError:
            self.__exit__()
            raise AssertionError("%s does not answer:\n%s" % (what, self.log()[-3000:])) from None

    def _answers(self):
        if not self.running:
            raise AssertionError("it ended")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                return s.recv(4) in (b"220 ", b"421 ")  # 421: others took all there is
        except OSError:
            return False

    def delivered(self):
        """The files of what was delivered so far."""
        return glob.glob(os.path.join(self.folder, "mail", "**", "new", "*"), recursive=True)

    def mails(self):
        """(recipient, return path, octets as stored: LF ends, number) of each delivered message.
        The server's own fields, down to its Received, are taken off; the number is that of its
        queue, which it gives once a transaction."""
        found = []
        for path in self.delivered():
            with open(path, "rb") as f:
                rest = f.read()
            own = {}
            while True:
                end = rest.index(b"\n")
                while rest[end + 1:end + 2] in (b" ", b"\t"):
                    end = rest.index(b"\n", end + 1)
                name, _, value = rest[:end].partition(b": ")
                rest = rest[end + 1:]
                own[name.lower()] = value.decode("utf-8").strip("<> ")
                if name.lower() == b"received":
                    break
            to = own.get(b"x-original-to") or own.get(b"delivered-to") or own[b"envelope-to"]
            number = re.search(r"\bid ([\w-]{6,})", own[b"received"])
            found.append((to, own[b"return-path"], rest, number.group(1)))
        return found


# ---- Postfix ----

MAIN = """
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.test.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
"""

# Everything lands in one Maildir, whoever it is for.
DELIVERS = """
virtual_mailbox_domains = static:any
virtual_mailbox_base = {folder}
virtual_mailbox_maps = static:mail/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
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
virtual unix - n n - - virtual
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def postfix_missing():
    """Why Postfix cannot be run here; None: it can."""
    if os.getuid() != 0:
        return "needs root"
    for path in ("/usr/sbin/postfix", "/usr/sbin/smtp-source"):
        if not os.access(path, os.X_OK):
            return "Debian's package postfix is not installed"
    return None


def install_postfix():
    """Install it where it is missing, without a configuration that would make it listen."""
    if os.getuid() != 0:
        raise unittest.SkipTest("Postfix: needs root")
    if postfix_missing():
        subprocess.run(["debconf-set-selections"], text=True, check=False,
                       input="postfix postfix/main_mailer_type select No configuration\n")
        _install("postfix")


class Postfix(Server):
    """main: lines of main.cf over MAIN; {folder} is this server's."""

    def __init__(self, folder, main=DELIVERS, port=None, start=True):
        reason = postfix_missing()
        if reason:
            raise unittest.SkipTest("Postfix: " + reason)
        super().__init__(folder, "postfix", port)
        owner, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
        for name in ("etc", "queue", "data", "mail"):
            os.makedirs(os.path.join(self.folder, name))
        os.chown(self.folder + "/data", owner.pw_uid, owner.pw_gid)
        os.chown(self.folder + "/mail", nobody.pw_uid, nobody.pw_gid)
        with open(self.log_path, "ab") as f:  # postsuper writes it, too, when it finds what a
            os.fchmod(f.fileno(), 0o666)      # stop has left, and fails where it may not
        values = {"folder": self.folder, "port": self.port, "uid": nobody.pw_uid,
                  "gid": nobody.pw_gid}
        for name, text in (("main.cf", MAIN + main), ("master.cf", MASTER)):
            with open(os.path.join(self.folder, "etc", name), "w", encoding="utf-8") as f:
                f.write(text.format(**values).lstrip())
        if start:
            self.start()

    def start(self):
        self._spawn(["/usr/sbin/postfix", "-c", self.folder + "/etc", "start-fg"],
                    self.folder + ".err", stdin=subprocess.DEVNULL, start_new_session=True)
        self._wait("Postfix")

    def cpu_us(self):
        return sum(pt.cpu_us(pid, children=True) for pid in self._pids())

    def peak_kb(self):
        return sum(pt.peak_kb(pid) for pid in self._pids())

    def _pids(self):
        return [pid for pid in pt.family(self.pid) if os.path.exists("/proc/%d" % pid)]

    def __exit__(self, *exception):
        """SIGTERM to master itself: the script that started it only waits for it."""
        try:
            with open(self.folder + "/queue/pid/master.pid", encoding="ascii") as f:
                os.kill(int(f.read()), signal.SIGTERM)
            self.process.wait(30)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            pass
        super().__exit__(*exception)


# ---- Exim ----

EXIM = """
exim_path = {program}
exim_user = nobody
exim_group = nogroup
never_users =
keep_environment = LD_PRELOAD
primary_hostname = exim.test.example
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/exim.pid
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
queue_only
local_from_check = false
untrusted_set_sender = *
acl_smtp_rcpt = rcpt
acl_smtp_data = data
{main}

begin acl
rcpt:
{rcpt}
  accept
data:
  accept

begin routers
local:
  driver = accept
  transport = file

begin transports
file:
  driver = appendfile
  directory = {folder}/mail
  maildir_format
  user = nobody
  group = nogroup
  envelope_to_add
  return_path_add

begin retry
* * F,2h,15m
"""

# Debian builds Exim for a user that only its package makes.
EXIM_USER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
struct passwd *getpwnam(const char *name)
{
	struct passwd *(*real)(const char *) = (void *)dlsym(RTLD_NEXT, "getpwnam");
	return real(strcmp(name, "Debian-exim") ? name : "nobody");
}
struct group *getgrnam(const char *name)
{
	struct group *(*real)(const char *) = (void *)dlsym(RTLD_NEXT, "getgrnam");
	return real(strcmp(name, "Debian-exim") ? name : "nogroup");
}
"""


def install_exim():
    """Path of Exim's program, unpacked on the first call."""
    program = os.path.join(CACHE, "exim", "usr", "sbin", "exim4")
    if os.getuid() != 0:
        raise unittest.SkipTest("Exim: needs root")
    if not shutil.which("cc"):
        raise unittest.SkipTest("Exim: no C compiler")
    _install(*EXIM_LIBRARIES)
    if not os.access(program, os.X_OK):
        os.makedirs(CACHE, exist_ok=True)
        _run("apt-get", "-q", "update")
        done = _run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download",
                    "exim4-daemon-light", cwd=CACHE)
        found = sorted(glob.glob(os.path.join(CACHE, "exim4-daemon-light_*.deb")))
        if not found:
            raise unittest.SkipTest("cannot fetch Exim: " + done.stderr.strip()[-300:])
        subprocess.run(["dpkg", "-x", found[-1], os.path.join(CACHE, "exim")], check=True)
    return program


class Exim(Server):
    """main: lines of the main section; rcpt: statements of the ACL for RCPT, before accept."""

    def __init__(self, folder, main="", rcpt="", port=None):
        self.program = install_exim()
        super().__init__(folder, "exim", port)
        self.log_path = os.path.join(self.folder, "mainlog")
        self.config = os.path.join(self.folder, "exim.conf")
        nobody, nogroup = pwd.getpwnam("nobody"), grp.getgrnam("nogroup")
        for name in ("spool", "mail"):
            os.makedirs(os.path.join(self.folder, name))
            os.chown(os.path.join(self.folder, name), nobody.pw_uid, nogroup.gr_gid)
        os.chown(self.folder, nobody.pw_uid, nogroup.gr_gid)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(EXIM.format(program=self.program, folder=self.folder, port=self.port,
                                main=main, rcpt=rcpt))
        self.shim = os.path.join(self.folder, "user.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.shim, "-x", "c", "-"], check=True,
                       input=EXIM_USER, text=True)

        self.environment = dict(os.environ, LD_PRELOAD=self.shim)
        self.start()

    def start(self):
        self._spawn([self.program, "-C", self.config, "-bdf"], self.folder + ".err",
                    stdin=subprocess.DEVNULL, start_new_session=True, env=self.environment)
        self._wait("Exim")

    def mails(self):
        """Delivers first: one run of the queue is much cheaper than a process a message."""
        _run(self.program, "-C", self.config, "-q", env=self.environment)
        return super().mails()
