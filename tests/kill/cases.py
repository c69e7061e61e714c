"""What can come between a program and its infrastructure, each with the true engine. After each, AWS's objects and the
state's entries are one to one; where a run that nothing disturbed leads to the same, the objects are like its."""
import copy

import yaml

import documents
import errors
import isolation
import permissions
from registry import BASE
from stack import HERE, REGION, Wrong, same

ELSEWHERE = "eu-west-1"
SHOP = {
    "shop/dbt_project.yml": "name: jaffle_shop\nprofile: jaffle_shop\n",
    "shop/models/orders.sql": "select 1 as id\n",
    # What a requirements file must have, and no more.
    "shop/requirements.txt":
        "dbt-core==1.11.16 --hash=sha256:8798a8e2b4f7addd62807d96f7e6d9d1c29688282a19a467cb39f6b20d972959\n"
        "dbt-postgres==1.11.0 --hash=sha256:b88f994dc2f00150579d62f8ff91af715428a3cfe064e067945359ca4509872c\n",
}
WHOLE = {**yaml.safe_load((HERE / "Pulumi.yaml").read_text())["resources"], "files": SHOP}
WHOLE["jaffle"]["properties"]["baseImage"] = BASE
# What nobody may remove but who made it.
DATA = {"rds:Instance", "s3:Bucket", "secretsmanager:Secret"}
WORLDWIDE = {"iam:Role", "s3:Bucket"}


def network(block="10.0"):
    """A VPC with two subnets, as building blocks."""
    return {
        "net": {"type": "dbt-aws:ec2:Vpc", "properties": {"cidrBlock": f"{block}.0.0/16"}},
        **{f"zone{zone}": {"type": "dbt-aws:ec2:Subnet", "properties": {
            "vpcId": "${net.vpcId}", "cidrBlock": f"{block}.{zone}.0/24", "zoneIndex": zone}} for zone in (0, 1)},
    }


def platform(options=None, **properties):
    """A platform in that network, with few children: a security group and a rule, a cluster, a bucket, a log group."""
    existing = {"vpcId": "${net.vpcId}", "taskSubnetIds": ["${zone0.subnetId}", "${zone1.subnetId}"]}
    warehouse = {"external": {"adapter": "snowflake", "settings": {"account": "acme"}}}
    return {"type": "dbt-aws:DbtPlatform", "options": options or {}, "properties": {
        "network": {"existing": existing}, "warehouse": warehouse, "retainData": False, **properties}}


def with_postgres(database):
    """The network with a platform that has a database."""
    return {**network(), "one": platform(warehouse={"postgres": {"database": database}})}


def public(block):
    """A platform with a network of its own."""
    return {"one": platform(network={"mode": "public", "cidrBlock": block})}


def spread(calls, points):
    """Numbers of calls all over a run, the first among them; one run may make a call or two fewer than another."""
    return [1 + round(point * (calls - 3) / (points - 1)) for point in range(points)]


def changed(program, **properties):
    """A program with other properties of its resources."""
    program = copy.deepcopy(program)
    for name, new in properties.items():
        program[name]["properties"] |= new
    return program


SMALL = {**network(), "one": platform()}
MOVED = {**network("10.1"), "one": platform()}
BOTH = {**SMALL, "two": platform()}
BLOCKS = {
    "net": {"type": "dbt-aws:ec2:Vpc", "properties": {"cidrBlock": "10.0.0.0/16"}},
    "group": {"type": "dbt-aws:ec2:SecurityGroup", "properties": {"vpcId": "${net.vpcId}", "description": "first"}},
    "lake": {"type": "dbt-aws:s3:Bucket", "properties": {"forceDestroy": True}},
    "lines": {"type": "dbt-aws:logs:LogGroup", "properties": {}},
}
UPDATED = changed(
    WHOLE,
    analytics={"tags": {"team": "data"}, "logRetentionDays": 60},
    jaffle={"secrets": {"API_KEY": {"fn::secret": "no-less-secret"}}, "cpu": 2048, "memory": 4096,
            "tags": {"team": "shop"}},
    nightly={"cron": "30 7 * * ? *"},
)
UPDATED["files"] = {**SHOP, "shop/models/orders.sql": "select 2 as id\n"}


