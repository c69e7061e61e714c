"""What the emulator holds, asked by an independent client, under the ids that the state has."""
import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import boto3

# What differs between two runs that make the same: ids of what has no resource, times, addresses, seed and generation.
VOLATILE = [
    (re.compile(r"\b(vpc-cidr-assoc|rtbassoc|eipassoc|eni|acl|eipalloc|nat|vpc|subnet|sg|rtb|igw|dopt|vpce|sgr)-[0-9a-f]{8,}"), r"\1"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "uuid"),
    (re.compile(r"\b(\d{1,3}\.){3}\d{1,3}(?![\d/])"), "address"),
    (re.compile(r"(uuid|[a-z2-9]{10})/\d*[a-z2-9]{10}/"), ""),
    (re.compile(r"(:secret:[^\":]*)-[A-Za-z0-9]{6}(?=[\":])"), r"\1"),
    (re.compile(r"-\d*[a-z2-9]{10}\""), '"'),
    (re.compile(r"http://address:\d+"), "endpoint"),
]
IGNORED = {"ResponseMetadata", "RoleId", "DbiResourceId", "SecretVersionsToStages", "VersionIdsToStages", "revisionId",
           "revision", "taskDefinitionArn", "CreatedTimestamp", "LastModifiedTimestamp", "creationTime", "RevisionId", "TableId"}


class Inventory:
    """The objects of one region, less those that every account has."""

    def __init__(self, url, region):
        services = "ec2", "rds", "ecs", "iam", "secretsmanager", "s3", "logs", "stepfunctions", "scheduler", "sqs", "ecr", \
            "dynamodb", "events", "sns", "lambda", "cloudwatch"
        session = boto3.Session(region_name=region)
        self.clients = {service: session.client(service, endpoint_url=url) for service in services}

    def ask(self, service, call, items, **arguments):
        """The items of a list call's answer."""
        return getattr(self.clients[service], call)(**arguments)[items]

    def objects(self):
        """Everything as ((type, id), description)."""
        with ThreadPoolExecutor(4) as pool:
            return [each for part in pool.map(lambda part: list(part(self)), PARTS) for each in part]


