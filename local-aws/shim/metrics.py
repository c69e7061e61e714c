"""CloudWatch gives dashboards tags, tells times as times, and EventBridge of alarms; ministack does none of it."""
import json

from ministack.core.responses import get_account_id
from ministack.services import cloudwatch, eventbridge

validate, put = cloudwatch._validate_alarm_tag_arn, cloudwatch._put_dashboard
listed, delete = cloudwatch._list_dashboards, cloudwatch._delete_dashboards
record = cloudwatch._record_history


def arn_of(name):
    return f"arn:aws:cloudwatch::{get_account_id()}:dashboard/{name}"


def validate_tagged(arn, **how):
    """Alarms, and dashboards."""
    if arn.partition(":dashboard/")[2] in cloudwatch._dashboards:
        return None
    return validate(arn, **how)


def put_dashboard(params, given, *how):
    """Tags are for a new one alone."""
    name = given.get("DashboardName", "")
    new = name not in cloudwatch._dashboards
    answer = put(params, given, *how)
    if new and name in cloudwatch._dashboards:
        cloudwatch._resource_tags[arn_of(name)] = {tag["Key"]: tag["Value"] for tag in given.get("Tags", [])}
    return answer


def list_dashboards(params, given, is_cbor, *how):
    """In CBOR a time is no text."""
    if not is_cbor:
        return listed(params, given, is_cbor, *how)
    times = {name: cloudwatch._cbor_timestamp(dashboard["LastModified"]) for name, dashboard in cloudwatch._dashboards.items()}
    entries = [{"DashboardName": name, "DashboardArn": arn_of(name), "LastModified": time} for name, time in times.items()]
    return cloudwatch._cbor_ok({"DashboardEntries": entries})


def delete_dashboards(params, given, *how):
    """The tags go along."""
    for name in given.get("DashboardNames", []):
        cloudwatch._resource_tags.pop(arn_of(name), None)
    return delete(params, given, *how)


def record_change(name, before, after, reason, *how):
    """A change of an alarm's state is an event."""
    record(name, before, after, reason, *how)
    if alarm := cloudwatch._alarms.get(name):
        detail = {"alarmName": name, "state": {"value": after, "reason": reason}, "previousState": {"value": before}}
        eventbridge._put_events({"Entries": [{
            "Source": "aws.cloudwatch", "DetailType": "CloudWatch Alarm State Change", "Detail": json.dumps(detail),
            "Resources": [alarm["AlarmArn"]],
        }]}, allow_aws_source=True)


def install():
    cloudwatch._validate_alarm_tag_arn = validate_tagged
    cloudwatch._put_dashboard = put_dashboard
    cloudwatch._list_dashboards = list_dashboards
    cloudwatch._delete_dashboards = delete_dashboards
    cloudwatch._record_history = record_change