def unchanged(before, after):
    """Refuses another object for a name that there was before."""
    for name, key in before.items():
        if after.get(name) != key:
            raise Wrong(f"{name} was {key} and is {after.get(name)}")


def objects(aws):
    """The keys of what AWS has."""
    return {key for key, _ in aws.objects()}


def by_hand(aws, kind, identifier):
    """Removes an object as a person would."""
    if kind == "ec2:Vpc":
        aws.client("ec2").delete_vpc(VpcId=identifier)
    elif kind == "ec2:SecurityGroup":
        aws.client("ec2").delete_security_group(GroupId=identifier)
    elif kind == "rds:Instance":
        aws.client("rds").delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)


def destroy_or_name(stack):
    """`pulumi destroy`, which leaves nothing, or refuses and names what it leaves; what that is."""
    output = stack.pulumi("destroy", "--stack=dev", fails=None)
    refused, known = stack.running.returncode, set(stack.ids().values())
    left = objects(stack.aws) - known
    silent = sorted(key for key in left if not refused or key[1] not in output)
    # One leftover that is named ends a `destroy`: the others are found once that is gone.
    if silent and not (known and len(silent) < len(left)):
        raise Wrong(f"`pulumi destroy` left {silent} without a word:\n{output}")
    return left


def untouched(aws):
    """An `up` that has nothing to do asks AWS nothing."""
    stack = aws.stack()
    stack.up(WHOLE)
    stack.proxy.arm()
    stack.up(None, "--expect-no-changes")
    if asked := stack.proxy.calls + stack.proxy.reads:
        raise Wrong(f"`pulumi up` without a change asked {asked}")
    stack.destroyed()


def secret_in_program(aws):
    """A secret that stands in the program in plain text stands so nowhere else, not even in a state on the way."""
    stack = aws.stack()
    del stack.environment["PULUMI_SKIP_CHECKPOINTS"]
    stack.up(changed(WHOLE, jaffle={"secrets": {"API_KEY": "not-so-secret"}}))
    stack.compare()
    stack.destroyed()


def destroyed_at_once(aws, program, at, answered):
    """The first `up` is killed, and `destroy` follows instead of another `up`."""
    stack = aws.stack()
    stack.killed(at, answered, program)
    destroy_or_name(stack)
    stack.up()
    stack.compare()
    stack.destroyed()


def destroyed_all_over(aws, point, points, answered):
    """The same, killed at one of the points spread over the whole `up`."""
    destroyed_at_once(aws, WHOLE, spread(aws.calls(WHOLE), points)[point], answered)


def answers_lost(aws):
    """The first answer to every call of `up`, of an update and of `destroy` is lost; the SDK repeats them."""
    first, second = aws.reference(WHOLE), aws.reference(WHOLE, UPDATED)
    stack = aws.stack()
    stack.proxy.deaf = True
    for program, wanted in (WHOLE, first), (UPDATED, second):
        stack.up(program)
        same(wanted, stack.compare())
    stack.destroyed()


def replaced(aws, disturbance=None, *at):
    """A replacement, and what happens on its way."""
    wanted = aws.reference(SMALL, MOVED)
    stack = aws.stack()
    stack.up(SMALL)
    if disturbance:
        getattr(stack, disturbance)(*at, resources=MOVED)
    stack.up(MOVED)
    same(wanted, stack.compare())
    stack.destroyed()


def taken_back(aws, program, other, at, named):
    """A change is killed once the new object was made, and then taken back. A component's `destroy` names what is left
    if it holds data or is a whole network; nobody looks for what is left of a building block used alone."""
    wanted = aws.reference(program)
    stack = aws.stack()
    stack.up(program)
    before = objects(aws)
    stack.killed(at, True, other)
    made = objects(aws) - before
    stack.up(program)
    same(wanted, stack.compare(apart=made))
    left = destroy_or_name(stack) if named else made
    if left != made:
        raise Wrong(f"`pulumi destroy` left {sorted(left)} of {sorted(made)}")
    for kind, identifier in left:
        by_hand(aws, kind, identifier)
    stack.destroyed()


