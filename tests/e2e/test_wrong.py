"""What cannot be made is refused in a sentence that says why, and nothing of it is left."""
import json
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from inventory import inventory
from programs import ROOT, STACK, Program, changes, copy, run

MANY = """name: many
runtime: yaml
resources:
  analytics: { type: dbt-aws:DbtPlatform }
  public: { type: dbt-aws:DbtPlatform, properties: { network: { mode: public }, warehouse: { postgres: { allowFrom: [0.0.0.0/0] } } } }
  small: { type: dbt-aws:DbtPlatform, properties: { network: { cidrBlock: 10.0.0.0/24 } } }
  short: { type: dbt-aws:DbtPlatform, properties: { logRetentionDays: 45 } }
  classless: { type: dbt-aws:DbtPlatform, properties: { warehouse: { postgres: { instanceClass: t4g.micro } } } }
  queue: { type: dbt-aws:sqs:Queue }
  logs: { type: dbt-aws:logs:LogGroup, properties: { retentionDays: 30 } }
"""
IMAGE = """name: image
runtime: yaml
resources:
  repository:
    type: dbt-aws:ecr:Repository
    properties: { name: shop }
  image:
    type: dbt-aws:ecr:Image
    properties:
      repositoryUrl: ${repository.repositoryUrl}
      path: %s
      baseImage: %s
      dbt: { adapter: postgres }
"""


@pytest.fixture(autouse=True)
def backend(tmp_path, monkeypatch):
    """Where the stacks are, apart from those of other tests."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")


@pytest.fixture
def project(tmp_path):
    """Starts a stack of a program in YAML; a function that runs Pulumi on it."""
    def start(text):
        (tmp_path / "Pulumi.yaml").write_text(text)
        run("pulumi", "stack", "init", STACK, folder=tmp_path)
        return lambda *words, **options: run("pulumi", *words, "--color", "never", folder=tmp_path, **options)

    before = inventory()
    yield start
    assert inventory() == before, "something is left"


@pytest.fixture
def registry(request):
    """A registry that answers everything with one status and code."""
    status, code = request.param

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = json.dumps({"errors": [{"code": code, "message": "as the test says"}]}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_all_that_is_wrong_is_told_and_nothing_else_fails(project):
    printed = project(MANY)("preview", fails=True)
    told = re.findall(r"property (\S+) with value .* has a problem", printed)
    assert sorted(set(told)) == ["logRetentionDays", "network.cidrBlock", "warehouse.postgres.instanceClass"], printed
    failed = re.findall(r"error: dbt-aws:\S+ resource '(\w+)' has a problem", printed)
    assert sorted(set(failed)) == ["classless", "short", "small"], printed
    assert "10.0.0.0/24 is too small" in printed, printed
    assert "warning: warehouse.postgres.allowFrom[0]: 0.0.0.0/0 lets the whole internet try passwords" in printed, printed


def test_no_credentials(tmp_path):
    before = inventory()
    program = Program("yaml", copy(tmp_path))
    none = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    previewed = program("preview", **none)
    assert changes(previewed) == {"create": len(previewed)}
    printed = run("pulumi", "up", "--yes", "--skip-preview", "--color", "never", folder=program.folder, fails=True, **none)
    assert "could not load AWS credentials" in printed and "give valid credentials, for example with" in printed, printed
    assert inventory() == before, "something was made"


@pytest.mark.parametrize("registry", [(401, "UNAUTHORIZED"), (403, "DENIED")], indirect=True)
def test_refused_push(project, registry, request):
    pulumi = project(IMAGE % (ROOT / "examples" / "jaffle-shop", os.environ["DBT_AWS_BASE_IMAGE"]))
    pulumi("config", "set", "--path", "dbt-aws:endpoints.registry", f"http://{registry}")
    printed = pulumi("up", "--yes", "--skip-preview", fails=True)
    status = request.node.callspec.params["registry"][0]
    assert re.search(rf"error: could not make the image .* shop:\S+ at {registry}: access denied \({status} .*: check the credentials", printed), printed
    pulumi("destroy", "--yes", "--skip-preview")


@pytest.mark.parametrize("registry", [(404, "NAME_UNKNOWN")], indirect=True)
def test_no_base_image(project, registry):
    pulumi = project(IMAGE % (ROOT / "examples" / "jaffle-shop", f"{registry}/library/nothing:1"))
    printed = pulumi("up", "--yes", "--skip-preview", fails=True)
    assert re.search(rf"error: could not make the image .* library/nothing:1 at {registry}: .*404", printed), printed
    pulumi("destroy", "--yes", "--skip-preview")
