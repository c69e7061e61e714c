"""The objects of a program, made, looked at and removed by boto3: what the provider is measured beside.

    objects.py create|check|delete platform|demo STATE [--parallel]

One after the other, or as parallel as they depend on one another. Answers as JSON: seconds without imports and the
making of clients, CPU of the process with and without these, the number of objects.
"""
import argparse
import contextlib
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Callable

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from graph import run

SERVICES = ("ec2", "rds", "ecs", "iam", "secretsmanager", "s3", "logs", "stepfunctions", "scheduler", "sqs", "dynamodb", "events",
            "sns", "cloudwatch")
MARKER = f"objects-{secrets.token_hex(4)}"
ANYWHERE = "0.0.0.0/0"


@dataclass
class Object:
    """An object: what it needs, and what boto3 calls for it. The calls get the ids of what was made before."""
    needs: tuple
    create: Callable
    check: Callable = lambda ids: None
    delete: Callable = lambda ids: None


def pairs(name, key="Key", value="Value"):
    """The tags of an object."""
    return [{key: "Name", value: name}, {key: "marker", value: f"{MARKER}/{name}"}]


def tagged(kind, name):
    return [{"ResourceType": kind, "Tags": pairs(name)}]


def network(aws):
    """A VPC with two private and two public subnets, and the ways out of it."""
    ec2 = aws["ec2"]

    def vpc(ids):
        made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", "vpc"))["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=made, EnableDnsHostnames={"Value": True})
        return made

    def look_at_vpc(ids):
        ec2.describe_vpcs(VpcIds=[ids["vpc"]])
        ec2.describe_vpc_attribute(VpcId=ids["vpc"], Attribute="enableDnsHostnames")

    yield "vpc", Object((), vpc, look_at_vpc, lambda ids: ec2.delete_vpc(VpcId=ids["vpc"]))
    yield "zones", Object((), lambda ids: sorted(zone["ZoneName"] for zone in ec2.describe_availability_zones(Filters=[
        {"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]},
    ])["AvailabilityZones"]))
    for kind, first in ("private", 0), ("public", 128):
        for zone in 0, 1:
            yield from subnet(ec2, f"{kind}-{zone}", f"10.0.{first + 16 * zone}.0/20", zone)
            yield from association(ec2, f"{kind}-{zone}", f"private-routes-{zone}" if kind == "private" else "public-routes")
    for name in "private-routes-0", "private-routes-1", "public-routes":
        yield from route_table(ec2, name)

    yield "internet", Object(
        (), lambda ids: ec2.create_internet_gateway(
            TagSpecifications=tagged("internet-gateway", "internet"))["InternetGateway"]["InternetGatewayId"],
        lambda ids: ec2.describe_internet_gateways(InternetGatewayIds=[ids["internet"]]),
        lambda ids: ec2.delete_internet_gateway(InternetGatewayId=ids["internet"]))
    yield "attachment", Object(
        ("vpc", "internet"),
        lambda ids: ec2.attach_internet_gateway(InternetGatewayId=ids["internet"], VpcId=ids["vpc"]) and "attached",
        delete=lambda ids: ec2.detach_internet_gateway(InternetGatewayId=ids["internet"], VpcId=ids["vpc"]))
    yield "address", Object(
        (), lambda ids: ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", "address"))["AllocationId"],
        lambda ids: ec2.describe_addresses(AllocationIds=[ids["address"]]),
        lambda ids: ec2.release_address(AllocationId=ids["address"]))

    def nat(ids):
        made = ec2.create_nat_gateway(AllocationId=ids["address"], SubnetId=ids["public-0"],
                                      TagSpecifications=tagged("natgateway", "nat"))["NatGateway"]["NatGatewayId"]
        ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[made])
        return made

    def remove_nat(ids):
        ec2.delete_nat_gateway(NatGatewayId=ids["nat"])
        ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[ids["nat"]])

    yield "nat", Object(("address", "public-0", "attachment"), nat,
                        lambda ids: ec2.describe_nat_gateways(NatGatewayIds=[ids["nat"]]), remove_nat)
    yield from route(ec2, "public-routes", "GatewayId", "internet", "attachment")
    for zone in 0, 1:
        yield from route(ec2, f"private-routes-{zone}", "NatGatewayId", "nat", "nat")
    tables = "private-routes-0", "private-routes-1", "public-routes"
    yield "endpoint", Object(
        ("vpc", *tables), lambda ids: ec2.create_vpc_endpoint(
            VpcEndpointType="Gateway", VpcId=ids["vpc"], ServiceName=f"com.amazonaws.{ec2.meta.region_name}.s3",
            RouteTableIds=[ids[table] for table in tables],
            TagSpecifications=tagged("vpc-endpoint", "endpoint"))["VpcEndpoint"]["VpcEndpointId"],
        lambda ids: ec2.describe_vpc_endpoints(VpcEndpointIds=[ids["endpoint"]]),
        lambda ids: ec2.delete_vpc_endpoints(VpcEndpointIds=[ids["endpoint"]]))
    for name in "tasks", "warehouse":
        yield from security_group(ec2, name)
    yield from rule(ec2, "tasks-out", "egress", "tasks", ("tasks",), lambda ids: {
        "IpProtocol": "-1", "IpRanges": [{"CidrIp": ANYWHERE, "Description": "to the warehouse, AWS and package indexes"}]})
    yield from rule(ec2, "warehouse-from-tasks", "ingress", "warehouse", ("tasks", "warehouse"), lambda ids: {
        "IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": ids["tasks"]}]})