def replaced_by_hand(aws):
    """`pulumi up --replace`, one resource after another."""
    stack = aws.stack()
    stack.up(WHOLE)
    for name, options, stays in (
        ("jaffle-task-role", [], False), ("analytics-logs", [], False), ("analytics-warehouse", [], False),
        ("analytics-warehouse-secret", [], False),
        ("analytics-private-0", [], True), ("analytics-private-0", ["--refresh"], True),
    ):
        before = stack.ids()[name]
        output = stack.up(None, "--replace", stack.urn(name), *options)
        stack.compare()
        if (stack.ids()[name] == before) != stays:
            raise Wrong(f"{name} {' '.join(options)} was {before} and is {stack.ids()[name]}")
        if (f"{before[1]} was taken over" in output) != stays:
            raise Wrong(f"a warning is {'missing' if stays else 'too much'}:\n{output}")
    stack.destroyed()


def image_replaced(aws):
    """`pulumi up --replace` of an image, which is the same again and stays."""
    stack = aws.stack()
    stack.up(WHOLE)
    stack.up(None, "--replace", stack.urn("jaffle-image"))
    stack.compare()
    stack.destroyed()


def renamed(aws, program, names):
    """Resources get new names by aliases; later ones take the old names; then these, or those, are removed."""
    kept = {name: resource for name, resource in program.items() if name not in names}
    later = {name: program[name] for name in names}
    first = {f"{name}ish": {**program[name], "options": {"aliases": [{"name": name}]}} for name in names}
    stack = aws.stack()
    stack.up(program)
    before = stack.ids()
    stack.up({**kept, **first})
    if sorted(stack.ids().values()) != sorted(before.values()):
        raise Wrong(f"an alias changed {before} to {stack.ids()}")
    before = stack.ids()
    stack.up({**kept, **first, **later})
    stack.compare()
    unchanged(before, stack.ids())
    stack.up({**kept, **first})
    stack.compare()
    unchanged(before, stack.ids())
    stack.up({**kept, **first, **later})
    both = stack.ids()
    stack.up({**kept, **later})
    stack.compare()
    unchanged(stack.ids(), both)
    stack.destroyed()


def made_again(aws):
    """Removed and added again, destroyed and made again."""
    wanted = aws.reference(BOTH)
    stack = aws.stack()
    for program in BOTH, SMALL, BOTH:
        stack.up(program)
    same(wanted, stack.compare())
    stack.destroyed()
    stack.up()
    same(wanted, stack.compare())
    stack.destroyed()


def retained(aws):
    """What was retained on delete is not touched by what is made under its name later."""
    one, two = public("10.0.0.0/16"), public("10.1.0.0/16")["one"]
    stack = aws.stack()
    stack.up(one)
    before = objects(aws)
    stack.up({**one, "two": {**two, "options": {"retainOnDelete": True}}})
    stack.up(one)
    apart = objects(aws) - before
    stack.up({**one, "two": two})
    stack.compare(apart=apart)
    stack.up(one)
    stack.compare(apart=apart)
    stack.destroyed(apart)


def two_people(aws):
    """Two people's stacks have the same name, in one account."""
    wanted = aws.reference(SMALL)
    one, other = aws.stack(), aws.stack()
    one.up(SMALL)
    other.killed("CreateSecurityGroup", True, SMALL)
    other.up()
    same(wanted, one.compare(other))
    same(wanted, other.compare(one))
    one.destroy()
    same(wanted, other.compare())
    other.destroyed()


def moved_away(aws):
    """The state is taken to another machine."""
    wanted = aws.reference(SMALL, MOVED)
    here, there = aws.stack(), aws.stack()
    here.up(SMALL)
    there.imported(here.exported())
    there.up(SMALL, "--expect-no-changes")
    there.killed("CreateSubnet", True, MOVED)
    there.up()
    same(wanted, there.compare())
    there.destroyed()


