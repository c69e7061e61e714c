"""Step Functions' executions: how they start, wait, and end."""
import contextvars
import copy
import json
import threading
import types

from ministack.core.responses import error_response_json, json_response
from ministack.services import eventbridge
from ministack.services import stepfunctions as states

# What Step Functions keeps of an error and of its cause, and what an input, an output or a variable may hold.
LONGEST_ERROR, LONGEST_CAUSE, LARGEST = 256, 32768, 256 * 1024
# What an event's input and output may take.
LARGEST_IN_EVENT = 248 * 1024
# No retrier and no catcher has these.
TERMINAL = {"States.DataLimitExceeded", "States.Runtime"}

executing = contextvars.ContextVar("execution that this thread is at", default=None)
machine = contextvars.ContextVar("state machine as it was when the execution started", default=None)
starting = threading.RLock()


class Ended(BaseException):
    """The execution has ended from outside: nothing of it goes on."""


def patient(language):
    """AWS gives an expression time enough; the emulator's second is too short where the machine is busy."""
    original = language.jsonata
    language.jsonata = staticmethod(lambda expression, timeout=None: original(expression, timeout=30000))


def install():
    """Puts the corrections in place."""
    states._start_execution = once(states._start_execution)
    states._run_execution = with_own_definition(states._run_execution)
    states._fail_execution = unless_ended(states._fail_execution)
    states._execute_task = with_execution(states._execute_task)
    states._invoke_resource = unless_over(states._invoke_resource)
    states._describe_execution = as_ended(states._describe_execution)
    states._emit_execution_status_event = emit
    states._add_event = within_limits(states._add_event)
    states._apply_state_assign = assign
    states._apply_catcher = without_empty_cause(states._apply_catcher)
    states._fail_state_error = within_length(states._fail_state_error)
    states.reset = ending(states.reset)
    patient(states.jsonata.Jsonata)
    matches = states._error_matches
    # AWS ends the execution at these, whatever the state says.
    states._error_matches = lambda names, error: error not in TERMINAL and matches(names, error)


def go_on():
    """Ends this thread if its execution has ended."""
    execution = executing.get()
    if execution and execution["status"] != "RUNNING":
        raise Ended


def ending(original):
    """What is forgotten must not go on either."""

    def reset():
        for execution in list(states._executions._data.values()):
            execution["status"] = "ABORTED"
        original()

    return reset


def once(original):
    """AWS answers a name that runs with the same input with the execution that has it; the emulator refuses it. And the
    execution keeps the definition that the machine has now; the emulator reads it later."""

    def start(data):
        with starting:
            arn = states._resolve_state_machine_arn(data.get("stateMachineArn", ""))
            found = arn and states._state_machines[arn]
            if found and data.get("name"):
                there = states._executions.get(f"{arn.replace(':stateMachine:', ':execution:')}:{data['name']}")
                if there and there["status"] == "RUNNING" and there["input"] == data.get("input", "{}"):
                    return json_response({name: there[name] for name in ("executionArn", "startDate")})
            if len(data.get("input", "").encode()) > LARGEST:
                return error_response_json("ValidationException", "1 validation error detected: Value at 'input' failed to satisfy "
                                           f"constraint: Member must have length less than or equal to {LARGEST}", 400)
            token = machine.set(copy.copy(found))
            try:
                return original(data)
            finally:
                machine.reset(token)

    return start


def with_own_definition(original):
    """A machine that is changed or deleted leaves its executions as they are, and one that takes longer than its definition
    says is TIMED_OUT; the emulator knows neither."""

    def run(arn):
        execution, made = states._executions.get(arn), machine.get()
        executing.set(execution)
        names = {**vars(states), "_state_machines": {made["stateMachineArn"]: made}, "time": types.SimpleNamespace(sleep=lambda _: None),
                 "_apply_output_path": succeed}
        timer = None
        if seconds := json.loads(made["definition"]).get("TimeoutSeconds"):
            context = contextvars.copy_context()
            timer = threading.Timer(seconds, context.run, (time_out, execution))
            timer.daemon = True
            timer.start()
        try:
            types.FunctionType(original.__code__, names)(arn)
        except Ended:
            pass
        finally:
            if timer:
                timer.cancel()

    return run


def succeed(state, data, context):
    """The output of a Succeed state may be a query; the emulator takes none."""
    is_jsonata = states._state_query_language(state, context) == "JSONata"
    return states._apply_jsonata_output(state, data, context, default=data) if is_jsonata else states._apply_output_path(state, data, context)


def time_out(execution):
    if execution["status"] == "RUNNING":
        execution.update(status="TIMED_OUT", stopDate=states.now_iso(), error="States.Timeout")
        states._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
        emit(execution)


