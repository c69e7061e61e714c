//! What stays out of an image by its name: what tools leave behind, and what looks like a secret.

use crate::ignore::Pattern;

/// Why a file or directory stays out unless `.dockerignore` brings it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Apart {
    /// What a tool makes, which would make a new image each time.
    Leftover,
    /// What may hold a secret.
    Secret,
}

/// What tools leave behind, in lower case.
const LEFTOVERS: &[&str] = &[
    // dbt and this provider
    ".user.yml",
    ".dockerignore",
    ".dbt-aws.json",
    "dbt_internal_packages",
    ".pulumi",
    "pulumi.yaml",
    "pulumi.*.yaml",
    // databases
    "*.duckdb",
    "*.duckdb.wal",
    "*.duckdb.tmp",
    "*.ddb",
    // Python and JavaScript
    "__pycache__",
    "*.pyc",
    ".*_cache",
    ".ipynb_checkpoints",
    ".tox",
    ".nox",
    ".eggs",
    ".coverage",
    ".venv",
    "venv",
    "node_modules",
    // version control
    ".git",
    ".hg",
    ".svn",
    // editors and desktops
    ".vscode",
    ".idea",
    ".fleet",
    ".#*",
    "#*#",
    "*~",
    "*.sw[m-p]",
    ".~lock.*#",
    "~$*",
    ".nfs*",
    ".fuse_hidden*",
    ".direnv",
    ".terraform",
    ".ds_store",
    "thumbs.db",
    "desktop.ini",
];

/// What looks like a secret, in lower case.
const SECRETS: &[&str] = &[
    ".env",
    ".env.*",
    ".env-*",
    ".env_*",
    "*.env",
    "*.env.*",
    ".envrc",
    ".flaskenv",
    // keys
    "*.pem",
    "*.key",
    "*.p8",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
    "*.keytab",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    // accounts
    "credentials",
    "credentials.*",
    "*credentials*.json",
    "*credentials*.y*ml",
    "*credentials*.csv",
    "*accesskeys*.csv",
    "*service[-_]account*.json",
    "*serviceaccount*.json",
    "*keyfile*.json",
    "secrets",
    "secret.*",
    "secrets.*",
    ".secrets*",
    "*secret*.json",
    "*secret*.y*ml",
    "*secret*.toml",
    "*secret*.txt",
    "password.*",
    "passwords.*",
    ".htpasswd",
    ".vault-token",
    ".dbt",
    "dbt_cloud.yml",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".pypirc",
    ".npmrc",
    ".git-credentials",
    ".dockercfg",
    ".databrickscfg",
    ".boto",
    ".aws",
    ".azure",
    ".docker",
    ".gcloud",
    ".gnupg",
    ".snowflake",
    ".snowsql",
    "connections.toml",
    ".ssh",
    ".kube",
    "kubeconfig*",
    "*.tfvars",
    "*.tfvars.json",
    "*.tfstate",
    "*.tfstate.*",
];

/// The patterns, ready to be matched.
#[derive(Debug)]
pub(super) struct Names(Vec<(Pattern, Apart)>);

impl Default for Names {
    fn default() -> Self {
        let all = [(LEFTOVERS, Apart::Leftover), (SECRETS, Apart::Secret)];
        let patterns = all
            .iter()
            .flat_map(|(names, why)| names.iter().map(|name| (Pattern::new(name), *why)));
        Self(patterns.collect())
    }
}

impl Names {
    /// Why a name stays out, if it does.
    pub(super) fn apart(&self, name: &str) -> Option<Apart> {
        let name: Vec<char> = name.to_lowercase().chars().collect();
        let found = self.0.iter().find(|(pattern, _)| pattern.takes(&name));
        found.map(|(_, why)| *why)
    }
}
