"""What an account holds of the kinds that we make, asked by a client that knows nothing of the provider."""
import os
import subprocess

import boto3
import jmespath

# Service, operation, and where its answer has the ids. What AWS still lists for a while after its end is left out.
LISTS = {
    "VPCs": ("ec2", "describe_vpcs", "Vpcs[].VpcId"),
    "subnets": ("ec2", "describe_subnets", "Subnets[].SubnetId"),
    "internet gateways": ("ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId"),
    "NAT gateways": ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].NatGatewayId"),
    "elastic IPs": ("ec2", "describe_addresses", "Addresses[].AllocationId"),
    "route tables": ("ec2", "describe_route_tables", "RouteTables[].RouteTableId"),
    "VPC endpoints": ("ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted'].VpcEndpointId"),
    "security groups": ("ec2", "describe_security_groups", "SecurityGroups[].GroupId"),
    "databases": ("rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    "database snapshots": ("rds", "describe_db_snapshots", "DBSnapshots[].DBSnapshotIdentifier"),
    "database subnet groups": ("rds", "describe_db_subnet_groups", "DBSubnetGroups[].DBSubnetGroupName"),
    "database parameter groups": ("rds", "describe_db_parameter_groups", "DBParameterGroups[].DBParameterGroupName"),
    "secrets": ("secretsmanager", "list_secrets", "SecretList[].ARN"),
    "buckets": ("s3", "list_buckets", "Buckets[].Name"),
    "log groups": ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    "roles": ("iam", "list_roles", "Roles[].Arn"),
    "clusters": ("ecs", "list_clusters", "clusterArns[]"),
    "task definitions": ("ecs", "list_task_definitions", "taskDefinitionArns[]"),
    "repositories": ("ecr", "describe_repositories", "repositories[].repositoryArn"),
    "state machines": ("stepfunctions", "list_state_machines", "stateMachines[].stateMachineArn"),
    "schedules": ("scheduler", "list_schedules", "Schedules[].Arn"),
    "tables": ("dynamodb", "list_tables", "TableNames[]"),
    "rules": ("events", "list_rules", "Rules[].Name"),
    "topics": ("sns", "list_topics", "Topics[].TopicArn"),
    "subscriptions": ("sns", "list_subscriptions", "Subscriptions[].SubscriptionArn"),
    "functions": ("lambda", "list_functions", "Functions[].FunctionName"),
    "queues": ("sqs", "list_queues", "QueueUrls[]"),
}
# A secret whose deletion is planned is still there.
OPTIONS = {"list_secrets": {"IncludePlannedDeletion": True}}
KINDS = [*LISTS, "containers"]


def inventory():
    """All there is, as (kind, id)."""
    found = {("containers", name) for name in containers()}
    for kind, (service, operation, ids) in LISTS.items():
        client, options = boto3.client(service), OPTIONS.get(operation, {})
        pages = client.get_paginator(operation).paginate if client.can_paginate(operation) else lambda **o: [getattr(client, operation)(**o)]
        found |= {(kind, each) for page in pages(**options) for each in jmespath.search(ids, page) or []}
    return found


def containers():
    """The emulator's containers, by name; AWS has none that could be asked for."""
    if not (label := os.environ.get("DBT_AWS_CONTAINER_LABEL")):
        return []
    command = ["docker", "ps", "--all", "--filter", f"label={label}", "--format", "{{.Names}}"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
