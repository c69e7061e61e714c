"""What the project depends on in the local AWS: `eval "$(local-aws env)"; $DBT_AWS_PYTHON -m unittest` in this folder."""
import json
import os
import subprocess
import tempfile
import time
import unittest
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
import psycopg2

from machines import ROLE, Tasks, until


class LocalAws(Tasks, unittest.TestCase):
    """A task, a machine that runs it, a schedule that starts the machine, a database."""

    def container(self, name, program, **more):
        """A container definition that runs a Python program and logs."""
        return {"name": name, "image": self.image, "entryPoint": ["python3", "-c"], "command": [program], **more,
                "logConfiguration": {"logDriver": "awslogs", "options": {
                    "awslogs-group": self.name, "awslogs-region": "us-east-1", "awslogs-stream-prefix": self._testMethodName}}}

    def define(self, *containers, **more):
        """Registers a task definition; its ARN."""
        answer = self.ecs.register_task_definition(
            family=self.name, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
            containerDefinitions=list(containers), **more)
        return answer["taskDefinition"]["taskDefinitionArn"]

    def start(self, definition):
        network = {"awsvpcConfiguration": {"subnets": ["subnet-0"]}}
        answer = self.ecs.run_task(cluster=self.name, taskDefinition=definition, launchType="FARGATE", networkConfiguration=network)
        return answer["tasks"][0]["taskArn"]

    def task(self, arn):
        return self.ecs.describe_tasks(cluster=self.name, tasks=[arn])["tasks"][0]

    def stopped(self, arn):
        return until(lambda: (task := self.task(arn))["lastStatus"] == "STOPPED" and task)

    def lines(self, container="main"):
        """The lines of this test's streams."""
        found = []
        streams = self.logs.describe_log_streams(logGroupName=self.name, logStreamNamePrefix=f"{self._testMethodName}/{container}")
        for stream in streams["logStreams"]:
            events = self.logs.get_log_events(logGroupName=self.name, logStreamName=stream["logStreamName"], startFromHead=True)
            found += [event["message"] for event in events["events"]]
        return found

    def run_task_state(self, definition, **more):
        return {"Resource": "arn:aws:states:::ecs:runTask.sync", "Arguments": {
            "Cluster": self.name, "TaskDefinition": definition, "LaunchType": "FARGATE",
            "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-0"]}}}, **more}

    def test_task_logs_and_writes_to_s3(self):
        program = f"""
import os, urllib.request
print('keys', os.environ['AWS_ACCESS_KEY_ID'], len(os.environ['AWS_SECRET_ACCESS_KEY']), os.environ['AWS_REGION'])
request = urllib.request.Request(os.environ['AWS_ENDPOINT_URL'] + '/{self.name}/from-task', data=b'hello', method='PUT')
print('put', urllib.request.urlopen(request).status)
for number in range(2000): print('line', number)
"""
        task = self.stopped(self.start(self.define(self.container("main", program))))
        self.assertEqual(task["containers"][0]["exitCode"], 0, task)
        self.assertEqual(self.s3.get_object(Bucket=self.name, Key="from-task")["Body"].read(), b"hello")
        # As in AWS, the last lines can be later than the end.
        lines = until(lambda: len(found := self.lines()) >= 2002 and found)
        self.assertEqual(lines[:2] + lines[-1:], ["keys test 4 us-east-1", "put 200", "line 1999"])

    def test_definition_is_honoured(self):
        self.ssm.put_parameter(Name=f"/{self.name}", Value="hidden", Type="SecureString")
        self.addCleanup(self.ssm.delete_parameter, Name=f"/{self.name}")
        program = """
import os
print(os.getuid(), os.getcwd(), os.environ['SECRET'], flush=True)
try: open('/etc/x', 'w')
except OSError as error: print(error.strerror, flush=True)
b = bytearray(600 << 20)
"""
        main = self.container("main", program, user="65534:65534", workingDirectory="/tmp", readonlyRootFilesystem=True,
                              secrets=[{"name": "SECRET", "valueFrom": f"/{self.name}"}])
        task = self.stopped(self.start(self.define(main)))
        self.assertEqual(self.lines(), ["65534 /tmp hidden", "Read-only file system"])
        self.assertEqual(task["containers"][0]["exitCode"], 137)

    def test_a_volume_is_roots_unless_the_image_declares_it(self):
        # As a Dockerfile's VOLUME does.
        declared = self.pushed.replace(":base", ":declared")
        made = subprocess.run(["docker", "create", self.pushed], check=True, capture_output=True, text=True).stdout.strip()
        for command in (["commit", "--change", "VOLUME /tmp", made, declared], ["rm", made], ["push", declared], ["rmi", declared]):
            subprocess.run(["docker", *command], check=True, capture_output=True)
        program = "import os; s = os.stat('/tmp'); print(s.st_uid, oct(s.st_mode)[-4:], os.access('/tmp', os.W_OK))"
        mounted = {"user": "65534:65534", "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp"}]}
        for image, expected in ((self.image, "0 0755 False"), (self.image.replace(":base", ":declared"), "0 1777 True")):
            name = expected.split()[1]
            main = {**self.container(name, program, **mounted), "image": image}
            self.stopped(self.start(self.define(main, volumes=[{"name": "tmp"}])))
            self.assertEqual(self.lines(name), [expected])

    def test_containers_wait_for_what_they_depend_on(self):
        mount = [{"sourceVolume": "shared", "containerPath": "/shared"}]
        before = lambda code: self.container("before", f"import time; time.sleep(1); open('/shared/x', 'w').write('made'); exit({code})",
                                             essential=False, mountPoints=mount)
        main = self.container("main", "print(open('/shared/x').read())", mountPoints=mount,
                              dependsOn=[{"containerName": "before", "condition": "SUCCESS"}])
        task = self.stopped(self.start(self.define(before(0), main, volumes=[{"name": "shared"}])))
        self.assertEqual([container.get("exitCode") for container in task["containers"]], [0, 0])
        self.assertEqual(self.lines(), ["made"])
        task = self.stopped(self.start(self.define(before(3), main, volumes=[{"name": "shared"}])))
        self.assertEqual((task["stopCode"], self.lines()), ("TaskFailedToStart", ["made"]))
        self.assertEqual([container.get("exitCode") for container in task["containers"]], [3, None])
        volumes = ["docker", "volume", "ls", "-q", "--filter", "name=-shared"]
        until(lambda: not subprocess.run(volumes, check=True, capture_output=True).stdout)

    def test_stop_sends_term_and_keeps_the_exit_code(self):
        program = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('ready', flush=True); time.sleep(600)"
        arn = self.start(self.define(self.container("main", program)))
        until(self.lines)
        self.ecs.stop_task(cluster=self.name, task=arn, reason="enough")
        listed = lambda status: self.ecs.list_tasks(cluster=self.name, desiredStatus=status)["taskArns"]
        self.assertEqual((arn in listed("RUNNING"), arn in listed("STOPPED")), (False, True))
        task = self.stopped(arn)
        self.assertEqual((task["stopCode"], task["stoppedReason"], task["containers"][0]["exitCode"]), ("UserInitiated", "enough", 7))

    def test_machine_sees_an_interruption(self):
        definition = self.define(self.container("main", "import time; print('ready', flush=True); time.sleep(600)", stopTimeout=2))
        state = self.run_task_state(definition)
        del state["Arguments"]["LaunchType"]
        state["Arguments"]["CapacityProviderStrategy"] = [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
        execution = self.start_machine(self.machine(state))
        until(self.lines)
        (arn,) = self.ecs.list_tasks(cluster=self.name, family=self.name)["taskArns"]
        self.ecs.stop_task(cluster=self.name, task=arn, reason="Your Spot Task was interrupted.")
        task = json.loads(self.end(execution)["cause"])
        self.assertEqual([task[name] for name in ("StopCode", "StoppedReason", "CapacityProviderName")],
                         ["SpotInterruption", "Your Spot Task was interrupted.", "FARGATE_SPOT"])

    def test_machine_sees_the_task_and_its_failure(self):
        state = self.run_task_state(self.define(self.container("main", "pass")), Output="{% $states.result.Containers[0].ExitCode %}")
        self.assertEqual(json.loads(self.run_machine(self.machine(state))["output"]), 0)

    def test_machine_fails_with_the_task_as_its_cause(self):
        failed = self.run_machine(self.machine(self.run_task_state(self.define(self.container("main", "exit(5)")))))
        self.assertEqual((failed["status"], failed["error"]), ("FAILED", "States.TaskFailed"))
        self.assertEqual(json.loads(failed["cause"])["Containers"][0]["ExitCode"], 5)

    def test_machine_stops_a_task_that_takes_too_long(self):
        definition = self.define(self.container("main", "import time; time.sleep(600)", stopTimeout=2))
        failed = self.run_machine(self.machine(self.run_task_state(definition, TimeoutSeconds=3)))
        self.assertEqual(failed["error"], "States.Timeout")
        until(lambda: not self.ecs.list_tasks(cluster=self.name)["taskArns"])

    def test_machine_that_is_stopped_stops_its_task(self):
        program = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('ready', flush=True); time.sleep(600)"
        retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 3}]
        execution = self.start_machine(self.machine(self.run_task_state(self.define(self.container("main", program)), Retry=retry)))
        until(self.lines)
        (arn,) = self.ecs.list_tasks(cluster=self.name, family=self.name)["taskArns"]
        self.states.stop_execution(executionArn=execution)
        self.assertEqual(self.states.describe_execution(executionArn=execution)["status"], "ABORTED")
        task = self.stopped(arn)
        self.assertEqual((task["stopCode"], task["stoppedReason"], task["containers"][0]["exitCode"]), (
            "UserInitiated", f"The Task state in AWS Step Functions execution [{execution}] which was managing this resource was aborted", 7))
        self.assertEqual(self.states.describe_execution(executionArn=execution)["status"], "ABORTED")
        self.assertEqual(self.ecs.list_tasks(cluster=self.name, family=self.name)["taskArns"], [])

    def test_machine_fails_with_the_error_of_ecs(self):
        state = self.run_task_state(self.name + "-none")
        self.fails("ECS.ClientException", state)
        state["Arguments"]["Cluster"] += "-none"
        self.fails("ECS.ClusterNotFoundException", state)

    def test_machine_reads_and_writes_objects(self):
        get = {"Resource": "arn:aws:states:::aws-sdk:s3:getObject", "Arguments": {"Bucket": self.name, "Key": "{% $states.input.key %}"},
               "Output": "{% $parse($states.result.Body).answer %}"}
        self.s3.put_object(Bucket=self.name, Key="o.json", Body=b'{"answer": 42}')
        machine = self.machine(get)
        self.assertEqual(json.loads(self.run_machine(machine, {"key": "o.json"})["output"]), 42)
        self.assertEqual(self.run_machine(machine, {"key": "none"})["error"], "S3.NoSuchKeyException")

    def test_machine_writes_a_text_in_quotes(self):
        machine = self.machine({"Resource": "arn:aws:states:::aws-sdk:s3:putObject", "Arguments": {
            "Bucket": self.name, "Key": "text", "Body": "{% $states.input.text %}"}})
        self.assertEqual(self.run_machine(machine, {"text": 'a "b"'})["status"], "SUCCEEDED")
        self.assertEqual(self.s3.get_object(Bucket=self.name, Key="text")["Body"].read(), rb'"a \"b\""')

    def test_machine_fails_with_the_failures_of_an_answer(self):
        state = self.run_task_state(self.define(self.container("main", "pass")))
        state["Arguments"]["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"] = ["subnet-full"]
        failed = self.run_machine(self.machine(state))
        self.assertEqual((failed["error"], json.loads(failed["cause"])["Failures"][0]["Reason"]), ("AmazonECS.Unknown", "RESOURCE:ENI"))

    def test_a_public_database_needs_a_gateway_and_keeps_it(self):
        made = lambda kind, **more: getattr(self.ec2, f"create_{kind}")(**more)
        vpc = made("vpc", CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
        subnets = [made("subnet", VpcId=vpc, CidrBlock=f"10.8.{i}.0/24", AvailabilityZone=f"us-east-1{'ab'[i]}")["Subnet"]["SubnetId"]
                   for i in range(2)]
        self.rds.create_db_subnet_group(DBSubnetGroupName=self.name, DBSubnetGroupDescription="a", SubnetIds=subnets)
        database = {"DBInstanceIdentifier": self.name + "p", "Engine": "postgres", "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20,
                    "MasterUsername": "master", "MasterUserPassword": "not-a-secret", "DBSubnetGroupName": self.name, "PubliclyAccessible": True}
        with self.assertRaisesRegex(self.rds.exceptions.ClientError, "InvalidVPCNetworkStateFault"):
            self.rds.create_db_instance(**database)
        gateway = made("internet_gateway")["InternetGateway"]["InternetGatewayId"]
        attached = {"InternetGatewayId": gateway, "VpcId": vpc}
        self.ec2.attach_internet_gateway(**attached)
        self.rds.create_db_instance(**database)
        with self.assertRaisesRegex(self.ec2.exceptions.ClientError, "DependencyViolation"):
            self.ec2.detach_internet_gateway(**attached)
        self.rds.delete_db_instance(DBInstanceIdentifier=database["DBInstanceIdentifier"], SkipFinalSnapshot=True)
        until(lambda: not [i for i in self.rds.describe_db_instances()["DBInstances"] if i["DBInstanceIdentifier"] == self.name + "p"])
        self.ec2.detach_internet_gateway(**attached)

    def test_machine_writes_an_item_once(self):
        self.dynamodb.create_table(TableName=self.name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                                   AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
        self.addCleanup(self.dynamodb.delete_table, TableName=self.name)
        machine = self.machine({"Resource": "arn:aws:states:::dynamodb:putItem", "Arguments": {
            "TableName": self.name, "Item": {"id": {"S": "{% $states.input.id %}"}}, "ConditionExpression": "attribute_not_exists(id)"}})
        self.assertEqual(self.run_machine(machine, {"id": "a"})["status"], "SUCCEEDED")
        self.assertEqual(self.run_machine(machine, {"id": "a"})["error"], "DynamoDB.ConditionalCheckFailedException")

    def test_retry_and_catch(self):
        definition = self.define(self.container("main", "print('tried'); exit(1)"))
        task_failed = {"ErrorEquals": ["States.TaskFailed"]}
        state = self.run_task_state(
            definition, Retry=[{**task_failed, "IntervalSeconds": 1, "MaxAttempts": 1}],
            Catch=[{**task_failed, "Next": "Caught", "Output": "{% $parse($states.errorOutput.Cause).StopCode %}"}])
        machine = self.machine(state, Caught={"Type": "Succeed"})
        self.assertEqual(json.loads(self.run_machine(machine)["output"]), "EssentialContainerExited")
        self.assertEqual(self.lines(), ["tried", "tried"])

    def test_schedule_starts_a_machine_with_its_own_facts(self):
        definition = {"QueryLanguage": "JSONata", "StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
        machine = self.states.create_state_machine(name=self.name + "-s", roleArn=ROLE, definition=json.dumps(definition))["stateMachineArn"]
        self.addCleanup(self.states.delete_state_machine, stateMachineArn=machine)
        moment = (datetime.now(timezone.utc) + timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%S")
        arn = self.scheduler.create_schedule(
            Name=self.name, ScheduleExpression=f"at({moment})", FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": machine, "RoleArn": ROLE, "Input": '{"arn": "<aws.scheduler.schedule-arn>", "time": "<aws.scheduler.scheduled-time>"}'},
        )["ScheduleArn"]
        self.addCleanup(self.scheduler.delete_schedule, Name=self.name)
        execution = until(lambda: self.states.list_executions(stateMachineArn=machine)["executions"])[0]
        given = json.loads(self.states.describe_execution(executionArn=execution["executionArn"])["input"])
        self.assertEqual(given, {"arn": arn, "time": f"{moment}Z"})

    def test_addresses_are_found_by_their_tags(self):
        def allocate(*tags):
            specification = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "whose", "Value": v} for v in tags]}] if tags else []
            allocation = self.ec2.allocate_address(Domain="vpc", TagSpecifications=specification)["AllocationId"]
            self.addCleanup(self.ec2.release_address, AllocationId=allocation)
            return allocation

        mine, _, _ = allocate(f"{self.name}/1"), allocate("another"), allocate()
        found = self.ec2.describe_addresses(Filters=[{"Name": "tag:whose", "Values": [f"{self.name}/*"]}])["Addresses"]
        self.assertEqual([address["AllocationId"] for address in found], [mine])

    def test_database_is_reached_from_the_host_and_from_a_task(self):
        network = self.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        self.addCleanup(self.ec2.delete_vpc, VpcId=network)
        start = time.monotonic()
        self.rds.create_db_instance(DBInstanceIdentifier=self.name, Engine="postgres", EngineVersion="17.4", DBInstanceClass="db.t4g.micro",
                                    AllocatedStorage=20, MasterUsername="master", MasterUserPassword="not-a-secret", DBName="analytics")
        self.addCleanup(self.rds.delete_db_instance, DBInstanceIdentifier=self.name, SkipFinalSnapshot=True)
        ask = lambda: self.rds.describe_db_instances(DBInstanceIdentifier=self.name)["DBInstances"][0]
        found = until(lambda: (found := ask())["DBInstanceStatus"] == "available" and found)
        print(f"\na database was there after {time.monotonic() - start:.1f} s")
        host, port = found["Endpoint"]["Address"], found["Endpoint"]["Port"]
        with psycopg2.connect(host=host, port=port, user="master", password="not-a-secret", dbname="analytics") as connection:
            cursor = connection.cursor()
            cursor.execute("select current_user")
            self.assertEqual(cursor.fetchone(), ("master",))
        with self.assertRaises(psycopg2.OperationalError):
            psycopg2.connect(host=host, port=port, user="master", password="wrong", dbname="analytics")
        self.certificate_is_verified(host, port)
        # The first bytes of PostgreSQL's protocol ask for TLS; the answer is one letter. And tasks know RDS's authority.
        program = f"import socket; s = socket.create_connection(('{host}', {port}), 5); s.sendall(bytes([0,0,0,8,4,210,22,47])); print(s.recv(1)); print(open('/opt/dbt-aws/rds-ca.pem').read(), end='')"
        self.stopped(self.start(self.define({**self.container("main", program), "user": "65534:65534", "readonlyRootFilesystem": True})))
        self.assertEqual(self.lines(), ["b'S'", *self.authority().splitlines()])

    def authority(self):
        """The PEM of RDS's authority here."""
        with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_ministack/rds/ca.pem", timeout=10) as answer:
            return answer.read().decode()

    def certificate_is_verified(self, host, port):
        """RDS's certificate names its endpoint and is by an authority of RDS's own."""
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(self.authority())
            file.flush()
            aws = Path(__file__).parent.parent / "provider" / "runner" / "rds-ca.pem"
            for name, authorities, refusal in ((host, file.name, None), (host, aws, "certificate verify failed"),
                                               ("db.example.com", file.name, "does not match host name")):
                connect = lambda: psycopg2.connect(host=name, hostaddr=host, port=port, user="master", password="not-a-secret",
                                                   dbname="analytics", sslmode="verify-full", sslrootcert=str(authorities)).close()
                if refusal:
                    with self.assertRaisesRegex(psycopg2.OperationalError, refusal):
                        connect()
                else:
                    connect()

    def test_a_cluster_that_is_gone_stays_gone(self):
        with self.assertRaises(self.ecs.exceptions.ClusterNotFoundException):
            self.ecs.run_task(cluster=self.name + "-none", taskDefinition=self.define(self.container("main", "pass")), launchType="FARGATE")
        self.assertEqual(self.ecs.describe_clusters(clusters=[self.name + "-none"])["clusters"], [])

    def test_missing_image_is_a_failed_start(self):
        definition = self.define({**self.container("main", "pass"), "image": self.image.replace(":base", ":none")})
        failed = self.run_machine(self.machine(self.run_task_state(definition)))
        self.assertEqual((failed["error"], json.loads(failed["cause"])["StopCode"]), ("States.TaskFailed", "TaskFailedToStart"))


if __name__ == "__main__":
    unittest.main()