def older_state(aws, old, new):
    """An older copy of the state comes back. Data that it does not know stays, whatever follows."""
    stack = aws.stack()
    stack.up(old)
    copy_of_it = stack.exported()
    stack.up(new)
    data = {key for key in objects(aws) if key[0] in DATA}
    stack.imported(copy_of_it)
    stack.up()
    there, own = objects(aws), set(stack.ids().values())
    if lost := (data | own) - there:
        raise Wrong(f"gone: {sorted(lost)}")
    stack.pulumi("destroy", "--stack=dev", fails=None)
    if lost := data - own - objects(aws):
        raise Wrong(f"swept: {sorted(lost)}")


def region_changed(aws, at):
    """The region changes, and that is killed."""
    stack = aws.stack()
    stack.up(SMALL)
    stack.pulumi("config", "set", "dbt-aws:region", ELSEWHERE, "--stack=dev")
    stack.region = ELSEWHERE
    stack.killed(at, True)
    stack.up()
    stack.compare()
    if left := {key for key in objects(aws) if key[0] not in WORLDWIDE}:
        raise Wrong(f"left in {REGION}: {sorted(left)}")
    stack.destroyed()


def other_provider(aws, at):
    """The first `up` is killed; then the program has a provider of its own."""
    program = public("10.0.0.0/16")
    stack = aws.stack()
    stack.killed(at, True, program)
    program["one"]["options"] = {"provider": "${own}"}
    stack.up({"own": {"type": "pulumi:providers:dbt-aws", "properties": {"region": REGION}}, **program})
    stack.compare()
    stack.destroyed()


def deleted_from_state(aws):
    """Entries were deleted from the state: the objects are taken over."""
    program = {**BLOCKS, **network(), "one": platform()}
    wanted = aws.reference(program)
    stack = aws.stack()
    stack.up(program)
    before = stack.ids()
    for name in "one-logs", "one-artifacts", "one-cluster", "one-tasks", "lake", "lines", "group":
        stack.pulumi("state", "delete", stack.urn(name), "--stack=dev", "--target-dependents")
    stack.up()
    same(wanted, stack.compare())
    unchanged({name: key for name, key in before.items() if name != "one-tasks-out"}, stack.ids())
    stack.destroyed()


def renamed_in_state(aws, program, *names):
    """Entries were renamed in the state: what the program names is there in the end, and nothing else."""
    wanted = aws.reference(program)
    stack = aws.stack()
    stack.up(program)
    for name in names:
        stack.pulumi("state", "rename", stack.urn(name), f"{name}ish", "--stack=dev")
    stack.up()
    same(wanted, stack.compare())
    stack.destroyed()


def imported_elsewhere(aws):
    """An object that is another resource's by now is not taken over."""
    stack = aws.stack()
    stack.up(SMALL)
    name = stack.ids()["one-logs"][1]
    # The dashboard that names it goes too.
    stack.pulumi("state", "delete", stack.urn("one-logs"), "--stack=dev", "--target-dependents")
    stack.pulumi("import", "dbt-aws:logs:LogGroup", "mine", name, "--stack=dev", "--protect=false", "--generate-code=false")
    mine = {"type": "dbt-aws:logs:LogGroup", "properties": {"name": name, "retentionDays": 30}}
    output = stack.up({**SMALL, "mine": mine}, fails=True)
    if name not in output:
        raise Wrong(f"{name} is not named:\n{output}")
    # It may have its new owner's marker by now, so it goes with that.
    stack.pulumi("destroy", "--stack=dev", "--target", stack.urn("mine"))
    stack.up(SMALL)
    stack.compare()
    stack.destroyed()


def without_generations(aws):
    """A state has none of the hidden properties, as one that an older version wrote."""
    wanted = aws.reference(SMALL, MOVED)
    stack = aws.stack()
    stack.up(SMALL)
    state, before = stack.exported(), stack.ids()
    for resource in state["deployment"]["resources"]:
        for part in "inputs", "outputs":
            for hidden in "__generation", "__seed", "__claim":
                resource.get(part, {}).pop(hidden, None)
    stack.imported(state)
    stack.up()
    unchanged(before, stack.ids())
    stack.compare()
    stack.up(MOVED)
    same(wanted, stack.compare())
    stack.destroyed()


