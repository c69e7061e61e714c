"""A stack under the true engine, on a moto of its own, and what may happen to it on the way."""
import difflib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from pathlib import Path

from inventory import Inventory, described
from proxy import Proxy, Wrong, denial
from registry import Ecr

HERE = Path(__file__).resolve().parent
REGION = "us-east-1"
PROVIDER = "pulumi-resource-dbt-aws"
PROJECT = "killed"
# What undisturbed runs lead to, the same in every AWS.
REFERENCES = {}


class Aws:
    """A moto, the proxy that its users go through, and the folders of the stacks in it."""

    def __init__(self):
        self.moto = subprocess.Popen([sys.executable, "-W", "ignore", HERE.parent / "src/aws.py"],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.moto.stdout.readline().strip()
        self.folder = Path(tempfile.mkdtemp())
        self.inventories, self.secrets = {}, {}
        self.proxy = Proxy(self.url, Ecr(self.client("ecr")))
        (self.folder / "empty/state").mkdir(parents=True)
        # A fifth of Pulumi's time is its log of each command, which it goes without where the log's folder cannot be.
        (self.folder / "empty/home").mkdir()
        (self.folder / "empty/home/logs").touch()
        empty = Stack(self.folder / "empty", self)
        empty.write({})
        empty.pulumi("stack", "init", "dev", f"--secrets-provider=awskms://alias/state?region={REGION}&awssdk=v2")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)
        self.moto.stdin.close()
        self.moto.wait()

    def reset(self):
        """Forgets every object and every stack."""
        self.proxy.wait()
        self.proxy.arm()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")).read()
        for folder in self.folder.glob("stack*"):
            shutil.rmtree(folder)

    def stack(self):
        """An empty stack in a folder and with a state of its own; its name is that of all others."""
        folder = Path(tempfile.mkdtemp(prefix="stack", dir=self.folder))
        shutil.copytree(self.folder / "empty", folder, dirs_exist_ok=True)
        return Stack(folder, self)

    def objects(self, region=REGION):
        """What a region has, less what every account has: ((type, id), description)."""
        return list(self.inventory(region).objects())

    def client(self, service, region=REGION):
        """A client of that service, independent of the provider."""
        return self.inventory(region).clients[service]

    def inventory(self, region):
        """The inventory of a region, made once."""
        if region not in self.inventories:
            self.inventories[region] = Inventory(self.url, region)
        return self.inventories[region]

    def disclosed(self, text, region):
        """The secret that stands in a text, of all that there are or were."""
        client = self.client("secretsmanager", region)
        for secret in client.list_secrets()["SecretList"]:
            for version in secret.get("SecretVersionsToStages", {}):
                if version not in self.secrets:
                    value = client.get_secret_value(SecretId=secret["ARN"], VersionId=version)["SecretString"]
                    self.secrets[version] = json.loads(value)["password"] if value.startswith("{") else value
        return next((value for value in self.secrets.values() if value in text), None)

    def reference(self, *programs):
        """What AWS has after these programs, one after another, without anything going wrong. Forgets every stack."""
        return self.undisturbed(programs)[0]

    def calls(self, *programs):
        """How many calls the last of these programs makes that change something."""
        return self.undisturbed(programs)[1]

    def undisturbed(self, programs):
        """What `reference` and `calls` answer, found once."""
        key = json.dumps(programs)
        if key not in REFERENCES:
            self.reset()
            stack = self.stack()
            for program in programs:
                self.proxy.arm()
                stack.up(program)
            REFERENCES[key] = stack.compare(), len(self.proxy.calls)
            self.reset()
        return REFERENCES[key]


