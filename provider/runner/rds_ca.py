"""Writes rds-ca.pem: the roots of the certificates of RDS, as AWS publishes them.

    $(tools/venv provider/runner/tests/requirements.txt) provider/runner/rds_ca.py [BUNDLE.pem ...]

Without files it downloads AWS's bundles. Do so before a release, and read what changed: AWS adds roots for each new
region, and the comments of the file say which bundles it was made from.
"""

import hashlib
import re
import sys
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

FILE = Path(__file__).with_name("rds-ca.pem")
# The regions of aws and of aws-us-gov; the other partitions have bundles of their own.
BUNDLES = ("https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
           "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem")
CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def roots(bundles, now):
    """The self-signed authorities of the bundles that are valid now, each once, by name."""
    found = {}
    for certificate in (x509.load_pem_x509_certificate(text) for bundle in bundles for text in CERTIFICATE.findall(bundle)):
        authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        valid = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
        if authority and valid and certificate.subject == certificate.issuer:
            certificate.verify_directly_issued_by(certificate)
            found[name(certificate), certificate.serial_number] = certificate
    return [found[key] for key in sorted(found)]


def name(certificate):
    """Its common name."""
    return certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value


def document(bundles, now):
    """The file's text, of bundles by their address."""
    head = [f"# {address}\n#   SHA-256 {hashlib.sha256(bundle).hexdigest()}\n" for address, bundle in bundles.items()]
    body = [f"\n# {name(root)}\n{root.public_bytes(Encoding.PEM).decode()}" for root in roots(bundles.values(), now)]
    return "".join([f"# Written by {Path(__file__).name} from\n", *head, *body])


def main():
    given = [Path(path).read_bytes() for path in sys.argv[1:]]
    bundles = given or [urllib.request.urlopen(address, timeout=60).read() for address in BUNDLES]
    FILE.write_text(document(dict(zip(BUNDLES, bundles, strict=True)), datetime.now(timezone.utc)))


if __name__ == "__main__":
    main()
