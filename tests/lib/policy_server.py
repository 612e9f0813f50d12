"""Where domains publish their MTA-STS policies (RFC 8461): https://mta-sts.DOMAIN/, by one server
on port 443 of an address of the loopback. Needs root."""
import http.server
import ssl
import threading
import unittest

PATH = "/.well-known/mta-sts.txt"


def policy(mode, *exchangers, max_age=86400):
    """The text of a policy."""
    lines = ["version: STSv1", "mode: " + mode, *("mx: " + host for host in exchangers),
             "max_age: %d" % max_age]
    return "\r\n".join(lines) + "\r\n"


class PolicyServer:
    """policies: {domain: text}, may change at any time. tls: the paths of a certificate and its
    key. asked: the domains that were asked for so far."""

    def __init__(self, address, tls, policies):
        self.policies, self.asked = policies, []
        try:
            self._server = http.server.ThreadingHTTPServer((address, 443), _Handler)
        except PermissionError:
            raise unittest.SkipTest("port 443 needs root") from None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                  do_handshake_on_connect=False)
        self._server.policies = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def handle(self):
        try:
            super().handle()
        except OSError:  # who does not trust the certificate hangs up in the handshake
            pass

    def do_GET(self):
        policies = self.server.policies
        domain = self.headers["Host"].partition("mta-sts.")[2]
        policies.asked.append(domain)
        text = policies.policies.get(domain) if self.path == PATH else None
        self.send_response(200 if text else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text or "")))
        self.end_headers()
        self.wfile.write((text or "").encode("ascii"))

    def log_message(self, *arguments):
        pass
