"""moto never runs a machine; those whose only choice is the input's `how` end as they say."""
import json
from datetime import datetime, timezone

from moto.stepfunctions.exceptions import ExecutionDoesNotExist
from moto.stepfunctions.models import StateMachine, StepFunctionBackend


def start_execution(self, region_name, account_id, execution_name, execution_input, start=StateMachine.start_execution):
    """Runs it to its end, unless that is a state that waits."""
    execution = start(self, region_name, account_id, execution_name, execution_input)
    if hasattr(execution, "unseen"):
        return execution
    execution.unseen = 1
    states, given = json.loads(self.definition), json.loads(execution_input)
    state = states["States"][states["StartAt"]]
    if state["Type"] == "Choice":
        ways = {choice["StringEquals"]: choice["Next"] for choice in state["Choices"] if choice.get("Variable") == "$.how"}
        state = states["States"][ways.get(given.get("how"), state.get("Default"))]
    if state["Type"] in ("Succeed", "Fail"):
        execution.status = "SUCCEEDED" if state["Type"] == "Succeed" else "FAILED"
        execution.output = execution_input if state["Type"] == "Succeed" else None
        execution.error, execution.cause = state.get("Error"), state.get("Cause")
        execution.stop_date = datetime.now(timezone.utc)
    return execution


def describe_execution(self, execution_arn, describe=StepFunctionBackend.describe_execution):
    """What was started a moment ago is not known yet: AWS says of this call that it is behind."""
    execution = describe(self, execution_arn)
    execution.unseen -= 1
    if execution.unseen >= 0:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{execution_arn}'")
    return execution


def get_execution_history(self, execution_arn, history=StepFunctionBackend.get_execution_history):
    """moto's history is the same for all, and of a task that there is none of; it is here the ECS task that the input names."""
    events = [event for event in history(self, execution_arn)["events"] if "stateEnteredEventDetails" in event]
    if task := json.loads(self.describe_execution(execution_arn).execution_input).get("task"):
        output = json.dumps({"Tasks": [{"TaskArn": f"arn:aws:ecs:us-east-1:123456789012:task/runs/{task}"}]})
        details = {"resourceType": "ecs", "resource": "runTask.sync", "output": output}
        common = {key: events[0][key] for key in ("timestamp", "id", "previousEventId")}
        events.append({**common, "type": "TaskSubmitted", "taskSubmittedEventDetails": details})
    return {"events": events}


StateMachine.start_execution = start_execution
StepFunctionBackend.describe_execution = describe_execution
StepFunctionBackend.get_execution_history = get_execution_history
