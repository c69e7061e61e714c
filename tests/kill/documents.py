"""What the emulators found of the provider's requests, and cfn-lint's word on the policies and definitions in them."""
import json
import logging
import re
import urllib.request
from collections import Counter

from stack import Wrong

# What a run of every case checks at least: requests, different operations, and documents.
FLOOR = {"requests": 7000, "operations": 115, "documents": 75}
# What CloudFormation wants besides the document, with a number for what no two may share.
BESIDES = {
    "AWS::IAM::Role": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
    "AWS::IAM::RolePolicy": {"PolicyName": "name", "RoleName": "role{}"},
    "AWS::S3::BucketPolicy": {"Bucket": "bucket{}"},
    "AWS::SQS::QueuePolicy": {"Queues": ["https://sqs.us-east-1.amazonaws.com/123456789012/queue{}"]},
    "AWS::SNS::TopicPolicy": {"Topics": ["arn:aws:sns:us-east-1:123456789012:topic{}"]},
    "AWS::Events::Rule": {"Name": "rule{}"},
    "AWS::EC2::VPCEndpoint": {"VpcId": "vpc-0123456789abcdef0", "ServiceName": "com.amazonaws.us-east-1.s3"},
    "AWS::ECR::Repository": {"RepositoryName": "repository{}"},
    "AWS::StepFunctions::StateMachine": {"RoleArn": "arn:aws:iam::123456789012:role/name"},
}
TIMEOUT = re.compile(r'"TimeoutSeconds": ?"{%[^"]*%}"')
# Documents that cfn-lint must refuse: a check that lets them pass would let all pass.
REFUSED = [
    ("AWS::IAM::RolePolicy", "PolicyDocument",
     '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObjekt"],"Resource":["*"]}]}'),
    ("AWS::IAM::Role", "AssumeRolePolicyDocument",
     '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole"]}]}'),
    ("AWS::S3::BucketPolicy", "PolicyDocument",
     '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:*"],"Resource":["*"],'
     '"Condition":{"StringSimilar":{"a":"b"}}}]}'),
    ("AWS::StepFunctions::StateMachine", "DefinitionString", '{"StartAt":"One","States":{"One":{"Type":"Pas","End":true}}}'),
]


def linted(documents):
    """What cfn-lint finds wrong with documents, each the property of a template's resource."""
    logging.disable(logging.CRITICAL)
    from cfnlint.api import ManualArgs, lint  # it takes its time
    resources, texts = {}, {}
    for number, (kind, name, text) in enumerate(documents):
        # cfn-lint does not know that a timeout may be a query.
        value = TIMEOUT.sub('"TimeoutSeconds":1', text) if name == "DefinitionString" else json.loads(text)
        besides = json.loads(json.dumps(BESIDES[kind]).replace("{}", str(number)))
        resources[f"Document{number}"] = {"Type": kind, "Properties": {**besides, name: value}}
        texts[f"Document{number}"] = text
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
    found = lint(json.dumps(template, indent=1), config=ManualArgs(regions=["us-east-1"]))
    for match in found:
        place = [str(step) for step in match.path or ()]
        if match.rule.id[0] in "EW":
            yield f"{match.rule.id} {match.message}: {'/'.join(place)}: {texts.get(place[1]) if len(place) > 1 else ''}"


def reports(clouds):
    """What all emulators found."""
    operations, refused, documents = Counter(), [], set()
    for aws in clouds:
        report = json.loads(urllib.request.urlopen(f"{aws.url}/checked").read())
        operations.update(report["operations"])
        refused += report["refused"]
        documents.update(map(tuple, report["documents"]))
    return operations, refused, sorted(documents)


def true_to_aws(clouds, whole):
    """Refuses a request that AWS's models do not have, a document that cfn-lint does not take, and a check that has seen
    too little."""
    operations, refused, documents = reports(clouds)
    wrong = [each for each in refused if each not in PLANTED]
    found = list(linted([*documents, *REFUSED]))
    wrong += [each for each in found if not any(text in each for *_, text in REFUSED)]
    wrong += [f"cfn-lint takes {text}" for *_, text in REFUSED if not any(text in each for each in found)]
    found = {"requests": operations.total(), "operations": len(operations), "documents": len(documents)}
    print(f"held to AWS's models: {found}", flush=True)
    wrong += [f"{found[name]} {name} were checked, not {least}" for name, least in FLOOR.items() if whole and found[name] < least]
    if wrong:
        raise Wrong("\n".join(wrong))


# What was refused as it should be.
PLANTED = set()


def refused(aws):
    """Requests that no model has are refused on the way to the emulator, each for its reason."""
    before = reports([aws])[1]
    scope = "AWS4-HMAC-SHA256 Credential=test/20260131/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
    form = {"content-type": "application/x-www-form-urlencoded"}
    ecs = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonEC2ContainerServiceV20141113.CreateCluster"}
    for service, method, path, headers, body, reason in (
            ("ec2", "POST", "/", form, "Action=CreateVpc&Version=2016-11-15&planted=1", "planted is no member"),
            ("ec2", "POST", "/", form, "Action=planted&Version=2016-11-15", "no operation 'planted'"),
            ("ec2", "POST", "/", form, "Action=CreateSubnet&Version=2016-11-15&CidrBlock=planted", "VpcId is missing"),
            ("ec2", "POST", "/", form, "Action=CreateVpc&Version=2016-11-15&InstanceTenancy=planted", "none of default, dedicated, host"),
            ("ecs", "POST", "/", form, "Action=CreateVpc&Version=2016-11-15&a=planted", "asked as ''"),
            ("ecs", "POST", "/", ecs, '{"clusterName": "planted", "tags": [{"key": 3}]}', "tags.0.key. is no string"),
            ("iam", "POST", "/", form, "Action=GetRole&Version=2010-05-08&RoleName=planted/x", "not of the form"),
            ("iam", "POST", "/", form, f"Action=GetRole&Version=2010-05-08&RoleName=planted{'x' * 64}", "has the size 71"),
            ("s3", "PUT", "/planted?tagging", {}, "<Tagging><Planted/></Tagging>", "Planted is no member"),
            ("s3", "PUT", "/planted", {"x-amz-planted": "1"}, "", "x-amz-planted is no header"),
            ("scheduler", "POST", "/schedules/planted", {"content-type": "application/json"}, "{}", "Target is missing"),
            ("planted", "POST", "/", form, "", "no service planted")):
        request = urllib.request.Request(aws.proxy.url + path, body.encode(), method=method,
                                         headers={**headers, "authorization": scope.format(service)})
        try:
            answer = urllib.request.urlopen(request).read()
        except urllib.error.HTTPError as error:
            answer = error.read()
        if reason not in answer.decode():
            raise Wrong(f"{service} {body or path} is answered with {answer}")
    PLANTED.update(reports([aws])[1][len(before):])
