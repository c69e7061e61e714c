"""Whether requests are such as AWS's own models have them: botocore's, with the patterns, enums and bounds that botocore
itself does not look at."""
import base64
import binascii
import functools
import json
import re
import threading
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

import botocore.loaders
import botocore.model
import regex

SERVICES = {"monitoring": "cloudwatch", "states": "stepfunctions"}
# Headers of S3 that belong to the signature, the client or the transfer.
SIGNED = re.compile(r"x-amz-(date|content-sha256|security-token|user-agent|trailer|decoded-content-length|sdk-|checksum-)")
SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[a-z]{2}(-[a-z]+)+-\d/([a-z0-9-]+)/aws4_request")
LOADER, LOCK = botocore.loaders.Loader(), threading.Lock()


class NotInModel(Exception):
    """What a request has that AWS's model has not, one reason a line."""


@functools.cache
def service_model(name):
    """A service's model."""
    return botocore.model.ServiceModel(LOADER.load_service_model(name, "service-2"), name)


@functools.cache
def operation_model(service, name):
    """An operation's model."""
    return service_model(service).operation_model(name)


@functools.cache
def pattern(text):
    """What a text must be as a whole."""
    return regex.compile(text)


def read(method, target, headers, body):
    """A request's service and operation, with the places and reasons of what is wrong with it."""
    scope = SCOPE.search(headers.get("authorization", ""))
    if not scope:
        raise NotInModel("it is not signed for a service")
    service = SERVICES.get(scope[2], scope[2])
    with LOCK:
        try:
            model = service_model(service)
        except botocore.exceptions.UnknownServiceError:
            raise NotInModel(f"there is no service {service}") from None
    protocols = model.metadata.get("protocols") or [model.metadata["protocol"]]
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    kinds = [each for each in protocols if each in READERS]
    if not kinds:
        raise NotInModel(f"{service} speaks {protocols}")
    kind = next((each for each in kinds if is_form == (each in ("ec2", "query"))), kinds[0])
    return service, *READERS[kind](model, method, target, headers, body)


def check(method, target, headers, body):
    """A request's service, operation and parameters; refuses what is not in the model."""
    service, name, parameters, problems = read(method, target, headers, body)
    shape = operation_model(service, name).input_shape
    if shape is not None:
        problems = [*problems, *wrong(shape, parameters, "")]
    elif parameters:
        problems = [*problems, f"{sorted(parameters)}: {name} takes nothing"]
    if problems:
        raise NotInModel(f"{service} {name}: " + "; ".join(problems))
    return service, name, parameters


def known(model, name):
    """An operation's name, if the service has it."""
    if name not in model.operation_names:
        raise NotInModel(f"{model.service_name} has no operation {name!r}")
    return name


def named(model, method, target, headers, body):
    """JSON with the operation's name in a header."""
    prefix, _, name = headers.get("x-amz-target", "").partition(".")
    wanted = f"application/x-amz-json-{model.metadata.get('jsonVersion')}"
    if prefix != model.metadata["targetPrefix"] or headers.get("content-type") != wanted:
        raise NotInModel(f"{model.service_name} is asked as {prefix!r} with {headers.get('content-type')!r}, not {wanted}")
    problems = []
    shape = operation_model(model.service_name, known(model, name)).input_shape
    return name, of_json(shape, json.loads(body or "{}"), "", problems), problems


def of_json(shape, node, place, problems):
    """A value as JSON has it, its members under their own names."""
    if node is None or shape is None:
        return node
    if shape.type_name == "structure" and isinstance(node, dict) and not getattr(shape, "is_document_type", False):
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        problems += [f"{place}{key} is no member" for key in node.keys() - names.keys()]
        return {names[key]: of_json(shape.members[names[key]], item, f"{place}{key}.", problems)
                for key, item in node.items() if key in names and item is not None}
    if shape.type_name == "list" and isinstance(node, list):
        return [of_json(shape.member, item, f"{place}{index}.", problems) for index, item in enumerate(node)]
    if shape.type_name == "map" and isinstance(node, dict):
        return {key: of_json(shape.value, item, f"{place}{key}.", problems) for key, item in node.items()}
    if shape.type_name == "blob" and isinstance(node, str):
        return decoded(node, place, problems)
    return node


