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
    """An update is under way until somebody has looked."""
    found = {**get(self, on_create), **getattr(self, "kept", {})}
    if getattr(self, "updating", 0):
        self.updating -= 1
        found["LastUpdateStatus"] = "InProgress"
    return found


def one_at_a_time(update):
    """AWS refuses an update while another is under way."""
    def updated(self, function_name, qualifier, body):
        function = self.get_function(function_name, qualifier)
        if getattr(function, "updating", 0):
            message = "The operation cannot be performed at this time. An update is in progress for resource: "
            raise Conflict(message + function.function_arn)
        keep(function, body)
        function.architectures = body.get("Architectures", function.architectures)
        answer = update(self, function_name, qualifier, body)
        function.updating = 1
        return answer
    return updated


def put_function_event_invoke_config(self, function_name, config, put=LambdaBackend.put_function_event_invoke_config):
    """AWS has the last that was put, moto the first."""
    self.get_function(function_name).event_invoke_config.clear()
    return put(self, function_name, config)


LambdaBackend.create_function = create_function
LambdaBackend.put_function_event_invoke_config = put_function_event_invoke_config
LambdaBackend.update_function_code = one_at_a_time(LambdaBackend.update_function_code)
LambdaBackend.update_function_configuration = one_at_a_time(LambdaBackend.update_function_configuration)
LambdaFunction.get_configuration = get_configuration
