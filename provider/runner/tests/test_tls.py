"""A database that is not what its certificate should say."""

import datetime
import ipaddress
import json
import socketserver
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

MODEL = {"models/orders.sql": "select 1 as id"}


def certificate(path, address):
    """A server's certificate, which is its own authority, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Amazon RDS somewhere Root CA")])
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
                     + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


class Server(socketserver.BaseRequestHandler):
    """As far as PostgreSQL's protocol goes before a password: TLS is asked for, granted, and then a client speaks."""

    def handle(self):
        if len(self.request.recv(8)) == 8:
            self.request.sendall(b"S")
            try:
                self.server.heard.append(self.server.tls.wrap_socket(self.request, server_side=True).recv(1024))
            except OSError:
                pass


@pytest.fixture
def dbt(run, tmp_path):
    """Runs dbt on a server with a certificate for an address, given authorities: the run, and what the server heard."""
    def start(address, authorities=None):
        own = certificate(tmp_path / "server.pem", address)
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server) as server:
            server.tls, server.heard = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), []
            server.tls.load_cert_chain(own)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            settings = {"host": "127.0.0.1", "port": server.server_address[1], "dbname": "d", "retries": 0,
                        "sslmode": "verify-full", "sslrootcert": str(authorities or own)}
            profile = {"name": "shop", "type": "postgres", "schema": "main", "threads": 1, "settings": settings}
            result = run(MODEL, ["debug --connection"], DBT_AWS_PROFILE=json.dumps(profile), DBT_AWS_WAREHOUSE_SECRET='{"username": "u", "password": "not-a-secret"}')
            server.shutdown()
            return result, b"".join(server.heard)
    return start


def test_a_server_by_another_authority_gets_no_password_and_the_reason_is_told(dbt, tmp_path):
    result, heard = dbt("127.0.0.1", authorities=certificate(tmp_path / "other.pem", "127.0.0.1"))
    assert (result.outcome["class"], heard) == ("dbt-error", b"")
    assert "certificate verify failed" in result.outcome["message"]
    assert "; no CA certificate in the profile's sslrootcert" in result.outcome["message"]


def test_a_server_of_another_name_gets_no_password_and_the_reason_is_told(dbt):
    result, heard = dbt("127.0.0.2")
    assert (result.outcome["class"], heard) == ("dbt-error", b"")
    assert 'does not match host name "127.0.0.1"' in result.outcome["message"]


def test_an_image_without_the_authorities_says_so(dbt, tmp_path):
    result, heard = dbt("127.0.0.1", authorities=tmp_path / "rds-ca.pem")
    assert (result.outcome["class"], heard) == ("usage", b"")
    assert f"there is no {tmp_path}/rds-ca.pem" in result.outcome["message"]
