"""Step Functions' task tokens."""
import base64
import json
import os
import threading
import time

from ministack.core.responses import error_response_json
from ministack.services import stepfunctions as states

from executions import executing, go_on

LONGEST_TIMEOUT = 99999999
closing = threading.Lock()
closed = set()


def install():
    """Puts the corrections in place."""
    states._invoke_with_callback = wait_for_token
    states._apply_jsonata_arguments = with_token(states._apply_jsonata_arguments)
    states._send_task_success = to_open_token(with_output(states._send_task_success))
    states._send_task_failure = to_open_token(states._send_task_failure)
    states._send_task_heartbeat = to_open_token(states._send_task_heartbeat)


def with_token(original):
    """Each attempt has a token of its own, of some hundreds of characters; the emulator has a short one for all."""

    def arguments(state, data, context=None):
        if state.get("Resource", "").endswith(".waitForTaskToken"):
            context["Task"] = {"Token": base64.b64encode(b"\0\0\0\0\2" + os.urandom(480)).decode()}
        return original(state, data, context)

    return arguments


def wait_for_token(resource, data, token, state):
    """Calls, and waits until the token is answered. An error of the call fails the state, and so does an answer that does
    not come in time, without a cause; the emulator waits on where the execution has ended."""
    entry = {"event": threading.Event(), "result": None, "error": None, "heartbeat": None, "execution": executing.get()}
    deadline = time.monotonic() + state.get("TimeoutSeconds", LONGEST_TIMEOUT)
    states._task_tokens[token] = entry
    try:
        states._invoke_resource(resource.removesuffix(".waitForTaskToken"), data)
        while (left := deadline - time.monotonic()) > 0 and not entry["event"].wait(min(left, 0.2)):
            go_on()
    finally:
        with closing:
            closed.add(token)
            states._task_tokens.pop(token, None)
    if error := entry["error"]:
        raise states._ExecutionError(error["Error"], error["Cause"])
    if not entry["event"].is_set():
        raise states._ExecutionError("States.Timeout", None)
    return json.loads(entry["result"])


def to_open_token(original):
    """A token that was answered, or whose state or execution has ended, is TaskTimedOut, and any other text InvalidToken; the
    emulator has one error for both, and takes an answer for an execution that has ended."""

    def send(data):
        token = data.get("taskToken")
        with closing:
            entry = states._task_tokens.get(token)
            if not entry and token not in closed:
                return error_response_json("InvalidToken", "Invalid Token: 'Invalid token'", 400)
            if not entry or entry["event"].is_set() or (entry["execution"] or {}).get("status", "RUNNING") != "RUNNING":
                return error_response_json("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'", 400)
            return original(data)

    return send


def with_output(original):
    """An output is JSON."""

    def send(data):
        try:
            json.loads(data["output"])
        except ValueError:
            return error_response_json("InvalidOutput", "Invalid Output: 'Invalid JSON'", 400)
        return original(data)

    return send
