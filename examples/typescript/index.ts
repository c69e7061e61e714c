import * as pulumi from "@pulumi/pulumi";
import * as dbt from "@dbt-aws/pulumi";

const config = new pulumi.Config();

const platform = new dbt.DbtPlatform("analytics", { retainData: false });

const project = new dbt.DbtProject("jaffle", {
    platform: platform.handle,
    path: "../jaffle-shop",
    baseImage: config.get("baseImage"),
});

new dbt.DbtSchedule("nightly", {
    project: project.handle,
    cron: config.require("cron"),
    timezone: "Europe/Paris",
    commands: ["dbt build", "dbt docs generate"],
});

export const warehouse = platform.warehouse;
export const artifactsUri = project.artifactsUri;
export const runNow = project.startRunCommand;
export const consoleUrl = project.consoleUrl;
export const logGroupName = platform.logGroupName;
