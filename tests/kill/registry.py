"""ECR's registry, whose images are in the emulator, and a registry with the base of all images."""
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest(content):
    """What names that content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def failure(code):
    """A registry's refusal."""
    return 404, {"content-type": "application/json"}, json.dumps({"errors": [{"code": code, "message": "no"}]}).encode()


class Ecr:
    """ECR's registry: it knows which blobs it has, the emulator has the manifests."""

    def __init__(self, client):
        self.client, self.blobs = client, set()

    def answer(self, method, path, headers, body):
        """The answer to a request: status, headers, content."""
        url = urlsplit(path)
        repository, kind, which = re.fullmatch(r"/v2/(.+)/(blobs|manifests)/(.*)", url.path).groups()
        try:
            if kind == "manifests":
                return self.manifest(method, repository, which, headers.get("content-type"), body)
            return self.blob(method, repository, which, parse_qs(url.query), body)
        except self.client.exceptions.RepositoryNotFoundException:
            return failure("NAME_UNKNOWN")

    def blob(self, method, repository, which, query, body):
        """Whether there is a blob; an upload. All go to one place, so that a repeated one looks like the first."""
        if method == "POST":
            self.client.describe_repositories(repositoryNames=[repository])
            return 202, {"location": f"/v2/{repository}/blobs/uploads/place"}, b""
        if method == "PUT":
            which = query["digest"][0]
            if which != digest(body):
                return failure("DIGEST_INVALID")
            self.blobs.add((repository, which))
            return 201, {}, b""
        return (200, {}, b"") if (repository, which) in self.blobs else failure("BLOB_UNKNOWN")

    def manifest(self, method, repository, tag, media_type, body):
        """Which manifest has a tag; a new one, if its blobs are there."""
        if method != "PUT":
            images = self.client.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": tag}])["images"]
            found = {"docker-content-digest": image["imageId"]["imageDigest"] for image in images}
            return (200, found, b"") if found else failure("MANIFEST_UNKNOWN")
        manifest, key = json.loads(body), digest(body)
        if any((repository, each["digest"]) not in self.blobs for each in (manifest["config"], *manifest["layers"])):
            return failure("MANIFEST_BLOB_UNKNOWN")
        self.client.describe_repositories(repositoryNames=[repository])
        try:
            self.client.put_image(repositoryName=repository, imageManifest=body.decode(), imageTag=tag, imageDigest=key,
                                  imageManifestMediaType=media_type)
        except self.client.exceptions.ImageAlreadyExistsException:
            pass
        return 201, {"docker-content-digest": key}, b""


class Base:
    """A registry with one image, which only says that it has a Python. Its name is in the images that are made of it:
    all share one."""

    def __init__(self):
        layer = bytes(1024)  # an empty archive
        config = json.dumps({
            "architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/usr/bin", "PYTHON_VERSION=3.12.4"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]}}).encode()

        def descriptor(media_type, content):
            return {"mediaType": media_type, "digest": digest(content), "size": len(content)}

        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, config),
                               "layers": [descriptor(LAYER, layer)]}).encode()
        contents = {"latest": manifest, digest(config): config, digest(layer): layer}

        class Handler(BaseHTTPRequestHandler):
            """Answers with what a path ends in."""

            def do_GET(self):
                content = contents[self.path.rpartition("/")[2]]
                self.send_response(200)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.image = f"127.0.0.1:{server.server_port}/base"


BASE = Base()
