use crate::resources::refusals::{merged, refuses};
use serde_json::{Value as Json, json};

#[test]
fn wrong_inputs_of_repositories_are_refused() {
    let rule = |over: Json| {
        let selection =
            json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1});
        let rule = json!({"rulePriority": 1, "selection": merged(selection, &over), "action": {"type": "expire"}});
        json!({"lifecyclePolicy": {"rules": [rule]}})
    };
    let rows = [
        (
            json!({"name": "Upper"}),
            "name: \"Upper\" must be 2 to 256 lower-case letters and digits, with single . _ - or / between them",
        ),
        (
            json!({"lifecyclePolicy": {"rules": []}}),
            "lifecyclePolicy: needs a list of rules",
        ),
        (
            rule(json!({"tagStatus": "all"})),
            "lifecyclePolicy: rules[0].selection.tagStatus must be one of tagged, untagged, any",
        ),
        (
            rule(json!({"tagStatus": "tagged"})),
            "lifecyclePolicy: rules[0].selection needs tagPrefixList or tagPatternList",
        ),
        (
            rule(json!({"countType": "count"})),
            "lifecyclePolicy: rules[0].selection.countType must be one of imageCountMoreThan, sinceImagePushed, sinceImagePulled, sinceImageTransitioned",
        ),
        (
            json!({"kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:alias/mine"}),
            "kmsKeyArn: \"arn:aws:kms:eu-west-1:123456789012:alias/mine\" is an alias; give the ARN of the key that the alias refers to",
        ),
        (
            rule(json!({"countNumber": 0})),
            "lifecyclePolicy: rules[0].selection.countNumber must be 1 or more",
        ),
    ];
    refuses("dbt-aws:ecr:Repository", &rows);
}

#[test]
fn wrong_inputs_of_images_are_refused() {
    let image = |over: Json| {
        let url = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop";
        let all = json!({"repositoryUrl": url, "path": "../examples/jaffle-shop", "dbt": {"adapter": "postgres"}});
        merged(all, &over)
    };
    let rows = [
        (
            image(json!({"path": "nowhere"})),
            "path: nowhere is not a dbt project: there is no such directory",
        ),
        (
            image(json!({"path": ".."})),
            "path: .. is not a dbt project: it has no dbt_project.yml; give the directory that holds one",
        ),
        (
            image(json!({"baseImage": "UPPER CASE"})),
            "baseImage: the base image UPPER CASE cannot be used: its repository's name must have only a-z, 0-9 and ._-/",
        ),
        (
            image(json!({"dbt": {}})),
            "dbt.adapter: is required unless requirements is given; give one such as postgres",
        ),
        (
            image(json!({"dbt": {"adapter": "postgress"}})),
            "dbt: dbt 1.12 with postgress: it is not bundled; these are: 1.12 with athena, bigquery, databricks, postgres, redshift, snowflake, trino; 1.11 with athena, bigquery, databricks, postgres, redshift, snowflake, trino; for any other give a requirements file",
        ),
        (
            image(json!({"dbt": {"adapter": "postgres", "version": "1.2"}})),
            "dbt: dbt 1.2 with postgres: it is not bundled; these are: 1.12 with athena, bigquery, databricks, postgres, redshift, snowflake, trino; 1.11 with athena, bigquery, databricks, postgres, redshift, snowflake, trino; for any other give a requirements file",
        ),
        (
            image(json!({"dbt": {"requirements": "nowhere.txt"}})),
            "dbt: reading nowhere.txt: No such file or directory (os error 2)",
        ),
    ];
    refuses("dbt-aws:ecr:Image", &rows);
}
