"""The service: what `meson install` puts where, the unit's sandbox, users and folders."""
import grp
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt

SYSTEMD = os.path.join(pt.ROOT, "systemd")
UNIT = os.path.join(SYSTEMD, "postriderd.service")


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **more)


def needs(program):
    return unittest.skipUnless(shutil.which(program), program + " is not installed")


class UnitTest(pt.TestCase):
    @needs("systemd-analyze")
    def test_exposure_is_two_or_better(self):
        done = run("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
        found = re.search(r"Overall exposure level for postriderd.service: ([0-9.]+)", done.stdout)
        self.assertTrue(found, done.stdout + done.stderr)
        self.assertLessEqual(float(found.group(1)), 2.0)

    def test_says_what_the_daemon_relies_on(self):
        with open(UNIT, encoding="utf-8") as f:
            unit = f.read()
        for line in ("Type=notify", "After=network-online.target time-sync.target",
                     "MemoryDenyWriteExecute=yes", "ProtectSystem=strict",
                     "CapabilityBoundingSet=", "ReadWritePaths=/var/spool/postrider",
                     "StateDirectory=postrider", "RuntimeDirectory=postrider",
                     "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
                     "Restart=on-failure", "StartLimitIntervalSec=0"):
            self.assertIn(line + "\n", re.sub(r" nss-lookup.target", "", unit))
        self.assertRegex(unit, r"\nWatchdogSec=\d+s\n")
        self.assertRegex(unit, r"\nLimitNOFILE=\d+\n")


class InstallTest(pt.TestCase):
    """A build configured as a package's would be, not built: the places are what is looked at."""

    @classmethod
    def setUpClass(cls):
        cls.build = tempfile.mkdtemp(prefix="postrider-install-")
        cls.addClassCleanup(shutil.rmtree, cls.build, ignore_errors=True)
        done = run("meson", "setup", "-Dtests=false", "--prefix=/usr", "--sysconfdir=/etc",
                   "--localstatedir=/var", cls.build, pt.ROOT)
        if done.returncode == 0:
            done = run("ninja", "-C", cls.build, "systemd/postriderd.service")
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)

    def test_everything_has_its_place_where_the_fhs_has_it(self):
        plan = json.loads(run("meson", "introspect", "--installed", self.build).stdout)
        places = set(plan.values())
        for path in ("/usr/sbin/postriderd", "/usr/bin/postrider-sink",
                     "/usr/share/postrider/postrider.yaml", "/usr/share/postrider/campaign.yaml",
                     "/usr/share/postrider/sample",
                     "/usr/share/doc/postrider/README.md",
                     "/usr/lib/systemd/system/postriderd.service",
                     "/usr/lib/sysusers.d/postrider.conf", "/usr/lib/tmpfiles.d/postrider.conf"):
            self.assertIn(path, places)
        for path in places:
            self.assertTrue(path.startswith("/usr/"), path)

    def _install(self):
        pt.program("postriderd")
        done = run("meson", "install", "-C", pt.BUILD, "--no-rebuild", "--destdir", self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_install_keeps_the_configuration_that_is_there(self):
        self._install()
        path = os.path.join(self.folder, "usr/local/etc/postrider/postrider.yaml")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o644)
        with open(path, encoding="utf-8") as f, \
             open(os.path.join(pt.ROOT, "conf/postrider.yaml"), encoding="utf-8") as original:
            self.assertEqual(f.read(), original.read())
        with open(path, "w", encoding="utf-8") as f:
            f.write("mine\n")
        self._install()
        with open(path, encoding="utf-8") as f:
            self.assertEqual(f.read(), "mine\n")

    def test_install_puts_it_all_there(self):
        self._install()
        prefix = os.path.join(self.folder, "usr/local")
        for path in ("sbin/postriderd", "bin/postrider-sink", "etc/postrider/postrider.yaml",
                     "lib/systemd/system/postriderd.service", "lib/sysusers.d/postrider.conf",
                     "lib/tmpfiles.d/postrider.conf"):
            self.assertTrue(os.path.isfile(os.path.join(prefix, path)), path)
        self.assertTrue(os.access(os.path.join(prefix, "sbin/postriderd"), os.X_OK))
        with open(os.path.join(prefix, "lib/systemd/system/postriderd.service"),
                  encoding="utf-8") as f:
            unit = f.read()
        config = "--config /usr/local/etc/postrider/postrider.yaml"
        self.assertIn("ExecStart=/usr/local/sbin/postriderd %s\n" % config, unit)
        self.assertIn("ExecReload=/usr/local/bin/postrider %s reload\n" % config, unit)

    def test_installed_unit_names_the_installed_paths(self):
        with open(os.path.join(self.build, "systemd", "postriderd.service"), encoding="utf-8") as f:
            unit = f.read()
        self.assertIn("ExecStart=/usr/sbin/postriderd --config /etc/postrider/postrider.yaml\n", unit)

    @needs("systemd-analyze")
    def test_unit_verifies(self):
        done = run("systemd-analyze", "verify", "--man=no", UNIT)
        complaints = [line for line in done.stderr.splitlines()
                      if "postriderd.service" in line and "not executable" not in line]
        self.assertEqual(complaints, [])


