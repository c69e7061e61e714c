"""moto on a free port, or the AWS at DBT_AWS_TEST_ENDPOINT; its address is the first line of the output. Then boto3,
independent of the provider, answers one JSON request a line. Ends with its input."""
import functools
import gc
import io
import json
import logging
import os
import sys
import threading
from urllib.parse import parse_qs

# AWS's models are millions of objects, none of which is garbage.
gc.disable()
# A reset takes long where every account has all images again.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

import moto.backends
import moto.core.responses
import xmltodict
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidSecurityGroupNotFoundError
from moto.ec2.models import EC2Backend
from moto.ecr.models import ECRBackend
from moto.ecs.models import DeleteTaskDefinitionFailure, EC2ContainerServiceBackend
from moto.rds.exceptions import RDSClientError
from moto.rds.models import RDSBackend
from moto.s3.exceptions import S3ClientError
from moto.s3.responses import S3Response
from moto.sqs.models import SQSBackend
from moto.stepfunctions.models import StepFunctionBackend
from werkzeug.serving import make_server
from werkzeug.test import run_wsgi_app

import enforced  # noqa: F401 changes moto
import executions  # noqa: F401 changes moto
import functions  # noqa: F401 changes moto
import in_use  # noqa: F401 changes moto
import metrics  # changes moto
import rules  # noqa: F401 changes moto
import subscriptions  # noqa: F401 changes moto
import tables  # noqa: F401 changes moto
from checked import Checked
from declared import record


# moto finds these out anew for each request.
modules = tuple(moto.backends.list_of_moto_modules())
moto.backends.list_of_moto_modules = lambda: modules
moto.core.responses.method_names_from_class = functools.cache(moto.core.responses.method_names_from_class)


def get_bucket_versioning(self):
    """S3 calls the answer VersioningConfiguration; moto's has another name, which AWS's SDKs refuse."""
    status = self.backend.get_bucket_versioning(self.bucket_name)
    inner = f"<Status>{status}</Status>" if status else ""
    return f'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inner}</VersioningConfiguration>'


def put_bucket(self, request, bucket_name, query, put=S3Response._bucket_response_put):
    """S3 takes tags with the create of a bucket, in some partitions and by some policies not; moto never does."""
    for name, code, refuses in (("tagless", "UnsupportedArgument", b"<Tags>"), ("untagged", "AccessDenied", b"<Tags>"),
                                ("not-allowed", "AccessDenied", b"")):
        if not query and bucket_name.startswith(name) and refuses in self.body:
            raise S3ClientError(code, "No tags." if refuses else "Access Denied")
    new = not query and bucket_name not in self.backend.buckets
    answer = put(self, request, bucket_name, query)
    if new and b"<Tags>" in self.body:
        tags = xmltodict.parse(self.body, force_list={"Tag"})["CreateBucketConfiguration"]["Tags"]["Tag"]
        self.backend.put_bucket_tagging(bucket_name, {tag["Key"]: tag["Value"] or "" for tag in tags})
    return answer


def list_clusters(self):
    """ECS lists active clusters; moto's those that were deleted too."""
    return [cluster.arn for cluster in self.clusters.values() if cluster.status == "ACTIVE"]


def modify_db_subnet_group(self, subnet_name, description, subnets, modify=RDSBackend.modify_db_subnet_group):
    """RDS keeps a subnet group that was changed; moto's is gone."""
    group = modify(self, subnet_name, description, subnets)
    self.subnet_groups[subnet_name] = group
    return group


def reboot_db_instance(self, db_instance_identifier):
    """Breaks the database: there is no other way to one that has failed."""
    database = self.describe_db_instances(db_instance_identifier)[0]
    database.status = "failed"
    return database


def create_db_instance(self, db_kwargs, create=RDSBackend.create_db_instance):
    """RDS does not have each class in each region, nor Performance Insights, whose parameters it then refuses; moto has all."""
    refused = "The following combination is not supported: DBInstanceClass=db.t4g.nowhere"
    if db_kwargs.get("db_instance_class") == "db.t4g.nowhere":
        raise RDSClientError("InvalidParameterCombination", refused)
    if db_kwargs.get("enable_performance_insights") in (False, "false"):
        raise RDSClientError("InvalidParameterCombination", "Performance Insights not supported for this configuration.")
    return create(self, db_kwargs)


def create_db_snapshot(self, db_instance_identifier, *others, create=RDSBackend.create_db_snapshot, **more):
    """RDS takes no snapshot of a database that has failed; moto does."""
    if self.describe_db_instances(db_instance_identifier)[0].status == "failed":
        raise RDSClientError("InvalidDBInstanceState", f"{db_instance_identifier} is in the state failed")
    return create(self, db_instance_identifier, *others, **more)


