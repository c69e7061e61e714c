"""The policies of docs/permissions.md."""
import json
import re
from fnmatch import fnmatchcase

from declared import PAGE
from stack import REGION, Wrong

# The most characters that a managed policy has, without white space.
LONGEST = 6144
# What the roles of projects may do only with some inputs, which the page names beside the boundary.
OF_INPUTS = {
    "kms:Decrypt", "kms:GenerateDataKey", "ssm:GetParameters", "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"}


def documents():
    """The policies of the page, for the emulator's account and region: those of the deploying identity, and the boundary."""
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    texts = [block.replace("111122223333", "123456789012").replace("eu-west-1", REGION) for block in blocks]
    *deploying, boundary = [policy for policy in map(json.loads, texts) if "Version" in policy]
    return deploying, boundary


def policies():
    """The policies of the deploying identity."""
    return documents()[0]


def deployer(iam):
    """The environment of a user who has these policies and no other."""
    iam.create_user(UserName="deployer")
    for number, policy in enumerate(policies()):
        length = len(json.dumps(policy, separators=(",", ":")))
        if length > LONGEST:
            raise Wrong(f"policy {number} has {length} characters, {LONGEST} fit")
        iam.put_user_policy(UserName="deployer", PolicyName=str(number), PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def statements():
    """All statements."""
    return [statement for policy in policies() for statement in policy["Statement"]]


def listed(value):
    """A list of what may stand alone."""
    return value if isinstance(value, list) else [value]


def named(deployment):
    """Refuses an object that no pattern of the policies names."""
    patterns = [pattern for statement in statements() for pattern in listed(statement["Resource"]) if pattern != "*"]
    for resource in deployment["resources"]:
        arn = (resource.get("outputs") or {}).get("arn")
        by_id = resource["type"].startswith("dbt-aws:ec2:")
        if arn and not by_id and not any(fnmatchcase(arn.removesuffix(":*"), pattern) for pattern in patterns):
            raise Wrong(f"no policy names {arn}")


def bounded():
    """Refuses what a role of a component may do and the boundary does not allow, but for what only some inputs need."""
    statements = documents()[1]["Statement"]
    allowed = {action for statement in statements for action in listed(statement["Action"])}
    components = PAGE.parent.parent / "provider/src/components"
    source = "".join((components / name).read_text() for name in ("project/policies.rs", "project/webhooks.rs", "platform/runs.rs"))
    keys = {"aws:SourceAccount", "aws:SourceArn", "dynamodb:LeadingKeys", "ecs:CreateAction", "iam:PassedToService", "kms:ViaService"}
    made = set(re.findall(r'"([a-z0-9]+:[A-Z][A-Za-z]+)"', source)) - keys
    if missing := made - allowed - OF_INPUTS:
        raise Wrong(f"the boundary in docs/permissions.md lacks {sorted(missing)}")


def enough(aws, program, updated, other):
    """They are enough for a whole life of programs, and for nothing of another name."""
    bounded()
    stack = aws.stack()
    stack.environment |= deployer(aws.client("iam"))
    marts = {"type": "dbt-aws:DbtSchedule", "properties": {
        "project": "${jaffle.handle}", "after": {"schedule": "${nightly.handle}"}}}
    stack.up({**program, "nightly-marts": marts})
    named(stack.deployment())
    stack.up(updated)
    stack.pulumi("refresh", "--stack=dev")
    output = stack.up({**updated, "lake": other}, fails=True)
    if "they lack s3:ListBucket" not in output:
        raise Wrong(f"a bucket of another name was refused for another reason:\n{output}")
    stack.up(program)
    stack.destroyed()
