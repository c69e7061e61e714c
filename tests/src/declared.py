"""The IAM actions that each kind of resource, component and function declares, as docs/permissions.md has them, and those
that its calls need."""
import re
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
