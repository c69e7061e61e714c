import pulumi
import pulumi_dbt_aws as dbt

config = pulumi.Config()
name = pulumi.get_stack()  # such as pr-17
production = f"{pulumi.get_organization()}/{{}}/{config.get('production') or 'prod'}"
platform = pulumi.StackReference(production.format("compose-platform"))
main = pulumi.StackReference(production.format("compose-project"))

project = dbt.DbtProject(
    f"jaffle-{name}",
    platform=platform.require_output("handle"),
    path="../jaffle-shop",
    base_image=config.get("baseImage"),
    profile={"schema": f"jaffle_shop_{name.replace('-', '_')}"},
    # What has not changed is read from where production has it.
    state_from=main.require_output("handle"),
    grants=["jaffle_shop"],
    overlap="queue",
)
run = dbt.DbtRun(
    "changed-models",
    project=project.handle,
    commands=["dbt build --select state:modified+ --defer"],
    triggers={"image": project.image_uri},
    drop_schemas_on_destroy=True,
)

pulumi.export("summary", run.summary)
pulumi.export("consoleUrl", run.console_url)
