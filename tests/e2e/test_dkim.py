"""Signatures of what the daemon sends, by verifiers of other hands: dkimpy and opendkim."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402
import signatures  # noqa: E402


class Dkim(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        signatures.needed()
        cls._folder = tempfile.TemporaryDirectory(prefix="postrider-dkim-")
        cls.addClassCleanup(cls._folder.cleanup)
        folder = cls.folder = cls._folder.name
        cls.rsa, cls.ed = os.path.join(folder, "rsa.pem"), os.path.join(folder, "ed.pem")
        cls.records = {
            "r._domainkey.acme.example": signatures.make_key(cls.rsa),
            "e._domainkey.mail.acme.example": signatures.make_key(cls.ed, "ed25519")}
        keys = [{"domain": "acme.example", "selector": "r", "key_file": cls.rsa},
                {"domain": "mail.acme.example", "selector": "e", "key_file": cls.ed}]
        files = {"body.html": "<html><body><p>Gr\u00fc\u00dfe, {{ first_name }}  !</p>\n"
                              "<p>.dot</p>\n\n\n</body></html>\n\n\n",
                 "body.txt": ".dots\n..and {{ first_name }}\n\nFrom here  on\n\n\n",
                 "attachments/a.bin": "x" * 5000}
        with pt.Sink(folder, maildir=True) as sink, \
                pt.Daemon(folder, relay=sink, config={"dkim": keys}) as daemon:
            for name, extra in (("plain", {}), ("files", files)):
                daemon.drop(pt.make_campaign(folder, name, rows=5, files=extra, manifest={
                    "subject": "\u00dcber {{ first_name }}, a long subject that will be folded, since"
                               " it is longer than one line of a header may well be"}))
                daemon.wait_state(name, "finished")
            cls.mails = sink.mails()

    def verify(self, mail, index):
        return signatures.verify(mail, self.records, index)

    def test_every_message_has_a_signature_of_each_key_and_both_verify(self):
        self.assertEqual(len(self.mails), 10)
        for mail in self.mails:
            self.assertEqual(len(re.findall(rb"(?mi)^DKIM-Signature:", mail)), 2)
            for index in (0, 1):
                self.assertTrue(self.verify(mail, index))

    def test_what_was_changed_or_added_on_the_way_does_not_verify(self):
        mail = self.mails[0]
        for other in (mail.replace(b"Subject:", b"Subject: x", 1),
                      mail + b"more\r\n",
                      b"From: Evil <e@evil.example>\r\n" + mail,
                      b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" + mail):
            for index in (0, 1):
                try:
                    self.assertFalse(self.verify(other, index))
                except signatures.dkim.DKIMException:
                    pass

    def test_opendkim_verifies_them_too(self):
        """opendkim knows no Ed25519: the RSA signature decides."""
        opendkim = shutil.which("opendkim", path="/usr/sbin:/usr/bin")
        if not opendkim:
            self.skipTest("opendkim is not installed")
        text = self.records["r._domainkey.acme.example"]
        parts = ",".join('"%s"' % text[i:i + 200] for i in range(0, len(text), 200))
        with tempfile.TemporaryDirectory() as folder, \
                dns_server.Dns(folder, options=["txt-record=r._domainkey.acme.example," + parts,
                                                "txt-record=e._domainkey.mail.acme.example,"
                                                + '"%s"' % self.records[
                                                    "e._domainkey.mail.acme.example"]]) as dns:
            if subprocess.run(self._in_namespace(dns, ["true"]), capture_output=True).returncode:
                self.skipTest("no namespaces here")
            conf = os.path.join(folder, "opendkim.conf")
            with open(conf, "w", encoding="ascii") as f:
                f.write("Mode v\nNameservers 127.0.0.1\n")
            verified = 0
            for i, mail in enumerate(self.mails):
                path = os.path.join(folder, "%d.eml" % i)
                with open(path, "wb") as f:
                    f.write(mail)
                done = subprocess.run(self._in_namespace(dns, [opendkim, "-x", conf, "-t", path]),
                                      capture_output=True, text=True, timeout=60)
                output = done.stdout + done.stderr
                verified += bool(re.search(r"s=r,? d=acme.example.*succeeded", output))
                last = output
            self.assertEqual(verified, len(self.mails), last)

    def _in_namespace(self, dns, command):
        """opendkim asks port 53 only: a network namespace of its own has the resolver there."""
        conf = os.path.join(dns.folder, "port53.conf")
        with open(dns.conf, encoding="utf-8") as f, open(conf, "w", encoding="utf-8") as out:
            out.write(f.read().replace("port=%d" % dns.port, "port=53"))
        script = ("ip link set lo up; echo nameserver 127.0.0.1 >{0}/resolv; "
                  "mount --bind {0}/resolv /etc/resolv.conf; "
                  "/usr/sbin/dnsmasq --conf-file={1} >/dev/null 2>&1 & d=$!; sleep 0.3; "
                  '"$@"; kill $d'.format(dns.folder, conf))
        return ["unshare", "-n", "-m", "sh", "-c", script, "sh", *command]


if __name__ == "__main__":
    unittest.main()
