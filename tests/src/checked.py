"""Holds the provider's requests to AWS's models, before moto answers them."""
import io
import json
import re
import threading
from collections import Counter

from declared import action, kind_of, undeclared
from models import NotInModel, check
from refusal import refusal

# Where requests hold documents with a language of their own: the type and the property that CloudFormation has for it.
DOCUMENTS = {
    ("iam", "CreateRole", "AssumeRolePolicyDocument"): ("AWS::IAM::Role", "AssumeRolePolicyDocument"),
    ("iam", "UpdateAssumeRolePolicy", "PolicyDocument"): ("AWS::IAM::Role", "AssumeRolePolicyDocument"),
    ("iam", "PutRolePolicy", "PolicyDocument"): ("AWS::IAM::RolePolicy", "PolicyDocument"),
    ("s3", "PutBucketPolicy", "Policy"): ("AWS::S3::BucketPolicy", "PolicyDocument"),
    ("sqs", "CreateQueue", "Attributes"): ("AWS::SQS::QueuePolicy", "PolicyDocument"),
    ("sqs", "SetQueueAttributes", "Attributes"): ("AWS::SQS::QueuePolicy", "PolicyDocument"),
    ("sns", "CreateTopic", "Attributes"): ("AWS::SNS::TopicPolicy", "PolicyDocument"),
    ("events", "PutRule", "EventPattern"): ("AWS::Events::Rule", "EventPattern"),
    ("ec2", "CreateVpcEndpoint", "PolicyDocument"): ("AWS::EC2::VPCEndpoint", "PolicyDocument"),
    ("ec2", "ModifyVpcEndpoint", "PolicyDocument"): ("AWS::EC2::VPCEndpoint", "PolicyDocument"),
    ("ecr", "SetRepositoryPolicy", "policyText"): ("AWS::ECR::Repository", "RepositoryPolicyText"),
    ("stepfunctions", "CreateStateMachine", "definition"): ("AWS::StepFunctions::StateMachine", "DefinitionString"),
    ("stepfunctions", "UpdateStateMachine", "definition"): ("AWS::StepFunctions::StateMachine", "DefinitionString"),
}
# What differs from one object to the next.
NAMES = re.compile(r"-(?=[a-z]*[0-9])[0-9a-z]{6,}\b")


def documents(service, operation, parameters):
    """The documents in a request: type, property, text."""
    for name, value in parameters.items():
        if place := DOCUMENTS.get((service, operation, name)):
            text = value.get("Policy", "") if isinstance(value, dict) else value
            if text:
                yield *place, NAMES.sub("-0", text)


class Checked:
    """Answers what is not in the models with an error that no caller expects. What was found is at /checked."""

    def __init__(self, app):
        self.app, self.lock = app, threading.Lock()
        self.operations, self.documents, self.refused, self.seen = Counter(), set(), [], {}
        self.needed = set()

    def __call__(self, environ, start_response):
        path, agent = environ["PATH_INFO"], environ.get("HTTP_USER_AGENT", "")
        if path == "/checked":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self.report()).encode()]
        # The witness's requests are made from the models.
        if path.startswith("/moto-api/") or "Botocore" in agent:
            return self.app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        if not (reason := self.reason(environ, headers, body, kind_of(agent))):
            return self.app(environ, start_response)
        status, more, content = refusal(headers, body, 400, "NotInModel", reason)
        start_response(f"{status} Bad Request", list(more.items()))
        return [content.encode()]

    def reason(self, environ, headers, body, kind):
        """Why AWS's models, or what the provider declares for that kind, do not allow a request; none where they do."""
        method, target = environ["REQUEST_METHOD"], environ.get("RAW_URI") or environ["PATH_INFO"]
        scope = headers.get("authorization", "").partition(",")[0]
        key = hash((method, target, scope, headers.get("x-amz-target"), body))
        with self.lock:
            needed = self.seen.get(key)
        try:
            if not needed:
                service, operation, parameters = check(method, target, headers, body)
                needed = action(service, operation)
                with self.lock:
                    self.seen[key] = needed
                    self.operations[f"{service} {operation}"] += 1
                    self.documents.update(documents(service, operation, parameters))
            if kind and (wrong := undeclared(kind, needed)):
                raise NotInModel(wrong)
        except NotInModel as wrong:
            with self.lock:
                self.refused.append(str(wrong))
            return str(wrong)
        if kind:
            with self.lock:
                self.needed.add((kind, needed))
        return None

    def report(self):
        """What was checked, what was refused, and the documents."""
        with self.lock:
            return {"operations": self.operations, "refused": self.refused, "documents": sorted(self.documents)}
