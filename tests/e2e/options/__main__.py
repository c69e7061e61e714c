from pathlib import Path

import pulumi
import pulumi_dbt_aws as dbt

PROJECT = {
    "version": "1",
    "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:shop",
    "schedulerRoleArn": "arn:aws:iam::000000000000:role/shop",
    "deadLetterArn": "arn:aws:sqs:us-east-1:000000000000:shop",
}


def schedule(name, rate="1 hour", **options):
    return dbt.DbtSchedule(name, project=PROJECT, rate=rate, opts=pulumi.ResourceOptions(**options))


def disable(args):
    if args.type_ == "dbt-aws:scheduler:Schedule":
        return pulumi.ResourceTransformResult({**args.props, "state": "DISABLED"}, args.opts)


def write(args):
    Path("hooked").write_text(args.name)


elsewhere = dbt.Provider("elsewhere", region="eu-west-1")
queue = dbt.sqs.Queue("queue")
group = pulumi.ComponentResource("test:index:Group", "group")
hook = pulumi.ResourceHook("write", write)

plain = schedule("plain")
schedule("parent", parent=group)
schedule("provider", provider=elsewhere)
schedule("providers", providers=[elsewhere])
schedule("depends-on", depends_on=[queue])
schedule("protect", protect=True)
schedule("retain-on-delete", retain_on_delete=True)
schedule("custom-timeouts", custom_timeouts=pulumi.CustomTimeouts(create="5m", update="6m", delete="7m"))
schedule("deleted-with", deleted_with=queue)
schedule("ignore-changes", ignore_changes=["timezone"])
schedule("replace-on-changes", replace_on_changes=["timezone"])
schedule("replace-with", replace_with=[queue])
schedule("replacement-trigger", replacement_trigger="first")
schedule("additional-secret-outputs", additional_secret_outputs=["scheduleArn"])
schedule("transforms", transforms=[disable])
schedule("hooks", hooks=pulumi.ResourceHookBinding(after_create=[hook]))
schedule("aliases")
