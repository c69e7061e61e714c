"""EventBridge Scheduler."""
import re
from datetime import datetime, timezone

from ministack.services import eventbridge, scheduler


def install():
    """Puts the corrections in place."""
    eventbridge._invoke_target = with_attributes(eventbridge._invoke_target)
    # AWS starts a schedule within its minute; the emulator looks every 10 s, which only makes tests slow.
    scheduler._SCHEDULE_TICK_INTERVAL = 1


def with_attributes(original):
    """AWS replaces context attributes in a target's input; the emulator passes them on as they are."""

    def invoke_target(target, event, rule, view=None):
        if event.get("Source") == "aws.scheduler" and target.get("Input"):
            values = {
                "schedule-arn": rule.get("Arn", ""),
                "scheduled-time": datetime.fromtimestamp(event["Time"], timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "execution-id": event["EventId"],
                "attempt-number": "1",
            }
            text = re.sub(r"<aws\.scheduler\.([a-z-]+)>", lambda found: values.get(found[1], found[0]), target["Input"])
            target = {**target, "Input": text}
        return original(target, event, rule, view)

    return invoke_target
