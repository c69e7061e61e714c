"""EventBridge."""
from ministack.core.responses import error_response_json
from ministack.services import eventbridge

LARGEST = 256 * 1024


def install():
    """Puts the corrections in place."""
    eventbridge._put_events = within_size(eventbridge._put_events)


def within_size(original):
    """The entries of a call have a limit together; the emulator takes any."""

    def put(data, **more):
        size = sum(len(entry.get(name, "").encode()) for entry in data.get("Entries", []) for name in ("Detail", "DetailType", "Source"))
        if size > LARGEST:
            return error_response_json("ValidationException", "Total size of the entries in the request is over the limit.", 400)
        return original(data, **more)

    return put