def ec2(aws):
    """The network."""
    def ask(call, items, **arguments):
        return aws.ask("ec2", call, items, **arguments)

    for type_, call, items, key in (
        ("Vpc", "describe_vpcs", "Vpcs", "VpcId"),
        ("Subnet", "describe_subnets", "Subnets", "SubnetId"),
        ("InternetGateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        ("ElasticIp", "describe_addresses", "Addresses", "AllocationId"),
        ("NatGateway", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
        ("VpcEndpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ):
        for each in ask(call, items):
            default = each.get("IsDefault") or each.get("DefaultForAz")
            if each.get("State") not in ("deleted", "deleting") and not default:
                yield (f"ec2:{type_}", each[key]), each
    for table in ask("describe_route_tables", "RouteTables"):
        if any(a.get("Main") for a in table["Associations"]):
            continue
        routes, associations = table.pop("Routes"), table.pop("Associations")
        yield ("ec2:RouteTable", table["RouteTableId"]), table
        for route in routes:
            if route.get("GatewayId") != "local" and "DestinationCidrBlock" in route:
                yield ("ec2:Route", f"{table['RouteTableId']}_{route['DestinationCidrBlock']}"), route
        for association in associations:
            yield ("ec2:RouteTableAssociation", association["SubnetId"]), association
    groups = {g["GroupId"]: g for g in ask("describe_security_groups", "SecurityGroups") if g["GroupName"] != "default"}
    for key, group in groups.items():
        yield ("ec2:SecurityGroup", key), {k: v for k, v in group.items() if not k.startswith("IpPermissions")}
    for rule in ask("describe_security_group_rules", "SecurityGroupRules"):
        if rule["GroupId"] in groups:
            yield ("ec2:SecurityGroupRule", rule["SecurityGroupRuleId"]), rule


def rds(aws):
    """The warehouse."""
    for each in aws.ask("rds", "describe_db_instances", "DBInstances"):
        yield ("rds:Instance", each["DBInstanceIdentifier"]), each
    for each in aws.ask("rds", "describe_db_subnet_groups", "DBSubnetGroups"):
        each["Subnets"].sort(key=lambda s: s["SubnetIdentifier"])
        yield ("rds:SubnetGroup", each["DBSubnetGroupName"]), {**each, "Subnets": len(each["Subnets"])}
    for each in aws.ask("rds", "describe_db_parameter_groups", "DBParameterGroups"):
        name = each["DBParameterGroupName"]
        parameters = aws.ask("rds", "describe_db_parameters", "Parameters", DBParameterGroupName=name)
        yield ("rds:ParameterGroup", name), {**each, "Parameters": parameters}
    for each in aws.ask("rds", "describe_db_snapshots", "DBSnapshots", SnapshotType="manual"):
        yield ("rds:Snapshot", each["DBSnapshotIdentifier"]), each


def containers(aws):
    """The cluster and its task definitions."""
    for arn in aws.ask("ecs", "list_clusters", "clusterArns"):
        described = aws.ask("ecs", "describe_clusters", "clusters", clusters=[arn], include=["TAGS", "SETTINGS"])
        if described[0]["status"] != "INACTIVE":
            yield ("ecs:Cluster", arn.rpartition("/")[2]), described
    arns = aws.ask("ecs", "list_task_definitions", "taskDefinitionArns")
    # An update leaves the revisions before it to the runs that are under way; a create leaves none.
    for family, revisions in Counter(arn.rpartition("/")[2].partition(":")[0] for arn in arns).items():
        described = aws.ask("ecs", "describe_task_definition", "taskDefinition", taskDefinition=family)
        yield ("ecs:TaskDefinition", family), {**described, "updated": revisions > 1}


def roles(aws):
    """The roles with their policies."""
    for role in aws.ask("iam", "list_roles", "Roles"):
        name = role["RoleName"]
        policies = [aws.ask("iam", "get_role_policy", "PolicyDocument", RoleName=name, PolicyName=policy)
                    for policy in aws.ask("iam", "list_role_policies", "PolicyNames", RoleName=name)]
        attached = aws.ask("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
        yield ("iam:Role", name), {**role, "policies": policies, "attached": attached}


def buckets(aws):
    """The buckets with their settings."""
    for bucket in aws.ask("s3", "list_buckets", "Buckets"):
        name, settings = bucket["Name"], {}
        for setting in ("bucket_encryption", "bucket_lifecycle_configuration", "bucket_policy", "bucket_tagging",
                        "public_access_block"):
            try:
                settings[setting] = getattr(aws.clients["s3"], f"get_{setting}")(Bucket=name)
            except aws.clients["s3"].exceptions.ClientError as error:
                settings[setting] = error.response["Error"]["Code"]
        yield ("s3:Bucket", name), settings


def images(aws):
    """The repositories and the images in them."""
    for each in aws.ask("ecr", "describe_repositories", "repositories"):
        name, policy = each["repositoryName"], None
        try:
            policy = aws.ask("ecr", "get_lifecycle_policy", "lifecyclePolicyText", repositoryName=name)
        except aws.clients["ecr"].exceptions.LifecyclePolicyNotFoundException:
            pass
        tags = aws.ask("ecr", "list_tags_for_resource", "tags", resourceArn=each["repositoryArn"])
        # One that is used again has several tags.
        digests = sorted({image["imageDigest"] for image in aws.ask("ecr", "list_images", "imageIds", repositoryName=name)})
        yield ("ecr:Repository", name), {**each, "policy": policy, "tags": tags, "images": digests}
        for digest in digests:
            yield ("ecr:Image", f"{name}@{digest}"), digest


def others(aws):
    """Secrets, logs, state machines, schedules, queues."""
    for each in aws.ask("secretsmanager", "list_secrets", "SecretList", IncludePlannedDeletion=True):
        yield ("secretsmanager:Secret", each["Name"]), each
    for each in aws.ask("logs", "describe_log_groups", "logGroups"):
        tags = aws.ask("logs", "list_tags_log_group", "tags", logGroupName=each["logGroupName"])
        yield ("logs:LogGroup", each["logGroupName"]), {**each, "tags": tags}
    for each in aws.ask("stepfunctions", "list_state_machines", "stateMachines"):
        arn = each["stateMachineArn"]
        described = aws.clients["stepfunctions"].describe_state_machine(stateMachineArn=arn)
        tags = aws.ask("stepfunctions", "list_tags_for_resource", "tags", resourceArn=arn)
        yield ("sfn:StateMachine", arn), {**described, "tags": tags}
    for each in aws.ask("scheduler", "list_schedules", "Schedules"):
        described = aws.clients["scheduler"].get_schedule(Name=each["Name"], GroupName=each["GroupName"])
        yield ("scheduler:Schedule", f"{each['GroupName']}/{each['Name']}"), described
    for name in aws.ask("dynamodb", "list_tables", "TableNames"):
        table = aws.ask("dynamodb", "describe_table", "Table", TableName=name)
        expiry = aws.ask("dynamodb", "describe_time_to_live", "TimeToLiveDescription", TableName=name)
        tags = aws.ask("dynamodb", "list_tags_of_resource", "Tags", ResourceArn=table["TableArn"])
        yield ("dynamodb:Table", name), {**table, "expiry": expiry, "tags": tags}
    for each in aws.ask("events", "list_rules", "Rules"):
        targets = aws.ask("events", "list_targets_by_rule", "Targets", Rule=each["Name"])
        tags = aws.ask("events", "list_tags_for_resource", "Tags", ResourceARN=each["Arn"])
        yield ("events:Rule", each["Name"]), {**each, "targets": targets, "tags": tags}
    for each in aws.ask("cloudwatch", "describe_alarms", "MetricAlarms"):
        tags = aws.ask("cloudwatch", "list_tags_for_resource", "Tags", ResourceARN=each["AlarmArn"])
        yield ("cloudwatch:MetricAlarm", each["AlarmName"]), {**each, "tags": tags}
    for each in aws.ask("cloudwatch", "list_dashboards", "DashboardEntries"):
        body = aws.ask("cloudwatch", "get_dashboard", "DashboardBody", DashboardName=each["DashboardName"])
        tags = aws.ask("cloudwatch", "list_tags_for_resource", "Tags", ResourceARN=each["DashboardArn"])
        yield ("cloudwatch:Dashboard", each["DashboardName"]), {"body": body, "tags": tags}
    for each in aws.ask("sns", "list_topics", "Topics"):
        attributes = aws.ask("sns", "get_topic_attributes", "Attributes", **each)
        tags = aws.ask("sns", "list_tags_for_resource", "Tags", ResourceArn=each["TopicArn"])
        yield ("sns:Topic", each["TopicArn"].rpartition(":")[2]), {**attributes, "tags": tags}
    for each in aws.ask("sns", "list_subscriptions", "Subscriptions"):
        yield ("sns:Subscription", "/".join(each[key] for key in ("TopicArn", "Protocol", "Endpoint"))), each
    for each in aws.ask("lambda", "list_functions", "Functions"):
        name = each.pop("FunctionName")
        found = aws.clients["lambda"].get_function(FunctionName=name)
        kept = {k: v for k, v in each.items() if k not in ("LastModified", "RevisionId")}
        yield ("lambda:Function", name), {**kept, "tags": found.get("Tags", {})}
    for url in aws.clients["sqs"].list_queues().get("QueueUrls", []):
        attributes = aws.ask("sqs", "get_queue_attributes", "Attributes", QueueUrl=url, AttributeNames=["All"])
        yield ("sqs:Queue", url.rpartition("/")[2]), {k: v for k, v in attributes.items() if "Timestamp" not in k}


PARTS = (ec2, rds, containers, roles, buckets, images, others)


def described(description, names):
    """A description in which every run that makes the same has the same text: ids become resources' names."""
    def plain(value):
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in IGNORED and not isinstance(v, datetime)}
        if isinstance(value, list):
            return sorted((plain(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True, default=str))
        if isinstance(value, str) and value.startswith("{"):
            try:
                return plain(json.loads(value))
            except ValueError:
                return value
        return value

    text = json.dumps(plain(description), sort_keys=True, default=str)
    for key in sorted(names, key=len, reverse=True):
        text = text.replace(key, f"<{names[key]}>")
    for pattern, replacement in VOLATILE:
        text = pattern.sub(replacement, text)
    # Lists are sorted by what ids were; sort again by what stands for them.
    return json.dumps(plain(json.loads(text)), sort_keys=True)
