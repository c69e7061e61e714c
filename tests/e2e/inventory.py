"""What an account holds, asked by a client that knows nothing of the provider."""
import os
import subprocess

import boto3

LISTS = [
    ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    ("ec2", "describe_subnets", "Subnets", "SubnetId"),
    ("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    ("ec2", "describe_addresses", "Addresses", "AllocationId"),
    ("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    ("rds", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    ("rds", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"),
    ("ecs", "list_clusters", "clusterArns", None),
    ("ecs", "list_task_definitions", "taskDefinitionArns", None),
    ("ecr", "describe_repositories", "repositories", "repositoryArn"),
    ("iam", "list_roles", "Roles", "Arn"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("scheduler", "list_schedules", "Schedules", "Arn"),
    ("secretsmanager", "list_secrets", "SecretList", "ARN"),
    ("sqs", "list_queues", "QueueUrls", None),
    ("stepfunctions", "list_state_machines", "stateMachines", "stateMachineArn"),
]
# A secret whose deletion is planned is still there.
OPTIONS = {"list_secrets": {"IncludePlannedDeletion": True}}


def inventory():
    """Everything that lives, as `service operation: id`; what AWS keeps listing for a while after its end is left out."""
    found = {f"container: {name}" for name in containers()}
    for service, operation, key, name in LISTS:
        client, options = boto3.client(service), OPTIONS.get(operation, {})
        pages = client.get_paginator(operation).paginate if client.can_paginate(operation) else lambda **o: [getattr(client, operation)(**o)]
        for page in pages(**options):
            for item in page.get(key, []):
                if name is None or item.get("State") != "deleted":
                    found.add(f"{service} {key}: {item if name is None else item[name]}")
    return found


def containers():
    """The emulator's containers, by name; AWS has none that could be asked for."""
    if not (label := os.environ.get("DBT_AWS_CONTAINER_LABEL")):
        return []
    command = ["docker", "ps", "--all", "--filter", f"label={label}", "--format", "{{.Names}}"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
