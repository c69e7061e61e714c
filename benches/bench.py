"""Measures the provider beside other ways to do the same, in turn in one run, and prints tables in Markdown.

    run                   all of it
    run start image       some of it: start, program, depth, image, runs
    run --rounds 3        how often each is measured; the median counts
"""
import argparse
import contextlib
import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

import playbook
import runs
from calls import longest, waves
from common import HERE, PROVIDER, REGION, TOOLS, megabytes, middle, output, ratio, row, run, table, write

from localaws import cache as local, docker

ANSIBLE = Path(os.environ["DBT_AWS_BENCH_ANSIBLE"])
DELAY = 50
# Where calls are counted, so that what a process does between them does not matter.
SLOW = 500
PLATFORM = {"Type": "dbt-aws:index:DbtPlatform", "Name": "analytics", "Inputs": {"retainData": False}}
PROJECT = {"Type": "dbt-aws:index:DbtProject", "Name": "jaffle", "Inputs": {
    "platform": "${analytics.handle}", "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/jaffle:1",
    "profile": {"name": "jaffle_shop", "schema": "jaffle_shop"}, "secrets": {"API_KEY": "not-so-secret"}}}
SCHEDULE = {"Type": "dbt-aws:index:DbtSchedule", "Name": "nightly", "Inputs": {
    "project": "${jaffle.handle}", "cron": "30 6 * * ? *"}}
PROGRAMS = {"platform": [PLATFORM], "demo": [PLATFORM, PROJECT, SCHEDULE]}


