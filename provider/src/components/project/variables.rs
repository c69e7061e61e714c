//! The environment variables of a project, and those that its runs take from a schedule.

use super::handle::ProjectHandleArgs;
use crate::prelude::*;
use pulumi_aws_framework::{handle::Joined, output::all};
use serde::Deserialize;
use std::{collections::BTreeSet, sync::LazyLock};

/// What the names of the runner's own variables begin with.
pub(super) const RESERVED: &str = "DBT_AWS_";

/// The names that the runner judges by, `*` being anything.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    dbts_own: Vec<String>,
    never: Vec<String>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let text = include_str!("../../../runner/dbt_aws/variables.json");
    serde_json::from_str(text).unwrap_or_default()
});

/// What is wrong with the name of an environment variable, if anything.
pub(crate) fn name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(RESERVED) {
        Err(format!(
            "names that begin with {RESERVED} are the runner's own; choose another"
        ))
    } else if name.chars().all(is_plain) && name.starts_with(|c: char| !c.is_ascii_digit()) {
        Ok(())
    } else {
        Err(format!(
            "{name:?} cannot be an environment variable; use letters, digits and _, and do not begin with a digit"
        ))
    }
}

/// Those that are secrets, for the handle.
pub(super) fn of_secrets(
    made: Option<&BTreeMap<String, Output<SecretText>>>,
    given: &Output<BTreeMap<String, String>>,
) -> Output<Joined> {
    let made: Vec<_> = made.into_iter().flat_map(BTreeMap::keys).cloned().collect();
    let names = given.keys().map(move |given| {
        let names: Vec<_> = made.into_iter().chain(given).collect();
        Some(Joined(names)).filter(|names| !names.0.is_empty())
    });
    names.flatten()
}

/// The words of the profile's templates, for the handle.
pub(super) fn of_profile(profile: &Output<String>) -> Output<Joined> {
    profile.map(|text| listed(words_of_templates(&text)))
}

/// Those that the dbt project reads or that are in the project's environment, for the handle.
pub(super) fn own(
    read: &Output<Vec<String>>,
    declared: &Output<BTreeMap<String, String>>,
) -> Output<Joined> {
    all((read.clone(), declared.keys()))
        .map(|(read, declared)| listed(read.iter().chain(&declared).map(String::as_str).collect()))
}

fn listed(names: BTreeSet<&str>) -> Joined {
    Joined(names.into_iter().map(str::to_owned).collect())
}

/// What a project's handle tells of its variables; what it does not tell is not judged.
#[derive(Debug, Default)]
pub(crate) struct Told {
    secrets: Option<Joined>,
    profile: Option<Joined>,
    own: Option<Joined>,
}

impl Told {
    /// What a handle tells.
    pub(crate) fn by(handle: &ProjectHandleArgs) -> Self {
        Self {
            secrets: handle.secret_names.now(),
            profile: handle.profile_variables.now(),
            own: handle.variables.now(),
        }
    }

    /// Why no run takes a variable from a schedule: the runner's rule.
    pub(crate) fn refusal(&self, name: &str) -> Result<(), String> {
        let is_in = |names: &Option<Joined>| {
            let mut names = names.iter().flat_map(|names| &names.0);
            names.any(|other| other == name)
        };
        let (older, upper) = (older_name(name), older_name(&name.to_uppercase()));
        let reason = if NAMES.never.iter().any(|own| fits(own, &upper)) {
            "affects more than the dbt project, so no single run can set it; set it in the project's environment"
        } else if is_in(&self.secrets) {
            "is a secret of the project, so no single run can set it; choose another name"
        } else if is_in(&self.profile) {
            "is read by the profile, so no single run can set it; set it in the project's environment"
        } else if self.own.is_none()
            || is_in(&self.own)
            || NAMES.dbts_own.iter().any(|own| fits(own, &older))
        {
            return Ok(());
        } else {
            "is not read by the dbt project, so no single run can set it; read it there with env_var, or declare \
             it in the project's environment"
        };
        Err(reason.to_owned())
    }
}

/// The older of the two names that each of dbt's own variables has.
fn older_name(name: &str) -> String {
    match name.strip_prefix("DBT_ENGINE_") {
        Some(rest) => format!("DBT_{rest}"),
        None => name.to_owned(),
    }
}

/// Whether a name is one of these, `*` at one end being anything.
fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => name == pattern,
    }
}

/// The words in a text's templates, which may be names of variables.
fn words_of_templates(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for (open, close) in [("{{", "}}"), ("{%", "%}")] {
        let mut rest = text;
        while let Some((_, inner)) = rest.split_once(open)
            && let Some((inner, after)) = inner.split_once(close)
        {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let words = inner.split(|c| !is_word(c));
            found.extend(words.filter(|word| !word.is_empty()));
            rest = after;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_takes_what_the_project_reads_or_declares() {
        let names = |all: &[&str]| Some(Joined(all.iter().map(|&name| name.to_owned()).collect()));
        let told = Told {
            secrets: names(&["API_KEY"]),
            profile: names(&["HOST", "env_var"]),
            own: names(&["LABEL", "HOST", "API_KEY", "PATH"]),
        };
        for (name, said) in [
            ("LABEL", None),
            ("DBT_FULL_REFRESH", None),
            ("DBT_ENGINE_FULL_REFRESH", None),
            ("DBT_ENGINE_OTHER", Some("is not read by the dbt project")),
            ("DBT_ENGINE_PROFILES_DIR", Some("affects more")),
            ("dbt_engine_target_path", Some("affects more")),
            ("DBT_ENV_CUSTOM_ENV_TEAM", None),
            ("OTHER", Some("is not read by the dbt project")),
            ("label", Some("is not read by the dbt project")),
            ("API_KEY", Some("is a secret")),
            ("HOST", Some("is read by the profile")),
            ("PATH", Some("affects more")),
            ("https_proxy", Some("affects more")),
            ("DBT_ENV_SECRET_TOKEN", Some("affects more")),
        ] {
            match (told.refusal(name), said) {
                (Ok(()), None) => {}
                (Err(reason), Some(said)) => assert!(reason.contains(said), "{name}: {reason}"),
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
        let unknown = Told::default();
        assert_eq!(unknown.refusal("OTHER"), Ok(()));
        assert!(unknown.refusal("PATH").is_err());
    }

    #[test]
    fn a_profiles_templates_have_words() {
        let text = r#"{"host": "{{ env_var('HOST') }}", "user": "{% if x %}{{y}}", "schema": "LABEL", "z": "{{ open"}"#;
        let words: Vec<_> = words_of_templates(text).into_iter().collect();
        assert_eq!(words, ["HOST", "env_var", "if", "x", "y"]);
    }
}
