"""A proxy between the provider and the emulator with its registry, which counts the calls that change something and
the others, and can act at one of the former."""
import http.client
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from refusal import refusal

READS = re.compile(r"(Describe|Get|List|Head|BatchGet)")


def operation(method, path, headers, body):
    """The name of an AWS call; for a REST service its method and path."""
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    if "x-www-form-urlencoded" in headers.get("content-type", ""):
        return parse_qs(body.decode()).get("Action", [""])[0]
    return ("Get " if method in ("GET", "HEAD") else f"{method} ") + path


def denial(headers, body):
    """AWS's refusal of a call: status, headers, content."""
    kind = "Exception" if "x-amz-target" in headers or headers.get("content-type") == "application/json" else ""
    return refusal(headers, body, 400 if "x-amz-target" in headers else 403, f"AccessDenied{kind}", "not now")


def of_kms(operation, body):
    """KMS's answer to the engine, which keeps the key of the state's secrets with it; for a passphrase, the engine would take
    a quarter of its time."""
    given = json.loads(body)
    answer = {"CiphertextBlob": given["Plaintext"]} if operation == "Encrypt" else {"Plaintext": given["CiphertextBlob"]}
    return 200, {"content-type": "application/x-amz-json-1.1"}, json.dumps(answer)


class Wrong(Exception):
    """What a case found."""


class Proxy:
    """Listens on a free port of loopback."""

    def __init__(self, target, registry):
        self.target, self.registry = urlsplit(target), registry
        self.lock, self.idle = threading.Lock(), threading.Condition()
        self.under_way = 0
        self.arm()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            """Passes one connection's requests on."""
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def do_any(self):
                """Passes a request on, unless it is the one to act at."""
                with proxy.idle:
                    proxy.under_way += 1
                try:
                    proxy.passed_on(self)
                finally:
                    with proxy.idle:
                        proxy.under_way -= 1
                        proxy.idle.notify_all()

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = do_any

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"

    def arm(self, at=0, answered=False, act=None, errors=()):
        """Counts from nothing; calls `act` at one call that changes something, before or after the emulator has
        answered it: the one with that number, or the first whose name begins with that pattern. The call gets the
        answer of `act`, if there is one. Each of the errors is the answer to one call, or always to its resource's."""
        with self.lock:
            self.errors = list(errors)
            self.calls, self.reads = [], []
            self.at, self.answered, self.act, self.hit = at, answered, act, None
            self.deaf, self.heard = False, set()

    def chooses(self, name):
        """Whether to act at the call that came last."""
        if self.hit:
            return False
        return len(self.calls) == self.at if isinstance(self.at, int) else bool(re.match(self.at, name))

    def error(self, name, text):
        """The error that a call gets; none in most cases."""
        for error in self.errors:
            if re.match(error["call"], name) and error.get("resource", "") in text:
                if not error.get("always"):
                    self.errors.remove(error)
                return error
        return None

    def wait(self):
        """Returns when no call is under way."""
        with self.idle:
            if not self.idle.wait_for(lambda: not self.under_way, 30):
                raise Wrong(f"{self.under_way} calls did not end")

    def passed_on(self, request):
        """Answers a request with what the emulator answers."""
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        name = operation(request.command, request.path, request.headers, body)
        if request.headers.get("x-amz-target", "").startswith("TrentService."):
            self.instead(request, of_kms(name, body))
            return
        chosen = lost = False
        with self.lock:
            if READS.match(name):
                self.reads.append(name)
            else:
                self.calls.append(name)
                chosen = self.chooses(name)
                lost = self.deaf and (name, body) not in self.heard
                self.heard.add((name, body))
            if error := self.error(name, request.path + body.decode(errors="replace")):
                self.instead(request, refusal(request.headers, body, error["status"], error["code"], error["message"]))
                return
            if chosen:
                self.hit = name
            if chosen and not self.answered:
                self.instead(request, self.act(request.headers, body))
                return
        status, headers, content = self.asked(request, body)
        if chosen:
            self.instead(request, self.act(request.headers, body))
            return
        if lost:
            request.close_connection = True
            return
        request.send_response(status)
        for key, value in {"content-length": str(len(content)), **headers}.items():
            request.send_header(key, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content)

    def asked(self, request, body):
        """The answer to a request: status, headers, content."""
        if request.path.startswith("/v2/"):
            return self.registry.answer(request.command, request.path, request.headers, body)
        upstream = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=60)
        headers = {k: v for k, v in request.headers.items() if k.lower() != "connection"}
        upstream.request(request.command, request.path, body, headers)
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        dropped = {"connection", "transfer-encoding", "date", "server"}
        dropped |= set() if request.command == "HEAD" else {"content-length"}
        return answer.status, {k.lower(): v for k, v in answer.getheaders() if k.lower() not in dropped}, content

    @staticmethod
    def instead(request, answer):
        """Gives a request that answer, or none."""
        request.close_connection = True
        if answer:
            status, headers, content = answer
            request.send_response(status)
            for key, value in {**headers, "content-length": str(len(content))}.items():
                request.send_header(key, value)
            request.end_headers()
            request.wfile.write(content.encode())