class Aws:
    """moto, and the proxy in front of it that adds to each call and counts it."""

    def __init__(self, stack):
        command = [sys.executable, "-W", "ignore", HERE.parent / "tests/src/aws.py"]
        moto = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(moto.wait)
        stack.callback(moto.stdin.close)
        self.moto = moto.stdout.readline().strip()
        proxy = subprocess.Popen([TOOLS / "proxy", self.moto, str(DELAY)], stdout=subprocess.PIPE, text=True)
        stack.callback(proxy.wait)
        stack.callback(proxy.kill)
        self.proxy = proxy.stdout.readline().strip()

    def reset(self):
        urllib.request.urlopen(urllib.request.Request(f"{self.moto}/moto-api/reset", method="POST")).close()
        self.calls()

    def calls(self):
        """The calls since the last time."""
        with urllib.request.urlopen(f"{self.proxy}/_calls") as answer:
            return json.load(answer)

    def control(self, what):
        """Tells the proxy what to do with the calls that follow."""
        urllib.request.urlopen(urllib.request.Request(f"{self.proxy}/_{what}", method="POST")).close()

    def environment(self, url):
        """An environment without anything of the user's AWS."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**kept, "AWS_ENDPOINT_URL": url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


def start(options, aws):
    """What a process costs before it does anything."""
    go = TOOLS / "provider"
    both = run(TOOLS / "engine", "start", *[PROVIDER, go] * (4 * options.rounds))
    ours, theirs = both[::2], both[1::2]
    table("the plugin's process", "ours", "small Go provider", "Go / ours", "aim")

    def compare(what, key, unit, aim, factor=1):
        mine, other = (factor * middle([each[key] for each in all]) for all in (ours, theirs))
        row(what, f"{mine:.1f} {unit}", f"{other:.1f} {unit}", ratio(other, mine), aim)

    compare("start to the port line", "start", "ms", "< 10 ms")
    compare("resident after the start", "started", "MB", "")
    compare("CPU of the start", "cpu", "ms", "", factor=1000)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program"
        program.write_text(json.dumps({"Resources": [{"Type": "small:index:Account", "Name": "account", "Inputs": {}}]}))
        environment = aws.environment(aws.moto)
        asked = run(TOOLS / "engine", "create", go, program, Path(folder) / "go", env=environment)
        write(program, PROGRAMS["demo"])
        aws.reset()
        made = run(TOOLS / "engine", "create", PROVIDER, program, Path(folder) / "ours", env=environment)
    mine, other = made["peak"], asked["peak"]
    row(f"resident at most, after {made['resources']} creates; Go: after one call of each service",
        f"{mine:.1f} MB", f"{other:.1f} MB", ratio(other, mine), "< 30 MB")
    mine, other = (each.stat().st_size for each in (PROVIDER, go))
    row("binary", megabytes(mine), megabytes(other), ratio(other, mine), "")
    mine, other = (len(gzip.compress(each.read_bytes(), 9)) for each in (PROVIDER, go))
    row("archive (gzip)", megabytes(mine), megabytes(other), ratio(other, mine), "< 10 MB")


VERBS = {"create": "create", "refresh": "check", "delete": "delete"}
WAYS = "ours", "in sequence", "parallel"


def measure(aws, way, name, folder, look):
    """Creates, refreshes and deletes a program once; by verb what it took and which calls it made."""
    aws.reset()
    environment, found = aws.environment(aws.proxy), {}
    program, state = folder / "program", folder / "state"
    write(program, PROGRAMS[name])
    state.unlink(missing_ok=True)
    for verb, theirs in VERBS.items():
        aws.control(f"verb?{verb}")
        if way == "ours":
            found[verb] = run(TOOLS / "engine", verb, PROVIDER, program, state, env=environment)
        else:
            parallel = ["--parallel"] if way == "parallel" else []
            found[verb] = run(sys.executable, HERE / "objects.py", theirs, name, state, *parallel, env=environment)
        found[verb]["calls"] = aws.calls()
        if way == "ours" and verb == "create":
            aws.control("verb?no-change")
            found["no-change up"] = run(TOOLS / "engine", "unchanged", PROVIDER, program, state, env=environment)
            found["no-change up"]["calls"] = aws.calls()
        if verb == "create":
            found["objects"] = look(aws)
            if way == "ours":
                found["graph"] = longest(json.loads(state.read_text())["Resources"])
    if left := look(aws):
        sys.exit(f"{way}: left after delete: {left}")
    return found


def ansible(aws, folder):
    """Runs the playbook to create, again, and to delete; by verb what it took and which calls it made."""
    aws.reset()
    book, found = playbook.Playbook(), {}
    play, state, settings = folder / "play.yml", folder / "made.json", folder / "ansible.cfg"
    settings.touch()
    environment = {**aws.environment(aws.proxy), "ANSIBLE_HOME": str(folder / "ansible"), "ANSIBLE_CONFIG": str(settings),
                   "ANSIBLE_REMOTE_TMP": str(folder / "ansible/tmp"), "ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1",
                   "LC_ALL": "C.UTF-8"}
    for verb, theirs in VERBS.items():
        play.write_text(book.play(theirs, state))
        began = time.monotonic()
        python = f"ansible_python_interpreter={ANSIBLE.parent / 'python'}"
        command = [ANSIBLE, "-i", "localhost,", "-c", "local", "-e", python, play]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=environment)
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"the playbook's {verb} failed:\n{said[-3000:]}")
        found[verb] = {"seconds": time.monotonic() - began, "cpu": used.ru_utime + used.ru_stime, "calls": aws.calls()}
        if verb == "create":
            found["objects"] = objects(aws)
        if verb == "refresh":
            found["changed"] = re.findall(r"^TASK \[(.*)\].*\n(?:\[WARNING.*\n|\s*\n)*changed: ", said, re.MULTILINE)
    found["left"] = objects(aws)
    # A database without a parameter group brings moto's default one, which stays.
    for which in "objects", "left":
        found[which].pop("rds:ParameterGroup", None)
    return found


def objects(aws):
    """How many objects there are, by type."""
    sys.path.insert(0, str(HERE.parent / "tests/kill"))
    from inventory import Inventory
    os.environ.update(aws.environment(aws.moto))
    return Counter(kind for (kind, _), _ in Inventory(aws.moto, REGION).objects())


def program(options, aws):
    """Create, refresh, delete of the demo: time, calls, CPU."""
    for name in PROGRAMS:
        rounds = {way: [] for way in WAYS}
        with tempfile.TemporaryDirectory() as folder:
            for number in range(options.rounds + 1):
                for way in WAYS:
                    found = measure(aws, way, name, Path(folder), objects)
                    # The first time moto imports what it needs.
                    if number:
                        rounds[way].append(found)
        made = {way: rounds[way][0]["objects"] for way in WAYS}
        if made["ours"] != made["in sequence"] or made["ours"] != made["parallel"]:
            sys.exit(f"{name}: not the same objects: {made}")
        played = None
        if name == "platform":
            with tempfile.TemporaryDirectory() as folder:
                played = ansible(aws, Path(folder))
        report(name, rounds, sum(made["ours"].values()), played)
        if played:
            tell(made["ours"], played)


def tell(made, played):
    """What the playbook did otherwise."""
    fewer, left = (", ".join(f"{n} {kind}" for kind, n in sorted(each.items()))
                   for each in (made - played["objects"], played["left"]))
    print(f"\nAnsible makes {played['objects'].total()} of the {made.total()} objects, without: {fewer or 'nothing'}. "
          f"Its modules do not make: {'; '.join(playbook.MISSING['modules'])}; nor with moto: "
          f"{'; '.join(playbook.MISSING['moto'])}. Changed by the second run: {', '.join(played['changed']) or 'nothing'}. "
          f"Left after delete: {left or 'nothing'}.", flush=True)


def report(name, rounds, count, played):
    """The tables of one program."""
    def of(way, verb, key):
        return middle([each[verb][key] for each in rounds[way]])

    def calls(way, verb):
        return middle([len(each[verb]["calls"]) for each in rounds[way]])

    every = [call["took"] for each in rounds["in sequence"] for verb in VERBS for call in each[verb]["calls"]]
    each_call = statistics.mean(every) / 1000
    table(f"{name}: {count} objects, {DELAY} ms a call", "ours", "boto3 in sequence", "boto3 parallel", "Ansible",
          "sequence / ours", "parallel / ours", "Ansible / ours", "moto alone, for our calls", "aim")
    for verb in VERBS:
        took = [of(way, verb, "seconds") for way in WAYS]
        took += [played[verb]["seconds"]] if played else []
        none = [] if played else [""]
        floor = each_call * calls("ours", verb)
        row(verb, *(f"{each:.2f} s" for each in took), *none, *(ratio(each, took[0]) for each in took[1:]), *none, f"{floor:.2f} s",
            "0.65 s; 5; 1.8" if verb == "create" else "")
    row("no-change up", f"{of('ours', 'no-change up', 'seconds'):.2f} s", *[""] * 8)
    print(f"\nmoto takes {each_call * 1000:.1f} ms for a call when nothing else calls it, and answers one at a time.")

    table(f"{name}: CPU of the process", "ours", "boto3 in sequence", "of it before the first call", "boto3 parallel",
          "Ansible", "sequence / ours", "Ansible / ours", "aim")
    for verb in VERBS:
        took = [of(way, verb, "cpu") for way in WAYS]
        row(verb, f"{took[0]:.3f} s", f"{took[1]:.2f} s", f"{of('in sequence', verb, 'cpu_at_start'):.2f} s",
            f"{took[2]:.2f} s", f"{played[verb]['cpu']:.2f} s" if played else "", ratio(took[1], took[0]),
            ratio(played[verb]["cpu"], took[0]) if played else "", "0.25 s")
    row("no-change up", f"{of('ours', 'no-change up', 'cpu'):.3f} s", *[""] * 7)

    table(f"{name}: calls of AWS", "ours", "boto3", "Ansible", "beyond boto3's", "fewer than boto3's")
    for verb in [*VERBS, "no-change up"]:
        mine = Counter(call["name"] for call in rounds["ours"][0][verb]["calls"])
        other = Counter(call["name"] for call in rounds["in sequence"][0].get(verb, {"calls": []})["calls"])
        listed = [", ".join(f"{n} {name}" for name, n in sorted(each.items())) for each in (mine - other, other - mine)]
        row(verb, str(mine.total()), str(other.total()), str(len(played[verb]["calls"])) if played and verb in played else "", *listed)


def depth(options, aws):
    """How many calls follow one another, where AWS answers all at once."""
    ways = "ours", "parallel"
    for name in PROGRAMS:
        rounds, slow = {way: [] for way in ways}, {}
        with tempfile.TemporaryDirectory() as folder:
            for way in ways:
                aws.control(f"record?{way}")
                measure(aws, way, name, Path(folder), objects)
            for number in range(options.rounds + 1):
                for way in ways:
                    aws.control(f"replay?{way}")
                    aws.control(f"delay?{DELAY if number else SLOW}")
                    found = measure(aws, way, name, Path(folder), lambda _: Counter())
                    if unknown := {call["name"] for verb in VERBS for call in found[verb]["calls"] if call["status"] == 501}:
                        sys.exit(f"{way}: not in the recording: {', '.join(sorted(unknown))}")
                    if number:
                        rounds[way].append(found)
                    else:
                        slow[way] = found
            aws.control("pass")
        graph = slow["ours"]["graph"]
        deep = {way: {verb: waves(slow[way][verb]["calls"]) for verb in VERBS} for way in ways}
        table(f"{name}: {DELAY} ms a call, all at once", "calls in a row: graph", "ours", "boto3 parallel", "ours - graph",
              "time: ours", "boto3 parallel", "parallel / ours", "aim")
        for verb in VERBS:
            calls = [len(deep[way][verb]) for way in ways]
            seconds = [middle([found[verb]["seconds"] for found in rounds[way]]) for way in ways]
            row(verb, str(graph[verb]), *map(str, calls), str(calls[0] - graph[verb]),
                *(f"{each:.2f} s" for each in seconds), ratio(seconds[1], seconds[0]), "at most 1 more; over 1.0")
        print("\nOurs, which calls began in each wave:\n")
        for verb in VERBS:
            listed = (", ".join(f"{n} {name}" for name, n in sorted(wave.items())) for wave in deep["ours"][verb])
            print(f"- {verb}: {' → '.join(listed)}", flush=True)


def image(options, aws):
    """An image pushed to a registry on this machine: by the provider, by crane, and by what builds images here."""
    cache = Path(os.environ["DBT_AWS_CACHE"]) / "bench"
    with contextlib.ExitStack() as stack:
        registry = subprocess.Popen([TOOLS / "registry"], stdout=subprocess.PIPE, text=True)
        stack.callback(registry.wait)
        stack.callback(registry.kill)
        host = registry.stdout.readline().strip()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pushes = Pushes(folder, host, cache, aws.environment(f"http://{host}"), builders(stack, folder))
        # The first time, wheels are downloaded.
        pushes.ours_anew()
        rounds = [pushes.measure(number) for number in range(options.rounds)]
    table("image push", "ours", "of it without the start", "crane append", *BUILDERS, "ours / crane",
          *(f"{name} / ours" for name in BUILDERS), "aim")
    aims = {"one file changed": "1", "nothing changed": "0.7"}
    for what in rounds[0]:
        ours, verb, theirs = (middle([each[what][0][i] for each in rounds]) for i in range(3))
        built = {name: middle([each[what][1][name] for each in rounds]) for name in rounds[0][what][1]}
        row(what, f"{ours:.3f} s", f"{verb:.3f} s", f"{theirs:.3f} s",
            *(f"{built[name]:.3f} s" if name in built else "" for name in BUILDERS), f"{ours / theirs:.2f}",
            *(ratio(built[name], ours) if name in built else "" for name in BUILDERS), aims.get(what, ""))
    print(f"\nMeasured beside ours: {', '.join(['crane', *pushes.builders])}.")


BUILDERS = "docker", "buildah"


def builders(stack, folder):
    """What builds and pushes images on this machine: by name, the words that its commands begin with."""
    found = {}
    # While nobody else starts or ends the engine.
    stack.enter_context(local.lock("local-aws"))
    theirs = docker.ours() or docker.answers()
    try:
        docker.connect()
        found["docker"] = ["docker"], []
    except local.Failure as failure:
        print(f"docker is not measured: {failure}", file=sys.stderr)
    if not theirs and docker.ours():
        stack.callback(docker.ENGINE.stop, 60)
    if shutil.which("buildah"):
        stores = ["--root", folder / "buildah", "--runroot", folder / "buildah-run", "--storage-driver", "vfs"]
        found["buildah"] = ["buildah", *stores], ["--tls-verify=false"]
    return found


class Pushes:
    """The ways to push the example project's image."""

    def __init__(self, folder, host, cache, environment, builders):
        self.host, self.cache, self.folder, self.builders = host, cache, folder, builders
        self.environment = {**environment, "DBT_AWS_CACHE": str(cache)}
        self.project = folder / "jaffle-shop"
        shutil.copytree(HERE.parent / "examples/jaffle-shop", self.project)
        self.model = self.project / "models/marts/mart_customer_revenue.sql"
        self.program, self.state = folder / "program", folder / "state"
        inputs = {"repositoryUrl": f"{host}/ours", "path": str(self.project), "baseImage": f"{host}/base:latest",
                  "dbt": {"adapter": "postgres"}}
        write(self.program, [{"Type": "dbt-aws:ecr:Image", "Name": "jaffle", "Inputs": inputs}],
              skipCredentialsValidation=True, endpoints={"ecr": f"http://{host}", "registry": f"http://{host}"})

    def forget(self):
        """Empties the registry."""
        urllib.request.urlopen(urllib.request.Request(f"http://{self.host}/_images", method="DELETE")).close()

    def ours(self, verb):
        """Seconds of the process, and of the verb."""
        if verb == "create":
            self.state.unlink(missing_ok=True)
        took = run(TOOLS / "engine", verb, PROVIDER, self.program, self.state, env=self.environment)
        return took["whole"], took["seconds"]

    def ours_anew(self):
        """With the packages unpacked and packed again."""
        shutil.rmtree(self.cache / "layers", ignore_errors=True)
        return self.ours("create")

    def packed(self, source, target):
        """A layer of a folder, by tar and gzip, the same for the same files."""
        tar = ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "-C", source.parent, "-c", source.name]
        with open(target, "wb") as out, subprocess.Popen(tar, stdout=subprocess.PIPE) as packer:
            subprocess.run(["gzip", "-n"], stdin=packer.stdout, stdout=out, check=True)

    def crane(self, base, layers, packed=()):
        """Seconds to pack what must be packed, and to push it on a base."""
        began = time.monotonic()
        for source, target in packed:
            self.packed(source, target)
        files = [word for layer in layers for word in ("-f", layer)]
        output(TOOLS / "crane", "append", "--insecure", "-b", f"{self.host}/{base}", *files, "-t",
               f"{self.host}/crane:latest", stderr=subprocess.DEVNULL)
        return time.monotonic() - began

    def build(self, name, base, source, target, tag):
        """Seconds of a build that puts a folder on a base, and of its push."""
        command, options = self.builders[name]
        file = self.folder / "Dockerfile"
        file.write_text(f"FROM {self.host}/{base}\nCOPY . {target}\n")
        layers = ["--layers"] if name == "buildah" else []
        began = time.monotonic()
        image = f"{self.host}/{tag}"
        for words in ["build", *layers, *options, "-q", "-f", file, "-t", image, source], ["push", "-q", *options, image]:
            output(*command, *words, stderr=subprocess.DEVNULL)
        return time.monotonic() - began

    def built(self):
        """Seconds of each builder, with the packages built and pushed before."""
        return {name: self.build(name, f"{name}:packages", self.project, "/project", f"{name}:latest") for name in self.builders}

    def measure(self, number):
        """Each case, ours and the others' in turn."""
        found = {}
        layers = sorted((self.cache / "layers").glob("[!.]*.tar.gz"))
        unpacked, layer = self.folder / "unpacked", self.folder / "project.tar.gz"
        if not unpacked.exists():
            unpacked.mkdir()
            for each in layers:
                subprocess.run(["tar", "-xzf", each, "-C", unpacked], check=True)
        project = [(self.project, layer)]
        self.forget()
        ours = self.ours_anew()
        self.forget()
        packages = self.folder / "packages.tar.gz"
        theirs = self.crane("base:latest", [packages, layer], [(unpacked, packages), *project])
        found["nothing there, packages packed anew"] = (*ours, theirs), {}
        self.forget()
        ours = self.ours("create")
        self.forget()
        found["nothing there"] = (*ours, self.crane("base:latest", [*layers, layer], project)), {}
        # What is on top of the packages' layers is the project's alone.
        output(TOOLS / "crane", "append", "--insecure", "-b", f"{self.host}/base:latest",
               *(word for each in layers for word in ("-f", each)), "-t", f"{self.host}/crane:base", stderr=subprocess.DEVNULL)
        self.crane("crane:base", [layer], project)
        self.ours("create")
        for name in self.builders:
            self.build(name, "base:latest", unpacked, "/", f"{name}:packages")
        self.built()
        self.model.write_text(f"{self.model.read_text().rstrip()}\n-- {number}\n")
        found["one file changed"] = (*self.ours("update"), self.crane("crane:base", [layer], project)), self.built()
        found["nothing changed"] = (*self.ours("update"), self.crane("crane:base", [layer], project)), self.built()
        return found


PARTS = {"start": start, "program": program, "depth": depth, "image": image, "runs": runs.runs}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        aws = Aws(stack)
        for name in options.parts or PARTS:
            PARTS[name](options, aws)


if __name__ == "__main__":
    main()
