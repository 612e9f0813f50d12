"""Providers' APIs as scripted HTTP servers on the loopback: HTTP/1.1 in clear, or HTTP/2 over TLS.

    with api_server.Api(answer) as api: ...         # answer(request) for each, on a thread
    request.path, .headers, .body; request.recipient of SendGrid's JSON or Mailgun's form
    answer: (status, headers, body), or "drop": the request was read, nothing is said
"""
import http.server
import json
import re
import socket
import ssl
import subprocess
import threading
import time

try:
    import h2
    import h2.config
    import h2.connection
    import h2.events
except ImportError:
    h2 = None

OK = (200, {}, "")


class Request:
    def __init__(self, path, headers, body, at):
        self.path, self.body, self.at = path, body, at
        self.headers = {name.lower(): value for name, value in headers}

    def json(self):
        return json.loads(self.body)

    def form(self):
        """Fields of a multipart form, their octets as they came."""
        boundary = re.search(r"boundary=(\S+)", self.headers["content-type"]).group(1).encode()
        fields = {}
        for part in self.body.split(b"--" + boundary)[1:-1]:
            head, _, octets = part.partition(b"\r\n\r\n")
            name = re.search(rb'name="([^"]*)"', head).group(1).decode()
            fields[name] = octets[:-2]
        return fields

    @property
    def recipient(self):
        if self.headers["content-type"].startswith("multipart/"):
            return self.form()["to"].decode()
        return self.json()["personalizations"][0]["to"][0]["email"]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, request, client_address):
        pass  # a daemon that is killed hangs up


class Api:
    """HTTP/1.1 in clear. requests: what came, in order."""

    def __init__(self, answer, port=0):
        self.answer, self.requests, self.lock = answer, [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer._handle(self, body)

        self.server = _Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.endpoint = "http://127.0.0.1:%d" % self.port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _handle(self, handler, body):
        request = Request(handler.path, handler.headers.items(), body, time.monotonic())
        with self.lock:
            self.requests.append(request)
        said = self.answer(request)
        if said == "drop":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers, text = said
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text.encode())))
        handler.end_headers()
        handler.wfile.write(text.encode())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()


class Receiver(Api):
    """Of a webhook: answers 200 unless `answer` says otherwise; `taken` holds the requests answered
    by 2xx."""

    def __init__(self, answer=lambda request: OK, port=0):
        self.taken = []
        super().__init__(lambda request: self._judge(request, answer), port)

    def _judge(self, request, answer):
        said = answer(request)
        if said != "drop" and 200 <= said[0] < 300:
            with self.lock:
                self.taken.append(request)
        return said

    @property
    def url(self):
        return self.endpoint + "/hook"

    def events(self):
        with self.lock:
            return [event for request in self.taken for event in request.json()]


def certify(folder, name="localhost"):
    """(certificate, key) files of an own authority for the name."""
    cert, key = folder + "/api.crt", folder + "/api.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=DNS:" + name, "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


class Api2:
    """HTTP/2 over TLS; answers 202 to all, when nothing more came for a moment. streams: how many
    requests were open at once at most; connections: how many there were."""

    def __init__(self, cert, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.context.set_alpn_protocols(["h2"])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "https://localhost:%d" % self.listener.getsockname()[1]
        self.streams = self.connections = 0
        self.bodies = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(raw,), daemon=True).start()

    def _talk(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as sock:
                self._serve(sock)
        except OSError:
            pass

    def _serve(self, sock):
        h = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        h.initiate_connection()
        sock.sendall(h.data_to_send())
        sock.settimeout(0.05)
        bodies, ended = {}, []
        while True:
            try:
                data = sock.recv(65536)
            except TimeoutError:
                for stream in ended:
                    self.bodies.append(bodies.pop(stream))
                    h.send_headers(stream, [(":status", "202"), ("x-message-id", "h2")],
                                   end_stream=True)
                ended = []
            else:
                if not data:
                    return
                self._hear(h, data, bodies, ended)
            sock.sendall(h.data_to_send())

    def _hear(self, h, data, bodies, ended):
        for event in h.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                bodies[event.stream_id] = b""
                self.streams = max(self.streams, len(bodies))
            elif isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] += event.data
                h.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                ended.append(event.stream_id)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
