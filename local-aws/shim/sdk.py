"""Step Functions' calls of the AWS SDK."""
import json
from datetime import datetime, timezone
from urllib.parse import urlencode

import ministack.app
from botocore import parsers, serialize
from ministack.services import scheduler
from ministack.services import stepfunctions as states

# The errors of objects that S3's model has. Step Functions gives any other as S3.S3Exception.
S3_ERRORS = {"InvalidObjectState", "NoSuchBucket", "NoSuchKey"}


def install():
    """Puts the corrections in place."""
    states._prefix_sdk_error = with_names_of_java(states._prefix_sdk_error)
    states._sdk_json_value = with_instants(states._sdk_json_value)
    states._dispatch_aws_sdk_query = with_model(states._dispatch_aws_sdk_query)
    states._invoke_aws_sdk_integration = with_schedules(with_s3_objects(checked(states._invoke_aws_sdk_integration)))


def model(service):
    """The service's model, as SDKs have it."""
    return states._service_model(states._AWS_SDK_SERVICE_MAP[service].get("service_key", service))


def with_names_of_java(original):
    """AWS names an error as its Java SDK does: an exception of the service's model, or else the service's own; the emulator
    gives the code that goes over the wire."""

    def prefixed(service, code):
        if code.startswith("States.") or service in ("ec2", "rds"):
            return original(service, code)
        prefix = states._AWS_SDK_ERROR_PREFIX.get(service, service.capitalize())
        shapes = {name: shape.name for shape in model(service).error_shapes for name in (shape.error_code, shape.name)}
        name = shapes.get(code.rpartition("#")[2].rpartition(".")[2], prefix)
        return f"{prefix}.{name.removesuffix('Fault').removesuffix('Exception')}Exception"

    return prefixed


def with_instants(original):
    """Java writes no fraction of a second where there is none, and three digits where there is one."""

    def value(found, shape):
        if shape.type_name != "timestamp" or isinstance(found, str):
            return original(found, shape)
        moment = found if isinstance(found, datetime) else datetime.fromtimestamp(found, timezone.utc)
        text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").removesuffix("+00:00")
        return text.removesuffix(".000") + "Z"

    return value


def with_model(original):
    """The emulator writes a call of a Query service without its model, so that maps and some lists are lost."""

    def dispatch(info, service, action, data):
        if service not in ("cloudwatch", "sns"):
            return original(info, service, action, data)
        operation = model(service).operation_model(action[:1].upper() + action[1:])
        given = states._sdk_json_params(info, info.get("service_key", service), operation.name, data)
        request = serialize.create_serializer("query", include_validation=False).serialize_to_request(given, operation)
        body = urlencode(request["body"])
        status, headers, content = ministack.app.call_service_handler_sync(
            ministack.app.SERVICE_HANDLERS[info.get("service_key", service)], "POST", "/",
            {"content-type": "application/x-www-form-urlencoded", "host": f"{service}.amazonaws.com"}, body.encode(), {})
        content = content if isinstance(content, bytes) else content.encode()
        answer = parsers.create_parser("query").parse({"status_code": status, "headers": headers, "body": content}, operation.output_shape)
        if status >= 400:
            raise states._ExecutionError(states._prefix_sdk_error(service, answer["Error"]["Code"]), answer["Error"]["Message"])
        answer.pop("ResponseMetadata", None)
        return states._sdk_json_value(answer, operation.output_shape) if operation.output_shape else {}

    return dispatch


def checked(original):
    """AWS refuses an argument that the call does not have, and another value where it has a text; the emulator drops the
    former and makes a text of the latter."""

    def invoke(resource, data):
        service, action = resource.removesuffix(".waitForTaskToken").split(":")[-2:]
        if service in states._AWS_SDK_SERVICE_MAP and service not in ("ec2", "lambda", "rds", "s3"):
            known = model(service)
            operation = action[:1].upper() + action[1:]
            if operation in known.operation_names:
                problems = list(problems_of(data, known.operation_model(operation).input_shape))
                if problems:
                    raise states._ExecutionError("States.Runtime", f"The Arguments '{json.dumps(data)}' could not be used to start "
                                                 f"the Task: [{', '.join(problems)}]")
        return original(resource, data)

    return invoke


def problems_of(value, shape, name=None):
    """What Step Functions says of an argument that it cannot use."""
    if shape.type_name == "string" and not isinstance(value, str):
        yield f"The value for the field '{name}' must be a STRING"
    elif shape.type_name == "structure" and isinstance(value, dict):
        members = {states._SDK_MEMBER_NAME_OVERRIDES.get((shape.name, key)) or states._api_name_to_sfn_key(key): member
                   for key, member in shape.members.items()}
        for key, item in value.items():
            member = members.get(key) or (shape.name == "AttributeValue" and shape.members.get(key))
            if member:
                yield from problems_of(item, member, key)
            else:
                yield f"The field '{key}' is not supported by Step Functions"
    elif shape.type_name == "list" and isinstance(value, list):
        for item in value:
            yield from problems_of(item, shape.member, name)
    elif shape.type_name == "map" and isinstance(value, dict):
        for key, item in value.items():
            yield from problems_of(item, shape.value, key)


def with_s3_objects(original):
    """The emulator has aws-sdk:s3 but for the two calls that carry an object; Body is text, as AWS gives it, and AWS writes
    a text as JSON has it: in quotes."""

    def invoke(resource, data):
        action = resource.rpartition(":aws-sdk:s3:")[2]
        if action not in ("getObject", "putObject"):
            return original(resource, data)
        body = data.get("Body", "")
        body = json.dumps(body).encode() if action == "putObject" else b""
        headers = {
            "host": "s3.amazonaws.com",
            "content-length": str(len(body)),
            "content-type": data.get("ContentType", "application/octet-stream"),
            **({"if-none-match": data["IfNoneMatch"]} if "IfNoneMatch" in data else {}),
        }
        status, answer, content = ministack.app.call_service_handler_sync(
            ministack.app.SERVICE_HANDLERS["s3"], "PUT" if action == "putObject" else "GET",
            f"/{data['Bucket']}/{data['Key']}", headers, body, {})
        answer = {name.lower(): value for name, value in (answer or {}).items()}
        content = content if isinstance(content, bytes) else (content or "").encode()
        if status >= 400:
            code = content.decode(errors="replace").partition("<Code>")[2].partition("</Code>")[0]
            raise states._ExecutionError(f"S3.{code if code in S3_ERRORS else 'S3'}Exception", content.decode(errors="replace"))
        result = {"ETag": answer.get("etag", "")}
        if action == "getObject":
            result |= {"Body": content.decode(), "ContentLength": len(content), "ContentType": answer.get("content-type", "")}
        return result

    return invoke


def with_schedules(original):
    """The emulator has no aws-sdk:scheduler."""

    def invoke(resource, data):
        if not resource.endswith(":aws-sdk:scheduler:getSchedule"):
            return original(resource, data)
        status, _, content = scheduler._get_schedule(data["Name"], {"groupName": data.get("GroupName", "default")})
        answer = json.loads(content)
        if status >= 400:
            code = answer.get("__type", "SchedulerException").rpartition("#")[2]
            raise states._ExecutionError(f"Scheduler.{code}", answer.get("message") or answer.get("Message") or "")
        return states._sdk_json_value(answer, states._service_model("scheduler").operation_model("GetSchedule").output_shape)

    return invoke
