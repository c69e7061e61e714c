"""CloudWatch speaks CBOR to the clients of today, and gives dashboards tags; moto does neither."""
import io
from urllib.parse import urlencode

import botocore.session
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from werkzeug.test import run_wsgi_app

MODEL = botocore.session.Session().get_service_model("cloudwatch")
QUERY, CBOR = create_serializer("query", False), create_serializer("smithy-rpc-v2-cbor", False)
XML, CBOR_READER = create_parser("query"), create_parser("smithy-rpc-v2-cbor")


def encoded(value, shape):
    """A structure as CBOR."""
    data = bytearray()
    CBOR._serialize_data_item(data, value, shape)
    return bytes(data)


class Cbor:
    """Translates a request to a query, which moto knows, and its answer back."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        if environ.get("HTTP_SMITHY_PROTOCOL") != "rpc-v2-cbor":
            return self.app(environ, start_response)
        operation = MODEL.operation_model(environ["PATH_INFO"].rsplit("/", 1)[1])
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        given = CBOR_READER.parse_data_item(CBOR_READER.get_peekable_stream_from_bytes(body)) if body else {}
        query = urlencode(QUERY.serialize_to_request(given, operation)["body"]).encode()
        environ = {**environ, "PATH_INFO": "/", "wsgi.input": io.BytesIO(query), "CONTENT_LENGTH": str(len(query)),
                   "CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"}
        environ.pop("HTTP_SMITHY_PROTOCOL")
        said, status, headers = run_wsgi_app(self.app, environ, buffered=True)
        answer = {"body": b"".join(said), "headers": dict(headers), "status_code": int(status.split()[0])}
        parsed = XML.parse(answer, operation.output_shape)
        headers = [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
        if answer["status_code"] >= 300:
            error = parsed["Error"]
            headers.append(("x-amzn-query-error", f"{error['Code']};Sender"))
            body = encoded({"message": error.get("Message", "")}, MODEL.shape_for("DashboardNotFoundError"))
        else:
            parsed.pop("ResponseMetadata", None)
            body = encoded(parsed, operation.output_shape) if operation.output_shape else encoded({}, MODEL.shape_for("Tag"))
        start_response(status, headers)
        return [body]


def put_dashboard(self, put=CloudWatchResponse.put_dashboard):
    """Tags are for a new one alone."""
    name, tags = self._get_param("DashboardName"), self._get_param("Tags", [])
    new = self.cloudwatch_backend.get_dashboard(name) is None
    answer = put(self)
    if new:
        self.cloudwatch_backend.tagger.tag_resource(self.cloudwatch_backend.get_dashboard(name).arn, tags)
    return answer


def delete_dashboards(self, dashboards, delete=CloudWatchBackend.delete_dashboards):
    for name in dashboards:
        if dashboard := self.get_dashboard(name):
            self.tagger.delete_all_tags_for_resource(dashboard.arn)
    return delete(self, dashboards)


def tag_resource(self, arn, tags, tag=CloudWatchBackend.tag_resource):
    """Dashboards have tags too."""
    if any(dashboard.arn == arn for dashboard in self.dashboards.values()):
        return self.tagger.tag_resource(arn, self.tagger.convert_dict_to_tags_input(tags))
    return tag(self, arn, tags)


def delete_alarms(self, alarm_names, delete=CloudWatchBackend.delete_alarms):
    """The tags of an alarm go with it."""
    for alarm in self.get_alarms_by_alarm_names(alarm_names):
        self.tagger.delete_all_tags_for_resource(alarm.alarm_arn)
    return delete(self, alarm_names)


def put_metric_alarm(self, *others, put=CloudWatchBackend.put_metric_alarm, **more):
    """Of an alarm that is there, tags are passed over; moto adds them."""
    if more["name"] in self.alarms:
        more["tags"] = []
    return put(self, *others, **more)


CloudWatchResponse.put_dashboard = put_dashboard
CloudWatchBackend.delete_dashboards = delete_dashboards
CloudWatchBackend.delete_alarms = delete_alarms
CloudWatchBackend.tag_resource = tag_resource
CloudWatchBackend.put_metric_alarm = put_metric_alarm
