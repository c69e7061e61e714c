package main

import (
	"github.com/dbt-aws/pulumi-dbt-aws/sdk/go/dbtaws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() { pulumi.Run(program) }

func program(ctx *pulumi.Context) error {
	cfg := config.New(ctx, "")
	platform, err := dbtaws.NewDbtPlatform(ctx, "analytics", &dbtaws.DbtPlatformArgs{RetainData: pulumi.Bool(false)})
	if err != nil {
		return err
	}
	project, err := dbtaws.NewDbtProject(ctx, "jaffle", &dbtaws.DbtProjectArgs{
		Platform:  platform.Handle,
		Path:      pulumi.StringRef("../jaffle-shop"),
		BaseImage: pulumi.String(cfg.Get("baseImage")),
	})
	if err != nil {
		return err
	}
	_, err = dbtaws.NewDbtSchedule(ctx, "nightly", &dbtaws.DbtScheduleArgs{
		Project:  project.Handle,
		Cron:     pulumi.String(cfg.Require("cron")),
		Timezone: pulumi.String("Europe/Paris"),
		Commands: pulumi.ToStringArray([]string{"dbt build", "dbt docs generate"}),
	})
	ctx.Export("warehouse", platform.Warehouse)
	ctx.Export("artifactsUri", project.ArtifactsUri)
	ctx.Export("runNow", project.StartRunCommand)
	ctx.Export("consoleUrl", project.ConsoleUrl)
	ctx.Export("logGroupName", platform.LogGroupName)
	return err
}