def subnet(ec2, name, block, zone):
    yield name, Object(
        ("vpc", "zones"), lambda ids: ec2.create_subnet(
            VpcId=ids["vpc"], CidrBlock=block, AvailabilityZone=ids["zones"][zone],
            TagSpecifications=tagged("subnet", name))["Subnet"]["SubnetId"],
        lambda ids: ec2.describe_subnets(SubnetIds=[ids[name]]), lambda ids: ec2.delete_subnet(SubnetId=ids[name]))


def route_table(ec2, name):
    yield name, Object(
        ("vpc",), lambda ids: ec2.create_route_table(
            VpcId=ids["vpc"], TagSpecifications=tagged("route-table", name))["RouteTable"]["RouteTableId"],
        lambda ids: ec2.describe_route_tables(RouteTableIds=[ids[name]]),
        lambda ids: ec2.delete_route_table(RouteTableId=ids[name]))


def association(ec2, name, table):
    yield f"{name}-association", Object(
        (name, table),
        lambda ids: ec2.associate_route_table(SubnetId=ids[name], RouteTableId=ids[table])["AssociationId"],
        lambda ids: ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [ids[name]]}]),
        lambda ids: ec2.disassociate_route_table(AssociationId=ids[f"{name}-association"]))


def route(ec2, table, kind, target, needed):
    yield f"{table}-route", Object(
        (table, needed), lambda ids: ec2.create_route(
            RouteTableId=ids[table], DestinationCidrBlock=ANYWHERE, **{kind: ids[target]}) and "made",
        lambda ids: ec2.describe_route_tables(RouteTableIds=[ids[table]]),
        lambda ids: ec2.delete_route(RouteTableId=ids[table], DestinationCidrBlock=ANYWHERE))


def security_group(ec2, name):
    def create(ids):
        made = ec2.create_security_group(VpcId=ids["vpc"], GroupName=name, Description=f"dbt {name}",
                                         TagSpecifications=tagged("security-group", name))["GroupId"]
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": ANYWHERE}]}]
        try:
            ec2.revoke_security_group_egress(GroupId=made, IpPermissions=everything)
        except ClientError as error:
            # EC2 may not know the group yet.
            if error.response["Error"]["Code"] != "InvalidGroup.NotFound":
                raise
            ec2.revoke_security_group_egress(GroupId=made, IpPermissions=everything)
        return made

    yield name, Object(("vpc",), create, lambda ids: ec2.describe_security_groups(GroupIds=[ids[name]]),
                       lambda ids: ec2.delete_security_group(GroupId=ids[name]))


def rule(ec2, name, way, group, needs, permission):
    yield name, Object(
        needs, lambda ids: getattr(ec2, f"authorize_security_group_{way}")(
            GroupId=ids[group], IpPermissions=[permission(ids)], TagSpecifications=tagged("security-group-rule", name),
        )["SecurityGroupRules"][0]["SecurityGroupRuleId"],
        lambda ids: ec2.describe_security_group_rules(SecurityGroupRuleIds=[ids[name]]),
        lambda ids: getattr(ec2, f"revoke_security_group_{way}")(
            GroupId=ids[group], SecurityGroupRuleIds=[ids[name]]))


