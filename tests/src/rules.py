"""EventBridge tells in an answer that succeeds which targets it refuses; moto takes all."""
import json

from moto.events.responses import EventsHandler


def put_targets(self, put=EventsHandler.put_targets):
    """No target is called refused."""
    targets = self._get_param("Targets")
    failed = [{"TargetId": each["Id"], "ErrorCode": "ValidationException", "ErrorMessage": "The target cannot be called."}
              for each in targets if each["Arn"].endswith(":refused")]
    if failed:
        return json.dumps({"FailedEntryCount": len(failed), "FailedEntries": failed}), self.response_headers
    return put(self)


EventsHandler.put_targets = put_targets
