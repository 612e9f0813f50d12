"""Real mail servers of Debian, for tests and benches: configuration, queue and log in a folder of
their own, one port of the loopback, nothing of the system's configuration touched. Need root.

Postfix is the installed package; the system's own Postfix need not run. Exim and OpenSMTPD cannot
be installed beside it: their packages are fetched by apt, which verifies them, and unpacked below
the build folder. OpenSMTPD has its folders compiled in: it runs in a mount namespace, where they
are those of the test. A server is a pt.Process: `address`, `port`, log(), start(), __exit__();
with `tls`, the paths of a certificate and its key, it offers STARTTLS."""
import collections
import contextlib
import fcntl
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
OPENSMTPD_LIBRARIES = ("libdb5.3", "libevent-2.1-7", "libpam0g")

# One delivered message: octets as stored (LF ends) below the server's own fields, of which
# `received` is the last; `number` is that of its queue, which it gives once a transaction.
Mail = collections.namedtuple("Mail", "to sender octets number received")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _run(*command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=300, **more)


@contextlib.contextmanager
def _alone():
    """Files of tests run side by side: one of them at a time installs and unpacks."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(*packages):
    with _alone():
        done = _run("sh", os.path.join(pt.ROOT, "tests", "install-packages"), *packages)
    if done.returncode:
        raise unittest.SkipTest("cannot install %s: %s" % (" ".join(packages),
                                                           done.stderr.strip()[-300:]))


def _unpack(package, program, *libraries):
    """Path of a program of a package that is not installed: fetched and unpacked on the first
    call. It may need a shim."""
    there = os.path.join(CACHE, package)
    if os.getuid() != 0:
        raise unittest.SkipTest(package + ": needs root")
    if not shutil.which("cc"):
        raise unittest.SkipTest(package + ": no C compiler")
    _install(*libraries)
    with _alone():
        if not os.access(there + program, os.X_OK):
            _fetch(package, there)
    return there + program


def _fetch(package, there):
    _run("apt-get", "-q", "update")
    done = _run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package, cwd=CACHE)
    found = sorted(glob.glob(there + "_*.deb"))
    if not found:
        raise unittest.SkipTest("cannot fetch %s: %s" % (package, done.stderr.strip()[-300:]))
    subprocess.run(["dpkg", "-x", found[-1], there], check=True)


class Server(pt.Process):
    """What they have in common."""

    def __init__(self, folder, name, port, address):
        self.folder, self.port = os.path.join(folder, name), port or free_port()
        self.address = address
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
            with socket.create_connection((self.address, self.port), 5) as s:
                return s.recv(4) in (b"220 ", b"421 ")  # 421: others took all there is
        except OSError:
            return False

    def delivered(self):
        """The files of what was delivered so far."""
        return glob.glob(os.path.join(self.folder, "mail", "**", "new", "*"), recursive=True)

    def mails(self):
        """A Mail for each delivered message."""
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
            found.append(Mail(to, own[b"return-path"], rest, number.group(1), own[b"received"]))
        return found

    def _shim(self, source):
        """A library to preload into the server."""
        path = os.path.join(self.folder, "shim.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", path, "-x", "c", "-"], check=True,
                       input=source, text=True)
        return path


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

POSTFIX_TLS = """
smtpd_tls_security_level = may
smtpd_tls_chain_files = {key}, {certificate}
smtpd_tls_received_header = yes
"""

MASTER = """
{address}:{port} inet n - n - - smtpd
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

    def __init__(self, folder, main=DELIVERS, port=None, start=True, address="127.0.0.1",
                 tls=None):
        reason = postfix_missing()
        if reason:
            raise unittest.SkipTest("Postfix: " + reason)
        super().__init__(folder, "postfix", port, address)
        owner, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
        for name in ("etc", "queue", "data", "mail"):
            os.makedirs(os.path.join(self.folder, name))
        os.chown(self.folder + "/data", owner.pw_uid, owner.pw_gid)
        os.chown(self.folder + "/mail", nobody.pw_uid, nobody.pw_gid)
        with open(self.log_path, "ab") as f:  # postsuper writes it, too, when it finds what a
            os.fchmod(f.fileno(), 0o666)      # stop has left, and fails where it may not
        values = {"folder": self.folder, "address": address, "port": self.port,
                  "uid": nobody.pw_uid, "gid": nobody.pw_gid}
        if tls:
            main += POSTFIX_TLS
            values.update(certificate=tls[0], key=tls[1])
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
local_interfaces = {address}
host_lookup =
rfc1413_query_timeout = 0s
queue_only
local_from_check = false
untrusted_set_sender = *
acl_smtp_rcpt = rcpt
acl_smtp_data = data
{tls}
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