def warehouse(aws):
    """A database, and what it needs."""
    rds, manager = aws["rds"], aws["secretsmanager"]
    password = secrets.token_hex(16)
    yield "secret", Object(
        (), lambda ids: manager.create_secret(
            Name=f"{MARKER}-secret", Description="the administrator of the warehouse", Tags=pairs("secret"),
            SecretString=json.dumps({"username": "dbt", "password": password}))["ARN"],
        lambda ids: manager.describe_secret(SecretId=ids["secret"]),
        lambda ids: manager.delete_secret(SecretId=ids["secret"], ForceDeleteWithoutRecovery=True))

    def parameters(ids):
        name = f"{MARKER}-parameters"
        rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily="postgres17",
                                      Description="parameters", Tags=pairs("parameters"))
        rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=[
            {"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}])
        return name

    def look_at_parameters(ids):
        rds.describe_db_parameter_groups(DBParameterGroupName=ids["parameters"])
        rds.describe_db_parameters(DBParameterGroupName=ids["parameters"], Source="user")

    yield "parameters", Object((), parameters, look_at_parameters,
                               lambda ids: rds.delete_db_parameter_group(DBParameterGroupName=ids["parameters"]))
    yield "subnets", Object(
        ("private-0", "private-1"), lambda ids: rds.create_db_subnet_group(
            DBSubnetGroupName=f"{MARKER}-subnets", DBSubnetGroupDescription="subnets", Tags=pairs("subnets"),
            SubnetIds=[ids["private-0"], ids["private-1"]])["DBSubnetGroup"]["DBSubnetGroupName"],
        lambda ids: rds.describe_db_subnet_groups(DBSubnetGroupName=ids["subnets"]),
        lambda ids: rds.delete_db_subnet_group(DBSubnetGroupName=ids["subnets"]))

    def instance(ids):
        name = f"{MARKER}-instance"
        rds.create_db_instance(
            DBInstanceIdentifier=name, Engine="postgres", EngineVersion="17", DBInstanceClass="db.t4g.micro",
            AllocatedStorage=20, StorageType="gp3", StorageEncrypted=True, MultiAZ=False, DBName="analytics",
            MasterUsername="dbt", MasterUserPassword=password, DBSubnetGroupName=ids["subnets"],
            VpcSecurityGroupIds=[ids["warehouse"]], DBParameterGroupName=ids["parameters"], BackupRetentionPeriod=7,
            DeletionProtection=False, PubliclyAccessible=False, CopyTagsToSnapshot=True,
            EngineLifecycleSupport="open-source-rds-extended-support-disabled", Tags=pairs("instance"))
        rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name)
        return name

    def remove_instance(ids):
        rds.delete_db_instance(DBInstanceIdentifier=ids["instance"], SkipFinalSnapshot=True)
        rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=ids["instance"])

    yield "instance", Object(("parameters", "subnets", "warehouse"), instance,
                             lambda ids: rds.describe_db_instances(DBInstanceIdentifier=ids["instance"]), remove_instance)


def place(aws):
    """Where runs take place, and what they leave."""
    ecs, s3, logs = aws["ecs"], aws["s3"], aws["logs"]
    yield "cluster", Object(
        (), lambda ids: ecs.create_cluster(clusterName=f"{MARKER}-cluster", tags=pairs("cluster", "key", "value"),
                                           settings=[{"name": "containerInsights", "value": "disabled"}])["cluster"]["clusterArn"],
        lambda ids: ecs.describe_clusters(clusters=[ids["cluster"]], include=["TAGS", "SETTINGS"]),
        lambda ids: ecs.delete_cluster(cluster=ids["cluster"]))

    def bucket(ids):
        name = f"{MARKER}-artifacts"
        s3.create_bucket(Bucket=name)
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={
            "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True})
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs("artifacts")})
        arn = f"arn:aws:s3:::{name}"
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
            "Sid": "DenyInsecureTransport", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}))
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [{
            "ID": "expire-runs", "Status": "Enabled", "Expiration": {"Days": 90},
            "Filter": {"Tag": {"Key": "dbt-aws-kind", "Value": "run"}}}]})
        return name

    def look_at_bucket(ids):
        for get in ("public_access_block", "bucket_tagging", "bucket_policy", "bucket_lifecycle_configuration"):
            getattr(s3, f"get_{get}")(Bucket=ids["artifacts"])

    yield "artifacts", Object((), bucket, look_at_bucket, lambda ids: s3.delete_bucket(Bucket=ids["artifacts"]))

    def group(ids):
        name = f"{MARKER}-logs"
        logs.create_log_group(logGroupName=name, tags={"Name": "logs", "marker": f"{MARKER}/logs"})
        logs.put_retention_policy(logGroupName=name, retentionInDays=30)
        return name

    yield "logs", Object((), group, lambda ids: logs.describe_log_groups(logGroupNamePrefix=ids["logs"]),
                         lambda ids: logs.delete_log_group(logGroupName=ids["logs"]))


