"""A webhook on this machine, at an address with a certificate that is its own authority."""
import datetime
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ADDRESS = "127.0.0.1"


class Webhook:
    """Answers every message as Slack does, and keeps it in `heard`; `authority` is the file that a sender has to trust."""

    def __init__(self, authority):
        self.authority, self.heard = authority, []
        server = ThreadingHTTPServer((ADDRESS, 0), self.handler())
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        key = authority.with_suffix(".key")
        certify(authority, key)
        context.load_cert_chain(authority, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"https://{ADDRESS}:{server.server_address[1]}/services/demo"

    def handler(self):
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        return Handler


def certify(certificate, key_file):
    """Writes a certificate for the address, and its key."""
    key, now, day = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the demo's webhook")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))]), critical=False)
    certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
