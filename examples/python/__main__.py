import pulumi
import pulumi_dbt_aws as dbt

config = pulumi.Config()

platform = dbt.DbtPlatform("analytics", retain_data=False)

project = dbt.DbtProject(
    "jaffle",
    platform=platform.handle,
    path="../jaffle-shop",
    base_image=config.get("baseImage"),
)

dbt.DbtSchedule(
    "nightly",
    project=project.handle,
    cron=config.require("cron"),
    timezone="Europe/Paris",
    commands=["dbt build", "dbt docs generate"],
)

pulumi.export("warehouse", platform.warehouse)
pulumi.export("artifactsUri", project.artifacts_uri)
pulumi.export("runNow", project.start_run_command)
pulumi.export("consoleUrl", project.console_url)
pulumi.export("logGroupName", platform.log_group_name)
