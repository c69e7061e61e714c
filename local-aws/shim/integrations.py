"""Step Functions' calls of ECS, of SQS and of itself."""
import asyncio
import contextvars
import json
import time

from ministack.services import ecs, sqs, ssm
from ministack.services import stepfunctions as states

from executions import LONGEST_CAUSE, Ended, executing, go_on

current = contextvars.ContextVar("task that the state waits for", default=None)


def install():
    """Puts the corrections in place."""
    states._SERVICE_DISPATCH["arn:aws:states:::ecs:runTask"] = run_task
    states._SERVICE_DISPATCH["arn:aws:states:::aws-sdk:sqs:receiveMessage"] = receive_message
    states._invoke_nested_start_execution = with_names(states._invoke_nested_start_execution)
    states._invoke_resource_with_timeout = stopping_at_timeout(states._invoke_resource_with_timeout)
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


def run_task(resource, data):
    """ecs:runTask fails with ECS's own error, and with AmazonECS.Unknown, the answer as its cause, where an answer that
    succeeds has failures. The emulator has one error, and goes on. It also never lacks anything: here a subnet whose id
    ends with -full has no free address."""
    network = data.get("NetworkConfiguration", {}).get("AwsvpcConfiguration", {})
    if resource.endswith(".sync") and any(subnet.endswith("-full") for subnet in network.get("Subnets", [])):
        failures = [{"Arn": data.get("Cluster"), "Reason": "RESOURCE:ENI"}]
        raise states._ExecutionError("AmazonECS.Unknown", json.dumps({"Failures": failures, "Tasks": []}))
    request = states._pascal_to_camel(data)
    status, _, content = ecs._run_task(request)
    answer = json.loads(content)
    if status >= 400:
        raise states._ExecutionError(f"ECS.{answer['__type'].rpartition('#')[2]}", answer.get("message") or content)
    if not resource.endswith(".sync"):
        return pascal(answer)
    return wait_for_task({"cluster": request.get("cluster", "default"), "task": answer["tasks"][0]["taskArn"]})


def receive_message(resource, data):
    """sqs:receiveMessage answers with a list, and with attributes; the emulator asks in SQS's old protocol, and loses both."""
    return asyncio.run(sqs._act_receive_message({**data, "WaitTimeSeconds": 0}, data["QueueUrl"]))


def wait_for_task(task):
    """ecs:runTask.sync answers with the task itself in PascalCase, and fails with States.TaskFailed, the task as
    its cause, on a failed start or a non-zero exit code. The emulator answers with DescribeTasks, whatever the exit
    code, and gives up after ten minutes. AWS also stops the task where the execution ends before it."""
    job = current.get()
    job = {} if job is None else job
    job["task"] = task
    while not job.get("given up"):
        try:
            go_on()
        except Ended:
            arn = executing.get()["executionArn"]
            ecs._stop_task({**task, "reason": f"The Task state in AWS Step Functions execution [{arn}] which was managing this "
                                              "resource was aborted"})
            raise
        time.sleep(0.2)
        tasks = json.loads(ecs._describe_tasks({"cluster": task["cluster"], "tasks": [task["task"]]})[2]).get("tasks")
        if tasks and tasks[0]["lastStatus"] == "STOPPED":
            found = pascal(tasks[0])
            failed = any(container.get("ExitCode") != 0 for container in found["Containers"])
            if failed or found.get("StopCode") in ("TaskFailedToStart", "UserInitiated"):
                raise states._ExecutionError("States.TaskFailed", json.dumps(found)[:LONGEST_CAUSE])
            return found
    raise states._ExecutionError("States.Timeout", None)


def with_names(original):
    """states:startExecution fails with an exception of its own prefix, and the date is in milliseconds."""

    def start(resource, data):
        try:
            answer = original(resource, data)
        except states._ExecutionError as error:
            name = error.error.removesuffix("Exception")
            raise states._ExecutionError(f"StepFunctions.{name}Exception", error.cause) from None
        return {**answer, "StartDate": states._iso_to_epoch_ms(answer["StartDate"])}

    return start


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


def stopping_at_timeout(original):
    """AWS stops the task of a runTask.sync state that timed out, and gives no cause; the emulator lets it run."""

    def invoke(resource, data, timeout):
        job = {}
        token = current.set(job)
        try:
            return original(resource, data, timeout)
        except states._ExecutionError as error:
            if error.error != "States.Timeout":
                raise
            if job.get("task") and not job.get("given up"):
                job["given up"] = True
                ecs._stop_task({**job["task"], "reason": "Task timed out"})
            raise states._ExecutionError("States.Timeout", None) from None
        finally:
            current.reset(token)

    return invoke
