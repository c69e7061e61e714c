"""AWS's errors in its own words (errors.json), each answered once: an `up` and a `destroy` end well, or tell them."""
import json
import re
from fnmatch import fnmatchcase

from stack import HERE, Wrong, same

ERRORS = json.loads((HERE / "errors.json").read_text())
# The resources that others need.
AROUND = {
    "net": {"type": "dbt-aws:ec2:Vpc", "properties": {"cidrBlock": "10.0.0.0/16"}},
    **{f"zone{zone}": {"type": "dbt-aws:ec2:Subnet", "properties": {
        "vpcId": "${net.vpcId}", "cidrBlock": f"10.0.{zone}.0/24", "zoneIndex": zone}} for zone in (0, 1)},
}


def recovered(aws, program):
    """What AWS is not ready for, too busy for or at fault in is tried again: nothing is left of it."""
    wanted = aws.reference(program)
    stack = aws.stack()
    for phase, run in ("up", lambda: stack.up(program)), ("destroy", stack.destroyed):
        aws.proxy.arm(errors=ERRORS[phase])
        run()
        if left := aws.proxy.errors:
            raise Wrong(f"`pulumi {phase}` makes no such call: {left}")
        if phase == "up":
            same(wanted, stack.compare())


def told(aws):
    """What AWS refuses for good is told, with the object, AWS's words and what to do."""
    rows = ERRORS["told"]
    provider = {"type": "pulumi:providers:dbt-aws", "properties": {"region": "us-east-1", "maxRetries": 0}}
    resources = {row["resource"]: {"type": row["type"], "properties": row["properties"]} for row in rows}
    stack = aws.stack()
    aws.proxy.arm(errors=[{**row, "always": True} for row in rows])
    program = {name: {**each, "options": {"provider": "${own}"}} for name, each in {**AROUND, **resources}.items()}
    output = stack.up({"own": provider, **program}, "--continue-on-error", fails=True)
    lines = [re.sub(r"^\s*error: ", "", line) for line in output.splitlines()]
    wrong = [row["told"] for row in rows if not any(fnmatchcase(line, row["told"].replace("[", "[[]")) for line in lines)]
    if wrong:
        raise Wrong("\n".join(["not told:", *wrong, "but:", output]))
    aws.proxy.arm()
    stack.destroyed()