def runs(aws):
    """What the runs of all projects share. The documents are shorter than ours."""
    dynamodb = aws["dynamodb"]

    def table(ids):
        name = f"{MARKER}-runs"
        dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", Tags=pairs("runs"),
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])
        # botocore's own waiters look every 20 s.
        while dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
            time.sleep(0.2)
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
        return name

    def look_at_table(ids):
        arn = dynamodb.describe_table(TableName=ids["runs"])["Table"]["TableArn"]
        dynamodb.describe_time_to_live(TableName=ids["runs"])
        dynamodb.describe_continuous_backups(TableName=ids["runs"])
        dynamodb.list_tags_of_resource(ResourceArn=arn)

    def remove_table(ids):
        dynamodb.delete_table(TableName=ids["runs"])
        with contextlib.suppress(dynamodb.exceptions.ResourceNotFoundException):
            while dynamodb.describe_table(TableName=ids["runs"]):
                time.sleep(0.2)

    yield "runs", Object((), table, look_at_table, remove_table)
    yield from role(aws, "finish-role", "states", ("runs", "cluster"), lambda ids: [
        (["dynamodb:GetItem", "dynamodb:PutItem"], f"arn:aws:dynamodb:*:*:table/{ids['runs']}")])
    yield from machine(aws, "finish", "finish-role", ("runs",), lambda ids: {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    yield from role(aws, "starter-role", "events", ("finish",), lambda ids: [(["states:StartExecution"], ids["finish"])])
    metrics = aws["cloudwatch"]

    def dashboard(ids):
        name, text = f"{MARKER}-dashboard", {"markdown": f"# {ids['runs']} {ids['logs']}"}
        body = json.dumps({"widgets": [{"type": "text", "width": 6, "height": 2, "properties": text}]})
        metrics.put_dashboard(DashboardName=name, DashboardBody=body, Tags=pairs("dashboard"))
        return name

    yield "dashboard", Object(
        ("runs", "logs"), dashboard,
        lambda ids: metrics.list_tags_for_resource(
            ResourceARN=metrics.get_dashboard(DashboardName=ids["dashboard"])["DashboardArn"]),
        lambda ids: metrics.delete_dashboards(DashboardNames=[ids["dashboard"]]))


def machine(aws, name, role, needs, definition):
    states = aws["stepfunctions"]

    def remove(ids):
        states.delete_state_machine(stateMachineArn=ids[name])
        # It is there until its executions have ended.
        with contextlib.suppress(states.exceptions.StateMachineDoesNotExist):
            for each in states.list_executions(stateMachineArn=ids[name], statusFilter="RUNNING")["executions"]:
                states.stop_execution(executionArn=each["executionArn"])
            while states.describe_state_machine(stateMachineArn=ids[name]):
                time.sleep(0.2)

    yield name, Object(
        (role, *needs),
        lambda ids: states.create_state_machine(
            name=f"{MARKER}-{name}", roleArn=ids[role], tags=pairs(name, "key", "value"),
            definition=json.dumps(definition(ids)))["stateMachineArn"],
        lambda ids: [states.describe_state_machine(stateMachineArn=ids[name]),
                     states.list_tags_for_resource(resourceArn=ids[name])],
        remove)


def project(aws):
    """A dbt project that runs on the platform, and its schedule. The documents are shorter than ours."""
    ecs, manager, scheduler, sqs = aws["ecs"], aws["secretsmanager"], aws["scheduler"], aws["sqs"]
    sns, metrics = aws["sns"], aws["cloudwatch"]
    yield "api-key", Object(
        (), lambda ids: manager.create_secret(Name=f"{MARKER}-api-key", SecretString="not-so-secret",
                                              Tags=pairs("api-key"))["ARN"],
        lambda ids: [manager.describe_secret(SecretId=ids["api-key"]), manager.get_secret_value(SecretId=ids["api-key"])],
        lambda ids: manager.delete_secret(SecretId=ids["api-key"], ForceDeleteWithoutRecovery=True))
    yield from role(aws, "execution-role", "ecs-tasks", ("logs", "secret", "api-key"), lambda ids: [
        (["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:logs:*:*:log-group:{ids['logs']}:*"),
        (["secretsmanager:GetSecretValue"], [ids["secret"], ids["api-key"]])])
    yield from role(aws, "task-role", "ecs-tasks", ("artifacts",), lambda ids: [
        (["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging"], f"arn:aws:s3:::{ids['artifacts']}/*")])
    yield from role(aws, "machine-role", "states", ("task", "execution-role", "task-role"), lambda ids: [
        (["ecs:RunTask"], ids["task"]), (["iam:PassRole"], [ids["execution-role"], ids["task-role"]])])
    yield from role(aws, "scheduler-role", "scheduler", ("machine", "dead-letters"), lambda ids: [
        (["states:StartExecution"], ids["machine"]), (["sqs:SendMessage"], "*")])
    yield "task", Object(
        ("execution-role", "task-role", "secret", "api-key", "logs", "instance"),
        lambda ids: ecs.register_task_definition(
            family=f"{MARKER}-task", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="1024", memory="2048",
            executionRoleArn=ids["execution-role"], taskRoleArn=ids["task-role"], volumes=[{"name": "tmp"}],
            runtimePlatform={"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
            tags=pairs("task", "key", "value"), containerDefinitions=[{
                "name": "dbt", "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/jaffle:1",
                "environment": [{"name": "DBT_AWS_TIMEOUT_SECONDS", "value": "3600"}],
                "secrets": [{"name": "API_KEY", "valueFrom": ids["api-key"]}, {"name": "WAREHOUSE", "valueFrom": ids["secret"]}],
                "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp"}], "readonlyRootFilesystem": True,
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": ids["logs"]}}}],
        )["taskDefinition"]["taskDefinitionArn"],
        lambda ids: ecs.describe_task_definition(taskDefinition=ids["task"], include=["TAGS"]),
        lambda ids: ecs.deregister_task_definition(taskDefinition=ids["task"]))
    yield "dead-letters", Object(
        (), lambda ids: sqs.create_queue(QueueName=f"{MARKER}-dead-letters", tags={"Name": "dead-letters"}, Attributes={
            "MessageRetentionPeriod": "1209600"})["QueueUrl"],
        lambda ids: [sqs.get_queue_attributes(QueueUrl=ids["dead-letters"], AttributeNames=["All"]),
                     sqs.list_queue_tags(QueueUrl=ids["dead-letters"])],
        lambda ids: sqs.delete_queue(QueueUrl=ids["dead-letters"]))

    yield "topic", Object(
        (), lambda ids: sns.create_topic(Name=f"{MARKER}-topic", Tags=pairs("topic"))["TopicArn"],
        lambda ids: [sns.get_topic_attributes(TopicArn=ids["topic"]), sns.list_tags_for_resource(ResourceArn=ids["topic"])],
        lambda ids: sns.delete_topic(TopicArn=ids["topic"]))
    yield from machine(
        aws, "machine", "machine-role", ("task", "cluster", "private-0", "private-1", "tasks", "topic", "finish"),
        lambda ids: {"StartAt": "Run dbt", "States": {"Run dbt": {
            "Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": True, "Parameters": {
                "Cluster": ids["cluster"], "TaskDefinition": ids["task"], "LaunchType": "FARGATE",
                "NetworkConfiguration": {"AwsvpcConfiguration": {
                    "Subnets": [ids["private-0"], ids["private-1"]], "SecurityGroups": [ids["tasks"]]}}}}}})

    yield from event_rule(aws, "ends", ("machine",), lambda ids: {
        "source": ["aws.states"], "detail": {"stateMachineArn": [ids["machine"]]}})

    def alarm(ids):
        name, queue = f"{MARKER}-alarm", ids["dead-letters"].rpartition("/")[2]
        metrics.put_metric_alarm(
            AlarmName=name, Namespace="AWS/SQS", MetricName="NumberOfMessagesSent", Statistic="Sum", Period=3600, EvaluationPeriods=1,
            Threshold=0, ComparisonOperator="GreaterThanThreshold", Tags=pairs("alarm"), Dimensions=[{"Name": "QueueName", "Value": queue}])
        return name

    yield "alarm", Object(
        ("dead-letters",), alarm,
        lambda ids: metrics.list_tags_for_resource(
            ResourceARN=metrics.describe_alarms(AlarmNames=[ids["alarm"]])["MetricAlarms"][0]["AlarmArn"]),
        lambda ids: metrics.delete_alarms(AlarmNames=[ids["alarm"]]))
    yield from event_rule(aws, "not-started", ("alarm", "machine", "task"), lambda ids: {
        "source": ["aws.cloudwatch"], "detail": {"alarmName": [ids["alarm"]]}})
    name = f"{MARKER}-schedule"
    yield "schedule", Object(
        ("machine", "scheduler-role", "dead-letters"),
        lambda ids: scheduler.create_schedule(
            Name=name, ScheduleExpression="cron(30 6 * * ? *)", FlexibleTimeWindow={"Mode": "OFF"}, State="ENABLED",
            Target={"Arn": ids["machine"], "RoleArn": ids["scheduler-role"], "Input": "{}"}) and name,
        lambda ids: scheduler.get_schedule(Name=ids["schedule"]),
        lambda ids: scheduler.delete_schedule(Name=ids["schedule"]))


def event_rule(aws, name, needs, pattern):
    """What starts finish."""
    events = aws["events"]

    def create(ids):
        own = f"{MARKER}-{name}"
        events.put_rule(Name=own, Tags=pairs(name), EventPattern=json.dumps(pattern(ids)))
        events.put_targets(Rule=own, Targets=[{"Id": "finish", "Arn": ids["finish"], "RoleArn": ids["starter-role"]}])
        return own

    yield name, Object(
        (*needs, "finish", "starter-role"), create,
        lambda ids: [events.list_targets_by_rule(Rule=ids[name]),
                     events.list_tags_for_resource(ResourceARN=events.describe_rule(Name=ids[name])["Arn"])],
        lambda ids: [events.remove_targets(Rule=ids[name], Ids=["finish"]), events.delete_rule(Name=ids[name])])


def role(aws, name, service, needs, statements):
    iam = aws["iam"]

    def document(*statements):
        return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})

    def create(ids):
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": f"{service}.amazonaws.com"}}
        made = iam.create_role(RoleName=f"{MARKER}-{name}", AssumeRolePolicyDocument=document(trust), Tags=pairs(name))
        allowed = [{"Effect": "Allow", "Action": action, "Resource": what} for action, what in statements(ids)]
        iam.put_role_policy(RoleName=f"{MARKER}-{name}", PolicyName="dbt", PolicyDocument=document(*allowed))
        return made["Role"]["Arn"]

    def look(ids):
        own = ids[name].rpartition("/")[2]
        iam.get_role(RoleName=own)
        iam.get_role_policy(RoleName=own, PolicyName="dbt")

    def delete(ids):
        own = ids[name].rpartition("/")[2]
        iam.delete_role_policy(RoleName=own, PolicyName="dbt")
        iam.delete_role(RoleName=own)

    yield name, Object(needs, create, look, delete)


PROGRAMS = {"platform": (network, warehouse, place, runs), "demo": (network, warehouse, place, runs, project)}


def cpu():
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("create", "check", "delete"))
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("state", type=Path)
    parser.add_argument("--parallel", action="store_true")
    given = parser.parse_args()

    config = Config(max_pool_connections=64, retries={"mode": "standard"})
    aws = {service: boto3.client(service, config=config) for service in SERVICES}
    objects = {name: each for part in PROGRAMS[given.program] for name, each in part(aws)}
    ids = json.loads(given.state.read_text()) if given.verb != "create" else {}
    started, began = cpu(), time.monotonic()
    if given.verb == "create":
        def create(name):
            ids[name] = objects[name].create(ids)
        run(objects, create, "needs", given.parallel)
        given.state.write_text(json.dumps(ids))
    elif given.verb == "check":
        run(objects, lambda name: objects[name].check(ids), None, given.parallel)
    else:
        run(objects, lambda name: objects[name].delete(ids), "users", given.parallel)
    # What is looked up, and the attachment, are no objects.
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": cpu(), "cpu_at_start": started,
                      "objects": len(objects) - 2}))


if __name__ == "__main__":
    main()
