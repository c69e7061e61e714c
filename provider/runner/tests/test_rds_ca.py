"""The authorities that runs trust for RDS."""

import re
import ssl
from datetime import datetime, timedelta, timezone

import pytest
from conftest import RUNNER
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

import rds_ca

FILE = RUNNER.parent / "rds-ca.pem"
NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(name, issuer=None, authority=True, begin=NOW - timedelta(days=1), end=NOW + timedelta(days=1), key=KEY):
    """A certificate's PEM; without an issuer it is its own."""
    named = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    builder = x509.CertificateBuilder(named(issuer or name), named(name), KEY.public_key(), x509.random_serial_number(), begin, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(rds_ca.Encoding.PEM)


def test_the_file_holds_roots_of_rds_that_stay_valid():
    text = FILE.read_bytes()
    found = [x509.load_pem_x509_certificate(pem) for pem in rds_ca.CERTIFICATE.findall(text)]
    assert found == rds_ca.roots([text], datetime.now(timezone.utc) + timedelta(days=5 * 365)), "AWS has newer ones: run rds_ca.py"
    for root in found:
        assert re.fullmatch(r"Amazon RDS ([A-Z][a-z]+ )?[a-z]{2}-(gov-)?[a-z]+-\d Root CA (RSA2048|RSA4096|ECC384) G\d+", rds_ca.name(root))
    assert {"us-east-1", "eu-west-1", "mx-central-1", "ap-southeast-6", "us-gov-west-1"} <= {word for root in found for word in rds_ca.name(root).split()}
    assert len(ssl.create_default_context(cafile=FILE).get_ca_certs()) == len(found)


def test_only_valid_roots_are_taken_and_each_once():
    second, first = certificate("b"), certificate("a")
    past, coming = {"begin": NOW - timedelta(days=9), "end": NOW}, {"begin": NOW + timedelta(days=1), "end": NOW + timedelta(days=9)}
    others = [certificate("c", issuer="a"), certificate("d", authority=False), certificate("e", **past), certificate("f", **coming)]
    bundles = {"https://one": b"\n".join([second, *others, first]), "https://two": b"text\n" + first}
    assert [rds_ca.name(root) for root in rds_ca.roots(bundles.values(), NOW)] == ["a", "b"]
    document = rds_ca.document(bundles, NOW)
    assert all(f"# {address}\n" in document for address in bundles)
    assert rds_ca.roots([document.encode()], NOW) == rds_ca.roots(bundles.values(), NOW)
    with pytest.raises(InvalidSignature):
        rds_ca.roots([certificate("a", key=ec.generate_private_key(ec.SECP256R1()))], NOW)
