module dbt-go

go 1.25.11

require (
	github.com/dbt-aws/pulumi-dbt-aws/sdk/go v0.0.0
	github.com/pulumi/pulumi/sdk/v3 v3.259.0
)

replace github.com/dbt-aws/pulumi-dbt-aws/sdk/go => ../../sdk/go
