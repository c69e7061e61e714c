"""ECR's registry, whose images are in the emulator, and a registry with the base of all images."""
import atexit
import json
import re
import shutil
import tempfile
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from localaws.images import digest, pack
from localaws.registry import handler


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


def base():
    """The name of an image that only says that it has a Python, in a registry of this process. Its name is in the images
    that are made of it: all share one."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    # An empty archive.
    pack(folder, bytes(1024), "amd64", ["PATH=/usr/bin", "PYTHON_VERSION=3.12.4"])

    class Quiet(handler(folder, "base", "latest")):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_port}/base"


BASE = base()
