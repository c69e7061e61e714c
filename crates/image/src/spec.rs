//! What an image is made from, where it goes, and what is known of it once it is there.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Base, Credentials, Digest, Login, PackagesLayer, Platform, Project, ProjectLayer, Resolved,
    Result, Runner, bundled, requirements::Requirements,
};

/// The base of whoever names none: CPython on Debian, for both platforms, from where AWS mirrors Docker's images.
pub const DEFAULT_BASE: &str = "public.ecr.aws/docker/library/python:3.12-slim-bookworm";

/// The adapters whose Python models dbt 2 runs.
const PYTHON_MODELS: &[&str] = &["bigquery", "databricks", "snowflake"];

/// What an image is made from.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The directory that holds `dbt_project.yml`.
    pub project: PathBuf,
    /// The dbt that runs it.
    pub dbt: Dbt,
    /// The base image's reference, as [`DEFAULT_BASE`]. It needs glibc 2.28 or later.
    pub base: String,
    /// A text: while it stays the same, the base's tag stands for what it stood for when it was first looked up.
    pub base_refresh: Option<String>,
    /// What opens the base's registry; without it, what Docker knows for that host, if anything.
    pub base_login: Option<Login>,
    /// What the image runs on.
    pub platform: Platform,
}

/// The dbt in an image.
#[derive(Clone, Debug)]
pub enum Dbt {
    /// A version of dbt Core (`1.12`) and an adapter (`postgres`) whose lock comes with the provider.
    Locked {
        /// The minor version.
        version: String,
        /// The adapter's name.
        adapter: String,
    },
    /// A requirements file. Without hashes it is resolved for the platform, and then kept as it came out.
    Requirements {
        /// The file.
        path: PathBuf,
        /// The adapter that must be among them; without it, any.
        adapter: Option<String>,
        /// Packages that are left out where another package asks for them.
        exclude: Vec<String>,
    },
}

impl Dbt {
    /// The digest of all that is installed: the runner's and dbt's requirements, and the runner itself.
    pub fn digest(&self) -> Result<String> {
        let runner = Runner::OURS;
        let mut all = String::from(runner.requirements);
        for (name, content) in runner.files {
            all += name;
            all += &Digest::of(content).to_string();
        }
        let requirements = self.requirements()?;
        // without hashes, others may come with those that are listed
        if requirements.hashed {
            let lines = requirements.lines.iter();
            self.is_among(
                &requirements,
                lines.map(|line| line.requirement.name.as_ref()),
            )?;
        }
        all += &requirements.text;
        Ok(Digest::of(all.as_bytes()).to_string())
    }

    /// Why a project cannot run with it, as far as its files tell.
    pub fn refusal(&self, project: &Project) -> Option<String> {
        match self {
            Self::Locked { version, adapter }
                if bundled::is_engine(version) && !PYTHON_MODELS.contains(&adapter.as_str()) =>
            {
                project.python_model().map(|path| {
                    format!(
                        "dbt {version} runs no Python models with {adapter}, and {path} is one; use a version of dbt Core"
                    )
                })
            }
            Self::Locked { version, .. } if version == "1.12" => {
                let reason = project.uneven.as_ref()?;
                Some(format!(
                    "dbt {version} wants exactly the packages that the project names: {reason}; run `dbt deps`, and remove from that folder what is no package of `packages.yml`"
                ))
            }
            _ => None,
        }
    }

    pub(super) fn requirements(&self) -> Result<Requirements> {
        match self {
            Self::Locked { version, adapter } => {
                let name = format!("the lock of dbt {version} with {adapter}");
                Requirements::parse(&name, bundled::embedded(version, adapter)?)
            }
            Self::Requirements { path, exclude, .. } => Requirements::read(path)?.without(exclude),
        }
    }

    /// Refuses packages without dbt or without its adapter.
    pub(super) fn is_among<'a>(
        &self,
        requirements: &Requirements,
        packages: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let Self::Requirements { adapter, .. } = self else {
            return Ok(());
        };
        requirements.need_dbt(packages, adapter.as_deref())
    }
}

/// A repository to push to.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Host and port, perhaps with `https://` or `http://` before them; by `http`, which is the default on this machine,
    /// only that and trusted hosts are asked.
    pub host: String,
    /// The repository's name.
    pub repository: String,
    /// A user and a password: `AWS` and a token for ECR.
    pub credentials: Option<Credentials>,
    /// Whose images these are: other owners' have other tags.
    pub owner: String,
}

/// An image that was built and pushed: the state from which the next one is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    /// The manifest's digest: the image's.
    pub digest: Digest,
    /// The tag, made from the digest and the owner.
    pub tag: String,
    /// The base.
    pub base: Base,
    /// The runner's layer.
    pub runner: PackagesLayer,
    /// dbt's layer.
    pub dbt: PackagesLayer,
    /// What dbt's requirements came to, where they have no hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolved>,
    /// The project's layer.
    pub project: ProjectLayer,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn dbt_2_runs_python_models_with_some_adapters() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("models")).unwrap();
        fs::write(path("dbt_project.yml"), "name: shop").unwrap();
        fs::write(path("setup.py"), "").unwrap();
        let refusal = |version: &str, adapter: &str| {
            let (version, adapter) = (version.to_owned(), adapter.to_owned());
            let project = Project::read(directory.path()).unwrap();
            Dbt::Locked { version, adapter }.refusal(&project)
        };
        assert_eq!(refusal("2.0", "duckdb"), None);
        fs::write(path("models/p.py"), "").unwrap();
        assert_eq!(
            refusal("2.0", "duckdb").as_deref(),
            Some(
                "dbt 2.0 runs no Python models with duckdb, and models/p.py is one; use a version of dbt Core"
            )
        );
        assert_eq!(refusal("2.0", "snowflake"), None);
        assert_eq!(refusal("1.12", "redshift"), None);
    }
}
