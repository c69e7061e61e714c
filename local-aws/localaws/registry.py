"""A read-only OCI registry of one image, on loopback: `registry.py PORT FOLDER REPOSITORY TAG`."""
import shutil
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def handler(folder, repository, tag):
    """The request handler for the image in a folder."""
    manifest = (folder / "manifest").read_text()

    def find(path):
        prefix = f"/v2/{repository}/"
        if not path.startswith(prefix):
            return None
        kind, _, reference = path[len(prefix):].partition("/")
        if kind == "manifests" and reference in (tag, manifest):
            return manifest
        known = kind == "blobs" and reference in {file.name for file in (folder / "blobs").iterdir()}
        return reference if known else None

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.path in ("/v2", "/v2/"):
                return self.answer(200, "application/json", b"{}")
            digest = find(self.path)
            if not digest:
                return self.answer(404, "application/json", b'{"errors":[{"code":"NAME_UNKNOWN"}]}')
            kind = "application/vnd.oci.image.manifest.v1+json" if digest == manifest else "application/octet-stream"
            file = folder / "blobs" / digest
            self.answer(200, kind, None, file.stat().st_size, digest)
            if self.command == "GET":
                with open(file, "rb") as source:
                    shutil.copyfileobj(source, self.wfile)

        do_HEAD = do_GET

        def answer(self, status, kind, body, size=0, digest=None):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body) if body is not None else size))
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            if digest:
                self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
            if body and self.command == "GET":
                self.wfile.write(body)

    return Handler


if __name__ == "__main__":
    port, folder, repository, tag = sys.argv[1:]
    ThreadingHTTPServer(("127.0.0.1", int(port)), handler(Path(folder), repository, tag)).serve_forever()
