"""The roles of a project's containers reach no artifacts, secrets and log streams of another project on the platform."""
import json

import boto3
from botocore.exceptions import ClientError
from moto.iam.access_control import IAMPolicy, PermissionResult
from stack import REGION, Wrong

PROJECTS = "jaffle", "sales"


class Role:
    """A role of a stack, with the policies that it has in AWS."""

    def __init__(self, aws, name):
        self.iam, self.name, self.url = aws.client("iam"), name, aws.url
        names = self.iam.list_role_policies(RoleName=name)["PolicyNames"]
        self.policies = {each: self.iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in names}

    def s3(self):
        """S3 for a user who may do what the role may, since moto holds users to their policies."""
        self.iam.create_user(UserName=self.name)
        for name, policy in self.policies.items():
            self.iam.put_user_policy(UserName=self.name, PolicyName=name, PolicyDocument=json.dumps(policy))
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        return boto3.client("s3", endpoint_url=self.url, region_name=REGION, aws_access_key_id=key["AccessKeyId"],
                            aws_secret_access_key=key["SecretAccessKey"])

    def may(self, action, resource):
        """Whether it may, as moto's own judge of policies says; of requests, moto judges the resource in S3 alone."""
        judges = [IAMPolicy(json.dumps(policy)) for policy in self.policies.values()]
        return any(judge.is_action_permitted(action, resource) == PermissionResult.PERMITTED for judge in judges)


def apart(aws, program):
    """Refuses a role that reaches what is another project's, or does not reach its own."""
    stack = aws.stack()
    stack.up({**program, "sales": program["jaffle"]})
    there = {each["urn"].rpartition("::")[2]: each for each in stack.deployment()["resources"]}
    bucket, logs = there["analytics-artifacts"]["id"], there["analytics-logs"]["outputs"]["arn"].removesuffix(":*")
    tasks, executions = ({project: Role(aws, there[f"{project}-{kind}-role"]["id"]) for project in PROJECTS} for kind in ("task", "execution"))
    clients = {project: role.s3() for project, role in tasks.items()}
    secrets = {project: [r["outputs"]["arn"] for name, r in there.items()
                         if r["type"] == "dbt-aws:secretsmanager:Secret" and name.startswith(f"{project}-")] for project in PROJECTS}
    # moto sees no request as one by TLS, which the bucket's policy asks for.
    aws.client("s3").delete_bucket_policy(Bucket=bucket)
    found = {}
    for project in PROJECTS:
        key = f"{project}/prod/latest/manifest.json"
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
        for other in PROJECTS:
            own = other == project
            calls = {"reads": "get_object", "writes": "put_object", "lists": "list_objects_v2"}
            for verb, call in calls.items():
                given = {"Prefix": f"{project}/"} if verb == "lists" else {"Key": key}
                found[f"{other} {verb} artifacts of {project}"] = (allowed(getattr(clients[other], call), Bucket=bucket, **given), own and verb != "lists")
            for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
                stream = f"{logs}:log-stream:{project}/dbt/0123456789abcdef"
                found[f"{other} has {action} on {stream}"] = (executions[other].may(action, stream), own)
            for secret in secrets[project]:
                found[f"{other} starts with {secret}"] = (executions[other].may("secretsmanager:GetSecretValue", secret), own)
                found[f"{other} reads {secret}"] = (tasks[other].may("secretsmanager:GetSecretValue", secret), False)
    if len(secrets["sales"]) < 2 or (wrong := [what for what, (is_so, should) in found.items() if is_so != should]):
        raise Wrong(f"the roles of projects are not apart: {wrong}; secrets: {secrets}")


def allowed(call, **given):
    """Whether a call is, as AWS answers it."""
    try:
        call(**given)
        return True
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return False