def unless_ended(original):
    """An execution ends once; the emulator fails one that was aborted before."""

    def fail(execution, error, cause):
        if execution["status"] == "RUNNING":
            original(execution, error, cause)

    return fail


def unless_over(original):
    """A state of an execution that has ended calls nothing, also where it would try again."""

    def invoke(resource, data):
        go_on()
        return original(resource, data)

    return invoke


def with_execution(original):
    """The timeout of a task's state may be a query; the emulator takes it as it is written."""

    def execute(state, data, execution, context):
        executing.set(execution)
        if isinstance(state.get("TimeoutSeconds"), str):
            seconds = states._jsonata_state_field(state, "TimeoutSeconds", "number", data, context)
            state = {**state, "TimeoutSeconds": seconds}
        return original(state, data, execution, context)

    return execute


def as_ended(original):
    """Only an execution that succeeded has an output; the emulator gives an error and its cause as one."""

    def describe(data):
        status, headers, content = original(data)
        found = json.loads(content)
        if status == 200 and found["status"] != "SUCCEEDED":
            for name in ("output", "outputDetails"):
                found.pop(name)
            return json_response(found)
        return status, headers, content

    return describe


def emit(execution):
    """Puts an event of the execution's status on the default bus, with what DescribeExecution tells; the emulator leaves out
    why one was aborted or timed out."""
    if execution.get("sync"):
        return
    status, done = execution["status"], execution["status"] == "SUCCEEDED"
    given, made = execution["input"], execution["output"] if done else None
    included = made is None or len(json.dumps(made)) <= LARGEST_IN_EVENT
    whole = len(json.dumps(given)) + (len(json.dumps(made)) if included and made else 0) <= LARGEST_IN_EVENT
    redrivable = status in ("ABORTED", "FAILED", "TIMED_OUT")
    detail = {
        **{name: execution[name] for name in ("executionArn", "stateMachineArn", "name", "status")},
        **{name: states._iso_to_epoch_ms(execution[name]) for name in ("startDate", "stopDate")},
        "input": given if whole else None, "inputDetails": {"included": whole},
        "output": made if included else None, "outputDetails": {"included": included} if done else None,
        "error": execution.get("error"), "cause": execution.get("cause"),
        "stateMachineVersionArn": None, "stateMachineAliasArn": None, "redriveCount": 0, "redriveDate": None,
        "redriveStatus": "REDRIVABLE" if redrivable else "NOT_REDRIVABLE",
        "redriveStatusReason": None if redrivable else f"Execution is {status} and cannot be redriven",
    }
    eventbridge._put_events({"Entries": [{
        "Source": "aws.states", "DetailType": "Step Functions Execution Status Change", "Detail": json.dumps(detail),
        "Resources": [execution["executionArn"]]}]}, allow_aws_source=True)


def within_limits(original):
    """A state's result and output have a limit, which the emulator does not know."""

    def add(execution, kind, details=None):
        for part in ("stateExitedEventDetails", "taskSucceededEventDetails"):
            if len((details or {}).get(part, {}).get("output", "").encode()) > LARGEST:
                raise states._ExecutionError("States.DataLimitExceeded", "The state/task returned a result with a size exceeding the "
                                             "maximum number of bytes service limit.")
        return original(execution, kind, details)

    return add


def assign(state, data, context, result=None, error_output=None):
    """What a state assigns is evaluated with the values before it, and no larger than a state's output; the emulator
    evaluates each with those before it in the list."""
    if context is None or states._state_query_language(state, context) != "JSONata":
        return
    made = {name: states._apply_jsonata_template(value, data, context, result=result, error_output=error_output)
            for name, value in (state.get("Assign") or {}).items()}
    for name, value in made.items():
        if len(json.dumps(value).encode()) > LARGEST:
            raise states._ExecutionError("States.DataLimitExceeded", f"The variable '{name}' exceeds the maximum size of {LARGEST} bytes")
    context.setdefault("variables", {}).update(made)


def without_empty_cause(original):
    """An error without a cause, such as a timeout, has none in its output."""

    def catch(catcher, data, context, language, error):
        return original(catcher, data, context, language, {name: value for name, value in error.items() if value is not None})

    return catch


def within_length(original):
    """An error and a cause that are too long are an error of their own."""

    def fail(*arguments):
        error, cause = original(*arguments)
        if len(error) > LONGEST_ERROR or len(cause) > LONGEST_CAUSE:
            raise states._ExecutionError("States.Runtime", f"error or cause of a Fail state is too long: {len(error)}, {len(cause)}")
        return error, cause

    return fail