RDSBackend.create_db_instance = create_db_instance
RDSBackend.reboot_db_instance = reboot_db_instance
RDSBackend.create_db_snapshot = create_db_snapshot
slowed = set()


def delete_keys(self, bucket_name, *others, delete=S3Response._bucket_response_delete_keys, **more):
    """S3 may be too busy for single keys; moto never is."""
    if b">slow<" not in self.body or bucket_name in slowed:
        return delete(self, bucket_name, *others, **more)
    slowed.add(bucket_name)
    self.data["Action"] = "DeleteObjects"
    return self.serialized(ActionResult({"Errors": [{"Key": "slow", "Code": "SlowDown", "Message": "Slow down."}]}))


def get_queue_attributes(self, *arguments, get=SQSBackend.get_queue_attributes, **named):
    """SQS answers with a policy in a form of its own; moto with what it was given."""
    attributes = dict(get(self, *arguments, **named))
    if attributes.get("Policy"):
        policy = json.loads(attributes["Policy"])
        for statement in policy["Statement"]:
            account = isinstance(statement["Principal"], dict) and statement["Principal"].get("AWS", "")
            if account and account.isdigit():
                statement["Principal"]["AWS"] = f"arn:aws:iam::{account}:root"
        attributes["Policy"] = json.dumps({"Version": "2008-10-17", **policy})
    return attributes


deregistered = set()


def delete_task_definitions(self, task_definitions, delete=EC2ContainerServiceBackend.delete_task_definitions):
    """A revision may count as active after it was deregistered; moto's never does."""
    late = [arn for arn in task_definitions if arn not in deregistered]
    deregistered.update(late)
    now = [arn for arn in task_definitions if arn not in late]
    deleted, failures = delete(self, now) if now else ([], [])
    reason = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
    late = [DeleteTaskDefinitionFailure(reason, arn, self.account_id, self.region_name) for arn in late]
    return deleted, [*failures, *late]


def head_bucket(self, head=S3Response.head_bucket):
    """S3 answers with no more than 403 for a bucket of another account; moto's accounts have no names in common."""
    if self.bucket_name.startswith("somebody-elses"):
        return 403, {}, ""
    return head(self)


S3Response.head_bucket = head_bucket
S3Response._bucket_response_delete_keys = delete_keys
SQSBackend.get_queue_attributes = get_queue_attributes
EC2ContainerServiceBackend.delete_task_definitions = delete_task_definitions
S3Response._bucket_response_put = put_bucket
S3Response.get_bucket_versioning = get_bucket_versioning
RDSBackend.modify_db_subnet_group = modify_db_subnet_group
EC2ContainerServiceBackend.list_clusters = list_clusters


class Refused(JsonRESTError):
    """What AWS refuses and moto takes."""


def associate_route_table(self, route_table_id, gateway_id=None, subnet_id=None,
                          associate=EC2Backend.associate_route_table):
    """EC2 refuses a subnet's second table; moto answers with the association to the first."""
    tables = self.describe_route_tables(filters={"association.subnet-id": [subnet_id]})
    if subnet_id and tables and tables[0].id != route_table_id:
        raise EC2ClientError("Resource.AlreadyAssociated", f"{subnet_id} is associated with {tables[0].id}")
    return associate(self, route_table_id, gateway_id, subnet_id)


def delete_nat_gateway(self, nat_gateway_id, delete=EC2Backend.delete_nat_gateway):
    """EC2 frees a gateway's address when it goes; moto keeps it associated."""
    gateway = delete(self, nat_gateway_id)
    for address in gateway.address_set:
        if address.get("associationId"):
            self.disassociate_address(association_id=address["associationId"])
    return gateway


def create_state_machine(self, name, definition, *others, create=StepFunctionBackend.create_state_machine, **more):
    """Step Functions refuses another machine of the same name; moto answers with the one that is there."""
    for machine in self.state_machines:
        if machine.name == name and machine.definition != definition:
            raise Refused("StateMachineAlreadyExists", f"State Machine Already Exists: '{machine.arn}'")
    return create(self, name, definition, *others, **more)


visible = set()


def revoke_security_group_egress(self, group_name_or_id, *others, revoke=EC2Backend.revoke_security_group_egress, **more):
    """EC2 may not know yet a group that it has just made; moto's are known at once. The default one is looked up first."""
    group = self.get_security_group_from_id(group_name_or_id)
    if group.description == "stays open":
        raise EC2ClientError("UnauthorizedOperation", "You are not authorized to perform this operation.")
    first = group_name_or_id, str(more.get("ip_ranges"))
    if more.get("ip_ranges") and group.name != "default" and first not in visible:
        visible.add(first)
        raise InvalidSecurityGroupNotFoundError(group_name_or_id)
    return revoke(self, group_name_or_id, *others, **more)