EXIM_TLS = """
tls_advertise_hosts = *
tls_certificate = {folder}/tls.pem
tls_privatekey = {folder}/tls.key
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


class Exim(Server):
    """main: lines of the main section; rcpt: statements of the ACL for RCPT, before accept."""

    def __init__(self, folder, main="", rcpt="", port=None, address="127.0.0.1", tls=None):
        self.program = _unpack("exim4-daemon-light", "/usr/sbin/exim4", *EXIM_LIBRARIES)
        super().__init__(folder, "exim", port, address)
        self.log_path = os.path.join(self.folder, "mainlog")
        self.config = os.path.join(self.folder, "exim.conf")
        nobody, nogroup = pwd.getpwnam("nobody"), grp.getgrnam("nogroup")
        for name in ("spool", "mail"):
            os.makedirs(os.path.join(self.folder, name))
            os.chown(os.path.join(self.folder, name), nobody.pw_uid, nogroup.gr_gid)
        os.chown(self.folder, nobody.pw_uid, nogroup.gr_gid)
        for path, name in zip(tls or (), ("tls.pem", "tls.key")):
            shutil.copy(path, os.path.join(self.folder, name))
            shutil.chown(os.path.join(self.folder, name), "nobody")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(EXIM.format(program=self.program, folder=self.folder, address=address,
                                port=self.port, main=main, rcpt=rcpt,
                                tls=EXIM_TLS.format(folder=self.folder) if tls
                                else "tls_advertise_hosts ="))
        self.environment = dict(os.environ, LD_PRELOAD=self._shim(EXIM_USER))
        self.start()

    def start(self):
        self._spawn([self.program, "-C", self.config, "-bdf"], self.folder + ".err",
                    stdin=subprocess.DEVNULL, start_new_session=True, env=self.environment)
        self._wait("Exim")

    def mails(self):
        """Delivers first: one run of the queue is much cheaper than a process a message."""
        _run(self.program, "-C", self.config, "-q", env=self.environment)
        return super().mails()


# ---- OpenSMTPD ----

OPENSMTPD = """
pki "server" cert "{certificate}"
pki "server" key "{key}"
listen on {address} port {port} tls pki "server" hostname opensmtpd.test.example
action "keep" maildir "{folder}/mail" virtual {{ "@" = "nobody" }}
match from any for any action "keep"
"""

# Folders that are compiled in, and the users that only its package makes.
OPENSMTPD_PLACES = """
mount --bind passwd /etc/passwd && mount --bind group /etc/group &&
mount --bind spool /var/spool && mount --bind lib /var/lib && mount --bind run /run &&
mount --bind "$1" /usr/libexec && shift && exec "$@"
"""

# Debian 12 builds it with an OpenSSL it is too old for: its processes name a key to each other by
# a text that they hang on it, and OpenSSL 3 works on a copy of the key, without the text. So each
# handshake fails. There is but one key here.
OPENSMTPD_KEY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
static void *name;
int RSA_set_ex_data(void *key, int index, void *data)
{
	int (*real)(void *, int, void *) = (void *)dlsym(RTLD_NEXT, "RSA_set_ex_data");
	name = data ? data : name;
	return real(key, index, data);
}
void *RSA_get_ex_data(void *key, int index)
{
	(void)key;
	(void)index;
	return name;
}
"""


class OpenSmtpd(Server):
    """tls: the key is of RSA. as_built: as Debian has it, which offers TLS and cannot do it."""

    def __init__(self, folder, tls, port=None, address="127.0.0.1", as_built=False):
        self.program = _unpack("opensmtpd", "/usr/sbin/smtpd", *OPENSMTPD_LIBRARIES)
        if _run("unshare", "-m", "true").returncode:
            raise unittest.SkipTest("OpenSMTPD: no namespaces here")
        super().__init__(folder, "opensmtpd", port, address)
        for name in ("spool/smtpd", "lib/opensmtpd/empty", "run", "mail"):
            os.makedirs(os.path.join(self.folder, name))
        os.chmod(self.folder + "/spool/smtpd", 0o711)
        shutil.chown(self.folder + "/mail", "nobody")
        self._copy("passwd", ":64001:64001::/var/lib/opensmtpd/empty:/usr/sbin/nologin")
        self._copy("group", ":64001:")
        with open(self.folder + "/smtpd.conf", "w", encoding="utf-8") as f:
            f.write(OPENSMTPD.format(certificate=tls[0], key=tls[1], address=address,
                                     port=self.port, folder=self.folder))
        shim = {} if as_built else {"LD_PRELOAD": self._shim(OPENSMTPD_KEY)}
        self.environment = dict(os.environ, **shim)
        self.start()

    def _copy(self, name, rest):
        """A file of /etc with the two users of OpenSMTPD."""
        shutil.copy("/etc/" + name, self.folder)
        with open(os.path.join(self.folder, name), "a", encoding="utf-8") as f:
            f.write("opensmtpd:x%s\nopensmtpq:x%s\n" % (rest, rest.replace("64001", "64002")))

    def start(self):
        libexec = os.path.join(CACHE, "opensmtpd", "usr", "libexec")
        self._spawn(["unshare", "-m", "sh", "-c", OPENSMTPD_PLACES, "sh", libexec, self.program,
                     "-d", "-f", self.folder + "/smtpd.conf"], self.log_path, cwd=self.folder,
                    stdin=subprocess.DEVNULL, start_new_session=True, env=self.environment)
        self._wait("OpenSMTPD")