def decoded(text, place, problems):
    """The bytes of Base64."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        problems.append(f"{place} is not Base64")
        return b""


def form(model, method, target, headers, body):
    """A form, with names that lead to the members."""
    tree, ec2 = {}, model.metadata["protocol"] == "ec2"
    for key, value in parse_qsl(body.decode(), keep_blank_values=True):
        node = tree
        for step in key.split("."):
            node = node.setdefault(step, {})
        node[""] = value
    name, version = (tree.pop(key, {}).get("") for key in ("Action", "Version"))
    problems = []
    if version != model.api_version:
        problems.append(f"version {version}, not {model.api_version}")
    shape = operation_model(model.service_name, known(model, name)).input_shape
    return name, of_form(shape, tree, "", problems, ec2) if shape else tree, problems


def of_form(shape, node, place, problems, ec2):
    """A value as a form has it."""
    kind = shape.type_name
    if kind == "structure":
        names = {form_name(name, member, ec2): name for name, member in shape.members.items()}
        problems += [f"{place}{key} is no member" for key in node.keys() - names.keys() if key or node[key]]
        return {names[key]: of_form(shape.members[names[key]], item, f"{place}{key}.", problems, ec2)
                for key, item in node.items() if key in names}
    if kind == "list":
        if not ec2 and not shape.serialization.get("flattened"):
            step = shape.member.serialization.get("name", "member")
            problems += [f"{place}{key} is not {step}" for key in node.keys() - {step, ""}]
            node = node.get(step, {})
        if (numbers := sorted(node.keys() - {""}, key=lambda key: int(key) if key.isdigit() else 0)) != [
                str(1 + index) for index in range(len(numbers))]:
            problems.append(f"{place} has the items {numbers}")
        return [of_form(shape.member, node[number], f"{place}{number}.", problems, ec2) for number in numbers]
    if kind == "map":
        problems += [f"{place}{key} is not entry" for key in node.keys() - {"entry", ""}]
        entries = node.get("entry", {}).items()
        key, value = (part.serialization.get("name", name) for part, name in ((shape.key, "key"), (shape.value, "value")))
        return {entry[key][""]: of_form(shape.value, entry[value], f"{place}{number}.", problems, ec2)
                for number, entry in entries}
    if node.keys() != {""}:
        problems.append(f"{place} is no {kind}")
        return None
    return of_text(shape, node[""], place, problems)


def form_name(name, member, ec2):
    """What a member is called in a form."""
    own = member.serialization.get("name")
    if not ec2:
        if member.type_name == "list" and member.serialization.get("flattened"):
            own = member.member.serialization.get("name", own)
        return own or name
    return member.serialization.get("queryName") or (own[:1].upper() + own[1:] if own else name)


def of_text(shape, text, place, problems):
    """A value that stands there as text."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError:
        problems.append(f"{place} is no {kind}")
        return None
    if kind == "boolean":
        if text not in ("true", "false"):
            problems.append(f"{place} is no {kind}")
        return text == "true"
    return decoded(text, place, problems) if kind == "blob" else text


@functools.cache
def routes(service):
    """The operations of a REST service: method, path, what the query must have, name; the closest first."""
    model, found = service_model(service), []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        path = re.sub(r"\\{\w+\\\+\\}", "(.+)", re.escape(path))
        path = re.sub(r"\\{\w+\\}", "([^/]+)", path)
        found.append((http["method"], re.compile(path.rstrip("/") + "/?"), dict(parse_qsl(query, keep_blank_values=True)), name))
    return sorted(found, key=lambda route: -len(route[2]))


def rest(model, method, target, headers, body):
    """A request whose method, path, query and headers say what it is. Where more than one operation could be meant, it is
    the one that it fits best."""
    path, _, query = target.partition("?")
    query = dict(parse_qsl(query, keep_blank_values=True))
    query.pop("x-id", None)
    found = []
    for verb, pattern_, constant, name in routes(model.service_name):
        if found and len(constant) < found[0][0]:
            break
        if verb == method and (match := pattern_.fullmatch(path)) and constant.items() <= query.items():
            operation = operation_model(model.service_name, name)
            left = {key: value for key, value in query.items() if key not in constant}
            problems = []
            parameters = of_request(model, operation, match.groups(), left, headers, body, problems)
            missing = [key for key in (operation.input_shape.required_members if operation.input_shape else []) if key not in parameters]
            found.append((len(constant), len(missing) + len(problems), operation.deprecated, name, parameters, problems))
    if not found:
        raise NotInModel(f"{model.service_name} has no operation {method} {path}")
    return min(found, key=lambda each: each[:3])[3:]


