"""An engine that attaches to a provider which a developer started, in a debugger say."""
import os
import shutil
import subprocess

from inventory import inventory
from programs import run

PROGRAM = """name: attached
runtime: yaml
resources:
  queue:
    type: dbt-aws:sqs:Queue
"""


def test_attach(tmp_path):
    before = inventory()
    (tmp_path / "Pulumi.yaml").write_text(PROGRAM)
    binary = shutil.which("pulumi-resource-dbt-aws")
    provider = subprocess.Popen([binary], stdout=subprocess.PIPE, text=True)
    try:
        engine = {
            "PULUMI_DEBUG_PROVIDERS": f"dbt-aws:{provider.stdout.readline().strip()}",
            # No other provider to start.
            "PATH": os.environ["PATH"].replace(os.path.dirname(binary), ""),
        }
        run("pulumi", "stack", "init", "test", folder=tmp_path)
        # Each command attaches twice: for its preview, and for what it does.
        for verb in ("up", "refresh", "destroy"):
            run("pulumi", verb, "--yes", folder=tmp_path, **engine)
            assert len(inventory() - before) == (verb != "destroy")
        assert provider.poll() is None, "the provider ended with the first engine"
    finally:
        provider.kill()
        provider.wait()
