"""Each process that takes part in the tests has a local AWS of its own."""
import os
import shlex
import subprocess

import pytest
from programs import ROOT


@pytest.fixture(scope="session", autouse=True)
def aws(worker_id):
    """Starts the local AWS and takes its environment; ends it."""
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    port = str(int(os.environ["LOCAL_AWS_PORT"]) + 2 * number)

    def local(word):
        command = [ROOT / "local-aws/local-aws", word, "--port", port]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    # One that was left standing has old objects in it, and runs old code.
    local("down")
    try:
        local("up")
        os.environ.update(word.split("=", 1) for word in shlex.split(local("env")) if "=" in word)
        yield
    finally:
        local("down")