def updated(aws, disturbance, points, *answered):
    """An update, and the same back again, is disturbed at as many of its calls; the next `up` ends it."""
    ways = []
    for programs in (WHOLE, UPDATED), (WHOLE, UPDATED, WHOLE):
        ways.append((programs[-1], aws.reference(*programs), aws.calls(*programs)))
    stack = aws.stack()
    stack.up(WHOLE)
    for point in range(points):
        program, wanted, calls = ways[point % 2]
        at = spread(calls, points)[point]
        try:
            getattr(stack, disturbance)(at, *answered, resources=program)
            stack.up()
            same(wanted, stack.compare())
        except Wrong as wrong:
            raise Wrong(f"at call {at} of {calls}: {wrong}") from None
    stack.destroyed()


CASES = [
    ("permissions", permissions.enough, WHOLE, UPDATED, BLOCKS["lake"]),
    ("projects-apart", isolation.apart, WHOLE),
    ("not-in-model", documents.refused),
    ("errors recovered", errors.recovered, WHOLE),
    ("errors told", errors.told),
    ("no-change", untouched),
    ("secret-in-program", secret_in_program),
    ("update refused", updated, "refused", 4),
    ("update killed-before", updated, "killed", 2, False),
    ("update killed-after", updated, "killed", 2, True),
    *((f"first-up-killed-then-destroy {at}", destroyed_at_once, public("10.0.0.0/16"), at, True)
      for at in ("CreateVpc", "CreateSubnet", "CreateSecurityGroup", "PUT /one-artifacts")),
    ("first-up-killed-then-destroy CreateDBInstance", destroyed_at_once, with_postgres("first"), "CreateDBInstance",
     True),
    *((f"first-up-killed-then-destroy whole {at}", destroyed_at_once, WHOLE, at, True)
      for at in ("CreateLogGroup", "AllocateAddress", "CreateCluster", "CreateRepository", "CreateNatGateway",
                 "CreateVpcEndpoint", "CreateSecret", "CreateQueue", "CreateRole", "PUT /v2/.*/manifests/", "RegisterTaskDefinition",
                 "CreateStateMachine", "POST /schedules/")),
    *((f"first-up-killed-then-destroy whole before {1 + point} of 4", destroyed_all_over, point, 4, False)
      for point in range(4)),
    ("answers-lost", answers_lost),
    ("replacement", replaced),
    ("replacement killed-before", replaced, "killed", "CreateVpc", False),
    ("replacement killed-after", replaced, "killed", "CreateVpc", True),
    ("replacement killed-deleting", replaced, "killed", "DeleteSubnet", True),
    ("replacement answer-lost", replaced, "unanswered", "CreateVpc"),
    ("replacement delete-failed", replaced, "refused", "DeleteVpc"),
    ("taken-back group", taken_back, BLOCKS, changed(BLOCKS, group={"description": "second"}), "CreateSecurityGroup",
     False),
    ("taken-back network", taken_back, public("10.0.0.0/16"), public("10.1.0.0/16"), "CreateVpc", True),
    ("taken-back database", taken_back, with_postgres("first"), with_postgres("second"), "CreateDBInstance",
     True),
    ("replaced-by-hand", replaced_by_hand),
    ("replaced-by-hand image", image_replaced),
    ("renamed component", renamed, SMALL, ["one"]),
    ("made-again", made_again),
    ("retained", retained),
    ("two-people", two_people),
    ("moved-to-another-machine", moved_away),
    ("older-state added", older_state, SMALL, {**SMALL, "two": public("10.2.0.0/16")["one"], "lake": BLOCKS["lake"]}),
    ("older-state replaced", older_state, with_postgres("first"), with_postgres("second")),
    *((f"region-changed {at}", region_changed, at) for at in ("CreateVpc", "CreateCluster", "DeleteSecurityGroup")),
    *((f"other-provider {at}", other_provider, at) for at in ("CreateVpc", "CreateSubnet", "CreateCluster")),
    ("deleted-from-state", deleted_from_state),
    ("renamed-in-state children", renamed_in_state, SMALL, "one-logs", "one-artifacts", "one-cluster"),
    ("renamed-in-state blocks", renamed_in_state, BLOCKS, "lake", "lines", "group"),
    ("imported-elsewhere", imported_elsewhere),
    ("state-without-generations", without_generations),
]