def descendants(process):
    """The ids of a process's children and theirs."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
        except OSError:
            continue
    found, left = [], [process]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


class Stack:
    """A stack in a folder of its own."""

    def __init__(self, folder, aws):
        self.folder, self.aws, self.proxy = folder, aws, aws.proxy
        self.running, self.region = None, REGION
        self.environment = {
            **os.environ, "AWS_ENDPOINT_URL": aws.proxy.url, "AWS_ENDPOINT_URL_REGISTRY": aws.proxy.url,
            "AWS_REGION": REGION, "PULUMI_HOME": f"{folder}/home",
            "PULUMI_BACKEND_URL": f"file://{folder}/state", "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
            # A fifth of Pulumi's time is its garbage collection, and none of its processes lives long.
            "GOGC": "off",
            # A fifth is that it writes the state at each step; none of its own processes is killed, so the last one counts.
            "PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}

    def write(self, program):
        """Makes these resources the program, with the files beside it."""
        resources = {name: resource for name, resource in program.items() if name != "files"}
        for name, text in program.get("files", {}).items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        plugin = {"name": "dbt-aws", "path": str(Path(shutil.which(PROVIDER)).parent)}
        program = {"name": PROJECT, "runtime": "yaml", "plugins": {"providers": [plugin]}, "resources": resources}
        # JSON is YAML.
        (self.folder / "Pulumi.yaml").write_text(json.dumps(program, indent=1))

    def pulumi(self, *arguments, fails=False):
        """Runs Pulumi; its output. `fails` says whether it must; None leaves it open."""
        verb = arguments[0]
        options = {"stack": [], "config": [], "state": ["--yes"], "import": ["--yes", "--skip-preview"]}
        options = options.get(verb, ["--yes", "--skip-preview", "--suppress-progress"])
        self.running = subprocess.Popen(
            ["pulumi", *arguments, *options, "--non-interactive", "--color=never"],
            cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            output, _ = self.running.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            for process in descendants(self.running.pid):
                os.kill(process, signal.SIGKILL)
            self.running.kill()
            raise Wrong(f"`pulumi {verb}` did not end: {self.running.communicate()[0]}") from None
        self.proxy.wait()
        self.discreet(f"`pulumi {verb}`", output)
        if fails is not None and bool(self.running.returncode) != fails:
            raise Wrong(f"`pulumi {verb}` ended with {self.running.returncode}:\n{output}")
        return output

    def up(self, resources=None, *options, fails=False):
        """`pulumi up`, of these resources from now on."""
        if resources is not None:
            self.write(resources)
        return self.pulumi("up", "--stack=dev", *options, fails=fails)

    def killed(self, at, answered, resources=None):
        """`pulumi up`, with the provider killed at a call, before or after AWS has answered it."""
        return self.disturbed(at, answered, self.kill, resources, fails=True)

    def unanswered(self, at, resources=None):
        """`pulumi up` in which the answer to a call is lost."""
        return self.disturbed(at, True, lambda *_: None, resources, fails=False)

    def refused(self, at, resources=None):
        """`pulumi up` in which AWS refuses a call."""
        return self.disturbed(at, False, denial, resources, fails=True)

    def disturbed(self, at, answered, act, resources, fails):
        """`pulumi up` with something that happens at a call."""
        self.proxy.arm(at, answered, act)
        output = self.up(resources, fails=None)
        hit = self.proxy.hit
        self.proxy.arm()
        if not hit:
            raise Wrong(f"there was no call {at}:\n{output}")
        if bool(self.running.returncode) != fails:
            raise Wrong(f"`pulumi up` ended with {self.running.returncode}:\n{output}")
        return output

    def kill(self, *_):
        """Ends the provider's processes as a crash would."""
        for process in descendants(self.running.pid):
            try:
                if os.path.basename(os.readlink(f"/proc/{process}/exe")) == PROVIDER:
                    os.kill(process, signal.SIGKILL)
            except OSError:
                continue

    def exported(self):
        """The state."""
        return json.loads(self.pulumi("stack", "export", "--stack=dev"))

    def imported(self, state):
        """Makes that the state."""
        file = self.folder / "state.json"
        file.write_text(json.dumps(state))
        self.pulumi("stack", "import", "--stack=dev", f"--file={file}")

    def deployment(self):
        """What the state's file says, which `exported` says too, and takes its time."""
        text = (self.folder / "state/.pulumi/stacks" / PROJECT / "dev.json").read_text()
        self.discreet("the state", text)
        return json.loads(text)["checkpoint"]["latest"]

    def discreet(self, where, text):
        """Refuses a text with a secret in it."""
        if secret := self.aws.disclosed(text, self.region):
            lines = [line.replace(secret, "<HERE>") for line in text.splitlines() if secret in line]
            raise Wrong(f"{where} discloses a secret: {lines}")

    def urn(self, name):
        """The URN of a resource."""
        return next(r["urn"] for r in self.deployment()["resources"] if r["urn"].endswith(f"::{name}"))

    def ids(self):
        """The entries' objects by name."""
        return {name: key for key, name in self.entries()}

    def entries(self):
        """The state's entries that stand for an AWS object: ((type, id), name)."""
        deployment = self.deployment()
        if pending := deployment.get("pending_operations"):
            raise Wrong(f"the state has pending operations: {pending}")
        for resource in deployment.get("resources") or []:
            kind = resource["type"].removeprefix("dbt-aws:")
            if not resource.get("custom") or kind == "index:Seed" or resource["type"].startswith("pulumi:"):
                continue
            if resource.get("delete"):
                raise Wrong(f"the state still has {resource['id']}, to be deleted")
            key = resource["id"]
            if kind == "sqs:Queue":
                key = key.rpartition("/")[2]
            elif kind == "ecr:Image":
                key = f"{key.partition(':')[0]}@{resource['outputs']['digest']}"
            yield (kind, key), resource["urn"].rpartition("::")[2]

    def compare(self, *others, apart=()):
        """Finds each entry's object and each object's entry, here or in other stacks or known to be apart; what the
        stack's own objects are, by (type, name)."""
        entries = list(self.entries())
        objects = self.aws.objects(self.region)
        state = Counter([key for key, _ in entries] + [key for other in others for key, _ in other.entries()])
        state.update(apart)
        # An update leaves the images before it beside its own; their repository's description has them.
        current = {key.partition("@")[0] for kind, key in state if kind == "ecr:Image"}
        there = Counter(key for key, _ in objects
                        if key in state or key[0] != "ecr:Image" or key[1].partition("@")[0] not in current)
        if state != there:
            raise Wrong(f"in AWS only: {sorted((there - state).elements())}; in the state only: "
                        f"{sorted((state - there).elements())}")
        names, ids = dict(entries), {key: name for (_, key), name in entries}
        return {(key[0], names[key]): described(description, ids) for key, description in objects if key in names}

    def destroy(self):
        """`pulumi destroy`."""
        self.pulumi("destroy", "--stack=dev")

    def destroyed(self, apart=()):
        """`pulumi destroy`, after which nothing is left but what is known to be apart."""
        self.destroy()
        left = {key for key, _ in self.aws.objects(self.region)}
        if left != set(apart):
            raise Wrong(f"left after `pulumi destroy`: {sorted(left - set(apart))}; gone: {sorted(set(apart) - left)}")


def same(wanted, found):
    """Refuses a difference between two answers of `compare`."""
    if missing := sorted(wanted.keys() ^ found.keys()):
        raise Wrong(f"in one of the two only: {missing}")
    differences = []
    for key in sorted(wanted):
        pretty = [json.dumps(json.loads(each[key]), indent=1).splitlines() for each in (wanted, found)]
        name = " ".join(key)
        differences += difflib.unified_diff(*pretty, f"{name}, undisturbed", f"{name}, disturbed", n=1, lineterm="")
    if differences:
        raise Wrong("\n" + "\n".join(differences))
