"""Lambda keeps what of a function moto's forgets, takes a moment to update it, and refuses what moto's takes."""
from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction

KEPT = "LoggingConfig", "DeadLetterConfig"
refused = set()


class Conflict(LambdaClientError):
    code = 409

    def __init__(self, message):
        super().__init__("ResourceConflictException", message)


def keep(function, spec):
    """What a create or an update says of them."""
    function.kept = {**getattr(function, "kept", {}), **{key: spec[key] for key in KEPT if key in spec}}
    if not function.kept.get("DeadLetterConfig", {}).get("TargetArn"):
        function.kept.pop("DeadLetterConfig", None)


def create_function(self, spec, create=LambdaBackend.create_function):
    """A role that was made a moment ago cannot be assumed yet."""
    if spec["Role"].endswith("-late") and spec["Role"] not in refused:
        refused.add(spec["Role"])
        raise InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.")
    function = create(self, spec)
    keep(function, spec)
    return function


def get_configuration(self, on_create=False, get=LambdaFunction.get_configuration):
    """An update is under way until somebody has looked twice."""
    found = {**get(self, on_create), **getattr(self, "kept", {})}
    if getattr(self, "updating", 0):
        self.updating -= 1
        found["LastUpdateStatus"] = "InProgress"
    return found


def begin(function):
    """One update at a time."""
    if getattr(function, "updating", 0):
        message = "The operation cannot be performed at this time. An update is in progress for resource: "
        raise Conflict(message + function.function_arn)
    # The answer to the update is the first look.
    function.updating = 2


def update_configuration(self, config_updates, update=LambdaFunction.update_configuration):
    begin(self)
    keep(self, config_updates)
    return update(self, config_updates)


def update_function_code(self, updated_spec, update=LambdaFunction.update_function_code):
    begin(self)
    if "Architectures" in updated_spec:
        self.architectures = updated_spec["Architectures"]
    return update(self, updated_spec)


LambdaBackend.create_function = create_function
LambdaFunction.get_configuration = get_configuration
LambdaFunction.update_configuration = update_configuration
LambdaFunction.update_function_code = update_function_code
