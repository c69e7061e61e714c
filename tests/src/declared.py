"""The IAM actions that each kind of resource, component and function declares, as docs/permissions.md has them, and those
that its calls need. Run by itself it compares the two over all that the tests since `make test` began have called."""
import json
import os
import re
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/permissions.md"
# Those of S3 that are not named as its calls, and the services that are not named as in botocore.
NAMES = {
    "DeleteBucketEncryption": "PutEncryptionConfiguration", "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteObjects": "DeleteObject", "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration", "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket", "ListBuckets": "ListAllMyBuckets", "ListObjectVersions": "ListBucketVersions",
    "PutBucketEncryption": "PutEncryptionConfiguration", "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
SERVICES = {"stepfunctions": "states"}
# What the provider may ask for whatever it does.
ALWAYS = {"sts:AssumeRole", "sts:GetCallerIdentity"}
# What no test can see: the kinds, the actions, why.
UNSEEN = [
    ("ecr:Image", "ecr:BatchCheckLayerAvailability ecr:CompleteLayerUpload ecr:GetDownloadUrlForLayer "
     "ecr:InitiateLayerUpload ecr:PutImage ecr:UploadLayerPart", "the registry's own protocol needs them"),
    (".*", "iam:PassRole", "AWS wants it of who gives a role to a service"),
    ("lambda:Function", "lambda:ListTags", "AWS leaves the tags out of its answer without it"),
    (".*", "iam:CreateServiceLinkedRole", "AWS wants it of the first who uses a service in an account"),
    ("rds:Instance", "rds:CreateDBSnapshot", "a delete with a last snapshot needs it"),
    ("s3:Bucket", "s3:TagResource", "a create with tags needs it"),
    ("s3:Bucket", "s3:DeleteObjectVersion", "a call that deletes objects needs it for their versions"),
    ("logs:LogGroup", "logs:AssociateKmsKey logs:DisassociateKmsKey", "moto does not have them"),
    ("rds:ParameterGroup", "rds:ResetDBParameterGroup", "moto does not have it"),
    ("ecs:Cluster", "ecs:StopTask", "moto has no task that keeps a cluster"),
    ("ecs:TaskDefinition", "ecs:TagResource ecs:UntagResource", "a change of tags alone needs them"),
    ("ec2:(Subnet|Vpc)", "ec2:DeleteVpcEndpoints", "GuardDuty's endpoint goes with whichever of them finds it first"),
    ("DbtPlatform", "ec2:DescribeAvailabilityZones", "a platform in three zones or in some by name needs it"),
    ("DbtProject", "ecs:DescribeClusters", "a project on Spot in a cluster that the platform has not made needs it"),
]
KIND = re.compile(r"md/kind#dbt-aws\.(\S+)")

ROW = re.compile(r"^\| `([^`]+)` \| (`[a-z0-9]+:[A-Z].*) \|$", re.MULTILINE)
ACTIONS = {kind: set(re.findall(r"`([^`]+)`", actions)) for kind, actions in
           ROW.findall(PAGE.read_text().partition("## What each resource needs")[2])}


def action(service, operation):
    """The action that a call needs."""
    return f"{SERVICES.get(service, service)}:{NAMES.get(operation, operation) if service == 's3' else operation}"


def kind_of(agent):
    """For what a call of the provider's is made; none where the call is somebody else's."""
    if "aws-sdk-rust" not in agent:
        return None
    found = KIND.search(agent)
    return found[1].removeprefix("index.").replace(".", ":") if found else "nothing"


def undeclared(kind, needed):
    """What is wrong with a call for a kind that needs that action."""
    if needed in ALWAYS or needed in ACTIONS.get(kind, ()):
        return None
    return f"{kind} calls what needs {needed} and does not declare that"


def record(needed):
    """Keeps what kinds have called for the comparison, where there is to be one."""
    if folder := os.environ.get("DBT_AWS_CALLS"):
        (Path(folder) / f"{os.getpid()}.json").write_text(json.dumps(sorted(needed)))


def idle(needed):
    """What is declared though nothing was called that needs it."""
    for kind, actions in ACTIONS.items():
        unseen = {action for kinds, unseen, _ in UNSEEN if re.fullmatch(kinds, kind) for action in unseen.split()}
        called = {action for of, action in needed if of == kind}
        if left := sorted(actions - called - unseen):
            yield f"{kind} declares {', '.join(left)} and no test calls what needs that"


def main():
    """Prints what is idle; the exit code."""
    files = list(Path(os.environ["DBT_AWS_CALLS"]).glob("*.json"))
    found = list(idle({tuple(call) for file in files for call in json.loads(file.read_text())}))
    print("\n".join(found or [f"{sum(map(len, ACTIONS.values()))} declared actions are called"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
