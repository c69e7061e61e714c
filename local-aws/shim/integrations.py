"""Step Functions, and its calls to other services."""
import contextvars
import json

import ministack.app
from ministack.services import ecs, scheduler, ssm
from ministack.services import stepfunctions as states

# The errors of objects that S3's model has. Step Functions gives any other as S3.S3Exception.
S3_ERRORS = {"InvalidObjectState", "NoSuchBucket", "NoSuchKey"}
current = contextvars.ContextVar("task that the state waits for", default=None)


def install():
    """Puts the corrections in place."""
    states._poll_ecs_tasks = wait_for_task
    run_task = "arn:aws:states:::ecs:runTask"
    states._SERVICE_DISPATCH[run_task] = with_failures(states._SERVICE_DISPATCH[run_task])
    states._execute_task = with_timeout_queries(states._execute_task)
    states._invoke_resource_with_timeout = stopping_at_timeout(states._invoke_resource_with_timeout)
    states._invoke_aws_sdk_integration = with_schedules(with_s3_objects(states._invoke_aws_sdk_integration))
    for action in ("_create_state_machine", "_update_state_machine"):
        setattr(states, action, with_tracing(getattr(states, action)))
    resolve = ssm.resolve_parameter_value
    # ECS decrypts a SecureString that a task's secrets name; the emulator hands the ciphertext on.
    ssm.resolve_parameter_value = lambda name, version=None, decrypt=True: resolve(name, version=version, decrypt=True)


def pascal(value):
    """AWS SDK names as Step Functions spells them: PascalCase."""
    if isinstance(value, list):
        return [pascal(item) for item in value]
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: pascal(item) for key, item in value.items()}
    return value


def wait_for_task(cluster, arns):
    """ecs:runTask.sync answers with the task itself in PascalCase, and fails with States.TaskFailed, the task as
    its cause, on a failed start or a non-zero exit code. The emulator answers with DescribeTasks, whatever the exit
    code, and gives up after ten minutes."""
    job = current.get()
    job = {} if job is None else job
    job["task"] = {"cluster": cluster, "task": arns[0]}
    while not job.get("given up"):
        states._scaled_sleep(0.2)
        tasks = json.loads(ecs._describe_tasks({"cluster": cluster, "tasks": arns})[2]).get("tasks")
        if tasks and tasks[0]["lastStatus"] == "STOPPED":
            task = pascal(tasks[0])
            failed = any(container.get("ExitCode") != 0 for container in task["Containers"])
            if failed or task.get("StopCode") in ("TaskFailedToStart", "UserInitiated"):
                raise states._ExecutionError("States.TaskFailed", json.dumps(task))
            return task
    raise states._ExecutionError("States.Timeout", "")


def with_failures(original):
    """ecs:runTask.sync fails with AmazonECS.Unknown, the answer as its cause, where an answer of RunTask that succeeds has
    failures; the emulator goes on. It also never lacks anything: here a subnet whose id ends with -full has no free address."""

    def invoke(resource, data):
        network = data.get("NetworkConfiguration", {}).get("AwsvpcConfiguration", {})
        if resource.endswith(".sync") and any(subnet.endswith("-full") for subnet in network.get("Subnets", [])):
            failures = [{"Arn": data.get("Cluster"), "Reason": "RESOURCE:ENI"}]
            raise states._ExecutionError("AmazonECS.Unknown", json.dumps({"Failures": failures, "Tasks": []}))
        return original(resource, data)

    return invoke


def with_tracing(original):
    """AWS tells whether a state machine is traced; the emulator forgets it."""

    def change(data):
        answer = original(data)
        told = json.loads(answer[2])
        machine = states._state_machines.get(data.get("stateMachineArn") or told.get("stateMachineArn"))
        if machine and "tracingConfiguration" in data:
            machine["tracingConfiguration"] = data["tracingConfiguration"]
        return answer

    return change


def with_timeout_queries(original):
    """The timeout of a task's state may be a query; the emulator takes it as it is written."""

    def execute(state, data, execution, context):
        if isinstance(state.get("TimeoutSeconds"), str):
            seconds = states._jsonata_state_field(state, "TimeoutSeconds", "number", data, context)
            state = {**state, "TimeoutSeconds": seconds}
        return original(state, data, execution, context)

    return execute


def stopping_at_timeout(original):
    """AWS stops the task of a runTask.sync state that timed out; the emulator lets it run."""

    def invoke(resource, data, timeout):
        job = {}
        token = current.set(job)
        try:
            return original(resource, data, timeout)
        except states._ExecutionError as error:
            if error.error == "States.Timeout" and job.get("task") and not job.get("given up"):
                job["given up"] = True
                ecs._stop_task({**job["task"], "reason": "Task timed out"})
            raise
        finally:
            current.reset(token)

    return invoke


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
        return answer

    return invoke
