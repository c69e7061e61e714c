//! How long `expressions/run_task.jsonata` may come out.

use super::{CONTAINER, ROLE_CONTAINER};
use crate::prelude::*;
use serde_json::{Value as Document, json};

/// The most characters that ECS takes of overrides.
pub(crate) const LONGEST_OVERRIDES: usize = 8_192;

/// How many characters ECS counts of a run's overrides, of which it takes [`LONGEST_OVERRIDES`].
pub(crate) fn overrides_length(
    commands: Option<&[String]>,
    environment: &BTreeMap<String, String>,
) -> usize {
    let all = variables(commands, environment);
    let role = json!({"name": ROLE_CONTAINER, "environment": all[..2]});
    let containers = json!([{"name": CONTAINER, "environment": all}, role]);
    let overrides = json!({"containerOverrides": containers, "cpu": "16384", "memory": "122880"});
    overrides.to_string().chars().count()
}

fn variables(commands: Option<&[String]>, environment: &BTreeMap<String, String>) -> Vec<Document> {
    let pair = |name: &str, value: &str| json!({"name": name, "value": value});
    // The longest name that an execution can have.
    let mut all = vec![
        pair("DBT_AWS_RUN_ID", &"x".repeat(80)),
        pair("DBT_AWS_ATTEMPT", "10"),
        pair("DBT_AWS_TIMEOUT_SECONDS", "604800"),
        pair("DBT_AWS_CONTINUE", &format!("runs/{}/10", "x".repeat(80))),
    ];
    all.extend(commands.map(|commands| pair("DBT_AWS_COMMANDS", &json!(commands).to_string())));
    if !environment.is_empty() {
        all.push(pair("DBT_AWS_ENVIRONMENT", &json!(environment).to_string()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_has_the_same_variables() {
        let text = include_str!("expressions/run_task.jsonata");
        let environment = [("TEAM".to_owned(), "sales".to_owned())].into();
        let all = variables(Some(&["dbt build".to_owned()]), &environment);
        let names: Vec<_> = all
            .iter()
            .filter_map(|pair| pair["name"].as_str())
            .collect();
        let theirs: Vec<_> = text.split("'Name': '").skip(1).collect();
        let containers = [CONTAINER, ROLE_CONTAINER];
        for (name, theirs) in names.into_iter().chain(containers).zip(&theirs) {
            assert!(theirs.starts_with(&format!("{name}'")), "{theirs}");
        }
        assert_eq!(theirs.len(), all.len() + containers.len());
    }
}