EC2Backend.revoke_security_group_egress = revoke_security_group_egress
EC2Backend.delete_nat_gateway = delete_nat_gateway
EC2Backend.associate_route_table = associate_route_table
def delete_state_machine(self, arn):
    """Step Functions keeps a machine until its executions have ended, also one that starts just now; moto does not."""
    for machine in [machine for machine in self.state_machines if machine.arn == arn]:
        if machine.type == "STANDARD" and not hasattr(machine, "ends"):
            self.start_execution(arn, "late", "{}")
        machine.ends = True


def describe_state_machine(self, arn, describe=StepFunctionBackend.describe_state_machine):
    machine = describe(self, arn)
    if hasattr(machine, "ends") and not any(each.status == "RUNNING" for each in machine.executions):
        self.state_machines.remove(machine)
    return describe(self, arn)


def update_state_machine(self, *others, update=StepFunctionBackend.update_state_machine, **more):
    """What a client leaves out of a configuration is off, which AWS's own clients do with false; moto keeps the old."""
    if more.get("tracing_configuration") == {}:
        more["tracing_configuration"] = {"enabled": False}
    return update(self, *others, **more)


def put_image_scanning_configuration(self, image_scan_config, put=ECRBackend.put_image_scanning_configuration, **more):
    """The same."""
    return put(self, image_scan_config={"scanOnPush": False, **image_scan_config}, **more)


ECRBackend.put_image_scanning_configuration = put_image_scanning_configuration
StepFunctionBackend.update_state_machine = update_state_machine
StepFunctionBackend.delete_state_machine = delete_state_machine
StepFunctionBackend.describe_state_machine = describe_state_machine
StepFunctionBackend.create_state_machine = create_state_machine

MISMATCH = b"""<Response><Errors><Error><Code>IdempotentParameterMismatch</Code>
<Message>The client token was used with other parameters.</Message></Error></Errors><RequestID>1</RequestID></Response>"""


class Orderly:
    """Has moto, which is not thread-safe, answer one request at a time. EC2 answers a ClientToken that was used
    with what it made then, and refuses it where the parameters differ; moto's makes another."""

    def __init__(self, app):
        self.app, self.answers, self.lock = app, {}, threading.Lock()

    def __call__(self, environ, start_response):
        form = {}
        if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            form = parse_qs(body.decode(errors="replace"))
        if "ClientToken" not in form:
            with self.lock:
                body, *head = run_wsgi_app(self.app, environ, buffered=True)
            start_response(*head)
            return body
        region = environ.get("HTTP_AUTHORIZATION", "//").split("/")[2]
        key = region, form["Action"][0], form["ClientToken"][0]
        with self.lock:
            if key not in self.answers:
                body, status, headers = run_wsgi_app(self.app, environ, buffered=True)
                answer = status, list(headers), list(body)
                if not status.startswith("200"):
                    start_response(*answer[:2])
                    return answer[2]
                self.answers[key] = form, answer
            used, (status, headers, body) = self.answers[key]
        if used != form:
            status, headers, body = "400 Bad Request", [("Content-Type", "text/xml")], [MISMATCH]
        start_response(status, headers)
        return body


def start():
    """Starts moto and returns its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, metrics.Cbor(checked), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.port}"


checked = Checked(Orderly(DomainDispatcherApplication(create_backend_app)))
url = os.environ.get("DBT_AWS_TEST_ENDPOINT") or start()
print(url, flush=True)

import boto3  # noqa: E402 the address does not wait for it
import botocore.exceptions  # noqa: E402

clients = {}


def client(service, region):
    """The client of a service in a region, made once."""
    if (service, region) not in clients:
        clients[service, region] = boto3.client(
            service, region_name=region, endpoint_url=url,
            aws_access_key_id="test", aws_secret_access_key="test")
    return clients[service, region]


for line in sys.stdin:
    request = json.loads(line)
    try:
        call = getattr(client(request["service"], request["region"]), request["operation"])
        answer = {"answer": call(**request["arguments"])}
    except botocore.exceptions.ClientError as error:
        answer = {"error": error.response["Error"]["Code"]}
    except Exception as error:  # a wrong request must not end the server
        answer = {"broken": repr(error)}
    print(json.dumps(answer, default=str), flush=True)
record(checked.needed)
os._exit(0)