def of_request(model, operation, path, query, headers, body, problems):
    """The parameters, from where each of them stands."""
    shape, found, json_ = operation.input_shape, {}, model.metadata["protocol"] == "rest-json"
    steps = re.findall(r"{(\w+)\+?}", operation.http["requestUri"])
    texts = {"uri": dict(zip(steps, map(unquote, path))), "querystring": query, "header": headers}
    used, within = {place: set() for place in texts}, {}
    for name, member in shape.members.items() if shape else ():
        place, key = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "headers":
            found[name] = {header[len(key):]: value for header, value in headers.items() if header.startswith(key.lower())}
            used["header"] |= {key.lower() + rest for rest in found[name]}
            found = {key: value for key, value in found.items() if value != {}}
        elif place in texts:
            key = key.lower() if place == "header" else key
            used[place].add(key)
            if key in texts[place]:
                text = texts[place][key]
                list_ = member.type_name == "list"
                found[name] = [text] if list_ else of_text(member, text, name, problems)
        else:
            within[name] = member
    problems += [f"{key} is no member of the query" for key in query.keys() - used["querystring"]]
    if not json_:
        problems += [f"{key} is no header" for key in headers.keys() - used["header"] if key.startswith("x-amz-") and not SIGNED.match(key)]
    payload = shape.serialization.get("payload") if shape else None
    if payload and shape.members[payload].type_name in ("blob", "string"):
        found[payload] = body if shape.members[payload].type_name == "blob" else body.decode()
    elif body and json_:
        inner = shape.members[payload] if payload else shape
        value = of_json(inner, json.loads(body), "", problems)
        found |= {payload: value} if payload else value
    elif body and payload:
        try:
            root, member = ElementTree.fromstring(body), shape.members[payload]
        except ElementTree.ParseError as error:
            problems.append(f"the body is no XML: {error}")
            return found
        if (tag := bare(root.tag)) != (wanted := member.serialization.get("name", payload)):
            problems.append(f"the document is a {tag}, not a {wanted}")
        found[payload] = of_xml(member, root, f"{wanted}.", problems)
    elif body:
        problems.append("there is a body")
    return found


def bare(tag):
    """A name without its namespace."""
    return tag.rpartition("}")[2]


def of_xml(shape, node, place, problems):
    """A value as XML has it."""
    if shape.type_name != "structure":
        return of_text(shape, node.text or "", place, problems)
    found, names = {}, {member.serialization.get("name", name): name for name, member in shape.members.items()}
    for child in node:
        name = names.get(tag := bare(child.tag))
        if not name:
            problems.append(f"{place}{tag} is no member")
            continue
        member, below = shape.members[name], f"{place}{tag}."
        if member.type_name != "list":
            found[name] = of_xml(member, child, below, problems)
        elif member.serialization.get("flattened"):
            found.setdefault(name, []).append(of_xml(member.member, child, below, problems))
        else:
            item = member.member.serialization.get("name", "member")
            problems += [f"{below}{bare(each.tag)} is not {item}" for each in child if bare(each.tag) != item]
            found[name] = [of_xml(member.member, each, below, problems) for each in child]
    return found


READERS = {"json": named, "query": form, "ec2": form, "rest-json": rest, "rest-xml": rest}
TYPES = {"string": str, "integer": int, "long": int, "boolean": bool, "float": (int, float), "double": (int, float),
         "structure": dict, "map": dict, "list": list, "blob": (bytes, str), "timestamp": (int, float, str)}


def wrong(shape, value, place):
    """What a value has that its shape does not allow."""
    kind, name = shape.type_name, place or "the request"
    if getattr(shape, "is_document_type", False):
        return
    if not isinstance(value, TYPES[kind]) or kind in ("integer", "long") and isinstance(value, bool):
        yield f"{name} is no {kind}"
        return
    traits = shape.metadata
    size = value if kind in ("integer", "long", "float", "double") else None if kind in ("boolean", "timestamp") else len(value)
    if size is not None and kind != "structure" and not traits.get("min", size) <= size <= traits.get("max", size):
        yield f"{name} has the size {size}, not {traits.get('min', '')} to {traits.get('max', '')}"
    if kind == "structure":
        yield from (f"{place}{key} is missing" for key in shape.required_members if key not in value)
        if shape.is_tagged_union and len(value) != 1:
            yield f"{name} has {sorted(value)}, not one of them"
        for key, item in value.items():
            yield from wrong(shape.members[key], item, f"{place}{key}.")
    elif kind == "list":
        for index, item in enumerate(value):
            yield from wrong(shape.member, item, f"{place}{index}.")
    elif kind == "map":
        for key, item in value.items():
            yield from wrong(shape.key, key, f"{place}{key}.")
            yield from wrong(shape.value, item, f"{place}{key}.")
    elif kind == "string":
        shown = "<secret>" if traits.get("sensitive") else repr(value[:80])
        if shape.enum and value not in shape.enum:
            yield f"{name} is {shown}, none of {', '.join(shape.enum[:12])}"
        if (text := traits.get("pattern")) and not pattern(text).fullmatch(value):
            yield f"{name} is {shown}, not of the form {text}"