class SandboxTest(pt.TestCase):
    def test_a_folder_is_submitted_by_path_where_the_unit_filters_system_calls(self):
        sandboxed = (sys.executable, os.path.join(pt.ROOT, "tests", "lib", "sandboxed.py"))
        sink = self.enter(pt.Sink(self.folder))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, prefix=sandboxed))
        uploads = os.path.join(daemon.spool, "uploads")
        os.mkdir(uploads)
        daemon.post("/v1/campaigns", {"path": pt.make_campaign(uploads, "spring", rows=2)})
        self.assertEqual(daemon.wait_state("spring", "finished")["counts"]["delivered"], 2)


class CheckTest(pt.TestCase):
    def check(self, daemon):
        return run(pt.program("postriderd"), "--config", daemon.config_path, "--check")

    def everything(self):
        return sorted(os.path.join(path, name) for path, folders, files in os.walk(self.folder)
                      for name in folders + files)

    def test_check_leaves_nothing_and_makes_nothing(self):
        daemon = pt.Daemon(self.folder, start=False)
        shutil.rmtree(daemon.spool)
        before = self.everything()
        done = self.check(daemon)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.everything(), before)

    def test_check_says_which_folder_cannot_be(self):
        daemon = pt.Daemon(self.folder, start=False, config={"spool": "/dev/null/spool"})
        done = self.check(daemon)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot look at /dev/null/spool", done.stderr)

    def test_daemon_that_runs_is_not_in_the_way(self):
        with pt.Daemon(self.folder) as daemon:
            done = self.check(daemon)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("good", done.stdout)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_looks_with_the_eyes_of_who_owns_the_spool(self):
        os.chmod(self.folder, 0o755)
        daemon = pt.Daemon(self.folder, start=False)
        nobody = pwd.getpwnam("nobody")
        for path in (daemon.spool, os.path.join(daemon.spool, "incoming"), daemon.state):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        self.assertEqual(self.check(daemon).returncode, 0)
        lock = os.path.join(daemon.state, ".lock")
        with open(lock, "w", encoding="ascii"):
            os.chmod(lock, 0o600)
        self.assertIn("cannot open " + lock, self.check(daemon).stderr)
        os.unlink(lock)
        os.rmdir(daemon.state)
        self.assertIn("%s is not there, and cannot be made in %s" % (daemon.state, self.folder),
                      self.check(daemon).stderr)
        os.chmod(daemon.config_path, 0o600)
        self.assertIn("cannot read " + daemon.config_path, self.check(daemon).stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_secrets_are_read_by_who_will_read_them(self):
        os.chmod(self.folder, 0o755)
        secret, key = (os.path.join(self.folder, name) for name in ("secret", "s1.pem"))
        with open(secret, "w", encoding="ascii") as f:
            f.write("s3cret\n")
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
        daemon = pt.Daemon(self.folder, start=False, config={
            "dkim": [{"domain": "acme.example", "selector": "s1", "key_file": key}]})
        daemon.config["routes"]["default"].update(user="u", password_file=secret,
                                                  auth_in_clear=True)
        daemon.write_config()
        nobody = pwd.getpwnam("nobody")
        group = grp.getgrgid(nobody.pw_gid).gr_name
        for path in (daemon.spool, os.path.join(daemon.spool, "incoming"), daemon.state):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        for path in (secret, key):
            os.chmod(path, 0o600)
        done = self.check(daemon)
        self.assertEqual(done.returncode, 1)
        for path in (secret, key):
            self.assertRegex(done.stderr, r"postrider.yaml:\d+:\d+: error: cannot open %s: "
                             r"Permission denied\n  remedy: let nobody read it: "
                             r"chgrp %s %s; chmod 640 %s\n" % (path, group, path, path))
            os.chown(path, 0, nobody.pw_gid)
            os.chmod(path, 0o640)
        self.assertEqual(self.check(daemon).returncode, 0)
        for path in (secret, key):
            os.chown(path, 12345, nobody.pw_gid)
            self.assertIn("remedy: chown root " + path, self.check(daemon).stderr)
            os.chown(path, nobody.pw_uid, 0)
            self.assertEqual(self.check(daemon).returncode, 0)
            os.chmod(path, 0o644)
            self.assertIn("everybody may read it", self.check(daemon).stderr)
            os.chmod(path, 0o600)

    def test_a_reload_that_cannot_read_a_secret_changes_nothing(self):
        secret = os.path.join(self.folder, "secret")
        with open(secret, "w", encoding="ascii") as f:
            f.write("s3cret\n")
        os.chmod(secret, 0o600)
        with pt.Daemon(self.folder) as daemon:
            daemon.write_config(settle="3s")
            daemon.config["routes"]["default"].update(user="u", password_file=secret,
                                                      auth_in_clear=True)
            daemon.write_config()
            os.mkfifo(secret + ".fifo")
            for bad, told in ((secret + ".gone", "No such file"), (secret + ".fifo", "not a file"),
                              (self.folder, "not a file"), ("/dev/null", "not a file")):
                daemon.config["routes"]["default"]["password_file"] = bad
                daemon.write_config()
                status, answer = daemon.request("POST", "/v1/reload")
                self.assertEqual(status, 400, answer)
                self.assertIn(told, answer["errors"][0]["what"], answer)
                self.assertIn(bad, answer["errors"][0]["what"], answer)
                self.assertTrue(answer["errors"][0]["remedy"], answer)
            daemon.config["routes"]["default"]["password_file"] = secret
            key = {"domain": "acme.example", "selector": "s1", "key_file": secret}
            daemon.write_config(dkim=[key])
            status, answer = daemon.request("POST", "/v1/reload")
            self.assertEqual(status, 400, answer)
            self.assertEqual(answer["errors"][0]["what"], secret + ": holds no private key in PEM")
            self.assertIn("openssl genrsa", answer["errors"][0]["remedy"])
            daemon.write_config(dkim=[])
            self.assertIn("settle", daemon.post("/v1/reload")["changed"])


class FoldersTest(pt.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_refused_folder_belongs_to_those_who_may_drop(self):
        groups = {"active": 12002, "rejected": 12001}
        daemon = pt.Daemon(self.folder, start=False)
        for name, group in groups.items():  # as tmpfiles.d makes them
            os.makedirs(os.path.join(daemon.spool, name), exist_ok=True)
            os.chown(os.path.join(daemon.spool, name), -1, group)
            os.chmod(os.path.join(daemon.spool, name), 0o2770)
        refused = os.path.join(daemon.spool, "rejected", "bad")
        with daemon:
            daemon.start()
            daemon.drop(pt.make_campaign(self.folder, "bad", manifest={"subjet": "x"}))
            pt.wait_until(lambda: os.path.isdir(refused), "the folder to be refused")
        for name in ("", "errors.txt", "campaign.yaml"):
            st = os.stat(os.path.join(refused, name))
            self.assertEqual((st.st_gid, st.st_mode & 0o060), (12001, 0o060), name)

    @needs("systemd-sysusers")
    def test_user_and_groups_are_made(self):
        os.makedirs(os.path.join(self.folder, "etc"))
        done = run("systemd-sysusers", "--root=" + self.folder,
                   os.path.join(SYSTEMD, "postrider.sysusers.conf"))
        if done.returncode and os.geteuid() != 0:
            self.skipTest("needs root: " + done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.folder, "etc", "passwd"), encoding="utf-8") as f:
            self.assertRegex(f.read(), r"(?m)^postrider:x:\d+:\d+:[^:]*:/var/lib/postrider:\S*nologin$")
        with open(os.path.join(self.folder, "etc", "group"), encoding="utf-8") as f:
            groups = f.read()
        self.assertRegex(groups, r"(?m)^postrider:x:\d+:")
        self.assertRegex(groups, r"(?m)^postrider-ops:x:\d+:")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    @needs("systemd-tmpfiles")
    @needs("getfacl")
    def test_spool_has_its_modes_and_what_is_dropped_is_open_to_the_daemon(self):
        # Users of another root cannot be named in an ACL: one of this system stands for ours.
        root = os.path.join(self.folder, "root")
        os.makedirs(os.path.join(root, "etc"))
        os.chmod(self.folder, 0o755)
        with open(os.path.join(root, "etc", "passwd"), "w", encoding="utf-8") as f:
            f.write("root:x:0:0::/:/bin/sh\npostrider:x:12001:12001::/:/bin/false\n")
        with open(os.path.join(root, "etc", "group"), "w", encoding="utf-8") as f:
            f.write("root:x:0:\npostrider:x:12001:\npostrider-ops:x:12002:\n")
        conf = os.path.join(self.folder, "t.conf")
        with open(os.path.join(SYSTEMD, "postrider.tmpfiles.conf"), encoding="utf-8") as f:
            text = f.read()
        self.assertIn("default:user:postrider:rwx", text)
        with open(conf, "w", encoding="utf-8") as f:
            f.write(text.replace("default:user:postrider:", "default:user:nobody:"))
        done = run("systemd-tmpfiles", "--root=" + root, "--create", conf)
        self.assertEqual(done.returncode, 0, done.stderr)
        spool = os.path.join(root, "var/spool/postrider")
        for name, mode, group in (("incoming", 0o2770, 12001), ("rejected", 0o2770, 12001),
                                  ("active", 0o2750, 12002), ("done", 0o2750, 12002)):
            st = os.stat(os.path.join(spool, name))
            self.assertEqual((st.st_mode & 0o7777, st.st_uid, st.st_gid), (mode, 12001, group), name)
        st = os.stat(os.path.join(root, "var/lib/postrider"))
        self.assertEqual((st.st_mode & 0o7777, st.st_uid), (0o700, 12001))
        # A dropper with a tight umask: the default ACL counts, not the umask.
        self._drop(os.path.join(spool, "incoming", "spring"))
        acl = run("getfacl", "-cE", os.path.join(spool, "incoming", "spring")).stdout.split()
        self.assertIn("user:nobody:rwx", acl)
        self.assertEqual(os.stat(os.path.join(spool, "incoming", "spring", "a")).st_gid, 12001)
        self.assertTrue(os.stat(os.path.join(spool, "incoming", "spring", "a")).st_mode & 0o060 == 0o060)

    def _drop(self, path):
        """Make the folder and a file in it, as another user of the group."""
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([12001])
                os.setresgid(12003, 12003, 12003)
                os.setresuid(12003, 12003, 12003)
                os.umask(0o077)
                os.mkdir(path)
                with open(os.path.join(path, "a"), "w", encoding="utf-8"):
                    pass
                os._exit(0)
            finally:
                os._exit(1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)


if __name__ == "__main__":
    unittest.main()
