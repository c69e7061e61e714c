//! OCI images of dbt projects, made and pushed without a Docker daemon and without Python.
//!
//! An image is a base with three layers on it: the runner (`/opt/dbt-aws`), dbt (`/opt/dbt`) and
//! the project (`/project`). Each is the same bits for the same input on every machine. What was
//! built is kept as descriptors, so a change of the project alone is planned without a network.
//!
//! Packages are not compiled to bytecode, for which Python would be needed.

mod base;
mod cache;
mod credentials;
mod error;
mod http;
mod ignore;
mod index;
mod layer;
mod lock;
mod manifest;
mod packages;
mod platform;
mod project;
mod reference;
mod registry;
mod settings;
mod wheel;

use std::{borrow::Cow, fs, io, path::PathBuf};

use futures::{StreamExt, TryStreamExt};
use reqwest::Client;
use serde::{Deserialize, Serialize};

pub use self::{
    base::Base,
    cache::Cache,
    error::{Error, Result},
    http::Credentials,
    index::Index,
    layer::Layer,
    packages::{PackagesLayer, Runner},
    platform::{Platform, Python},
    project::{Contents, FileChanges, Fingerprint, Project, ProjectLayer},
    reference::Reference,
};
use self::{
    cache::Draft,
    manifest::Documents,
    packages::Recipe,
    registry::{Repository, Source},
};

/// The base of whoever names none: CPython on Debian, for both platforms.
pub const DEFAULT_BASE: &str = "docker.io/library/python:3.12-slim-bookworm";

const PARALLEL_UPLOADS: usize = 4;

/// What an image is made from.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The directory that holds `dbt_project.yml`.
    pub project: PathBuf,
    /// The dbt that runs it.
    pub dbt: Dbt,
    /// The base image's reference, as [`DEFAULT_BASE`]. It needs glibc 2.28 or later.
    pub base: String,
    /// What opens the base's registry; without it, what Docker knows for that host, if anything.
    pub base_credentials: Option<Credentials>,
    /// What the image runs on.
    pub platform: Platform,
    /// The base's Python; without it, `PYTHON_VERSION` of the base, or what its layers hold.
    pub python: Option<Python>,
}

/// The dbt in an image.
#[derive(Clone, Debug)]
pub enum Dbt {
    /// A version of dbt Core (`1.11`) and an adapter (`postgres`) whose lock comes with the provider.
    Locked {
        /// The minor version.
        version: String,
        /// The adapter's name.
        adapter: String,
    },
    /// A requirements file, with hashes.
    Requirements(PathBuf),
}

impl Dbt {
    /// The digest of all that is installed: the runner's and dbt's locks, and the runner itself.
    pub fn digest(&self) -> Result<String> {
        let runner = Runner::OURS;
        let mut all = String::from(runner.requirements);
        for (name, content) in runner.files {
            all += name;
            all += &layer::digest(content);
        }
        all += &self.lock()?;
        Ok(layer::digest(all.as_bytes()))
    }

    fn lock(&self) -> Result<Cow<'static, str>> {
        match self {
            Self::Locked { version, adapter } => {
                lock::embedded(version, adapter).map(Cow::Borrowed)
            }
            Self::Requirements(path) => fs::read_to_string(path)
                .map(Cow::Owned)
                .map_err(Error::io("reading", path)),
        }
    }
}

/// A repository to push to.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Host and port, with `http://` before it where it is neither HTTPS nor on this machine.
    pub host: String,
    /// The repository's name.
    pub repository: String,
    /// A user and a password: `AWS` and a token for ECR.
    pub credentials: Option<Credentials>,
}

/// An image that was built and pushed: the state from which the next one is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    /// The manifest's digest: the image's.
    pub digest: String,
    /// The tag, made from the digest.
    pub tag: String,
    /// The base.
    pub base: Base,
    /// The runner's layer.
    pub runner: PackagesLayer,
    /// dbt's layer.
    pub dbt: PackagesLayer,
    /// The project's layer.
    pub project: ProjectLayer,
}

/// What a build would give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The image's digest; unknown where only the network could tell.
    pub digest: Option<String>,
    /// Whether the base image differs.
    pub base_changed: bool,
    /// Whether the runner differs.
    pub runner_changed: bool,
    /// Whether dbt or one of its packages differs.
    pub dbt_changed: bool,
    /// Which of the project's files differ.
    pub files: FileChanges,
}

/// The maker of images.
#[derive(Clone, Debug)]
pub struct Images {
    client: Client,
    cache: Cache,
    /// Read from the environment, when one is needed, where none is given.
    indexes: Option<Vec<Index>>,
    runner: Runner,
}

impl Images {
    /// A maker of images with our runner and the environment's cache and package indexes.
    pub fn from_environment() -> Self {
        Self {
            client: http::client(),
            cache: Cache::from_environment(),
            indexes: None,
            runner: Runner::OURS,
        }
    }

    /// A maker of images with a cache and package indexes of its own.
    pub fn new(runner: Runner, cache: Cache, indexes: Vec<Index>) -> Self {
        Self {
            client: http::client(),
            cache,
            indexes: Some(indexes),
            runner,
        }
    }

    /// What a build would give, found out without a network.
    pub async fn plan(&self, spec: &Spec, previous: Option<&Built>) -> Result<Plan> {
        let base = previous
            .map(|built| &built.base)
            .filter(|base| is_base_of(base, spec));
        let recipes = base.map(|base| self.recipes(spec, base)).transpose()?;
        let known = |recipe: &Recipe, previous: Option<&PackagesLayer>| {
            let same = previous.filter(|layer| layer.key == recipe.key()).cloned();
            same.or_else(|| recipe.cached(&self.cache))
        };
        let runner = recipes
            .as_ref()
            .and_then(|(runner, _)| known(runner, previous.map(|built| &built.runner)));
        let dbt = recipes
            .as_ref()
            .and_then(|(_, dbt)| known(dbt, previous.map(|built| &built.dbt)));
        let (project, files) = self.plan_project(spec, previous).await?;
        let digest = match (base, &runner, &dbt) {
            (Some(base), Some(runner), Some(dbt)) => {
                Some(documents(base, runner, dbt, &project).digest())
            }
            _ => None,
        };
        let keys = recipes.map(|(runner, dbt)| (runner.key(), dbt.key()));
        let differs = |same: fn(&(String, String), &Built) -> bool| match (&keys, previous) {
            (Some(keys), Some(built)) => !same(keys, built),
            _ => true,
        };
        Ok(Plan {
            digest,
            base_changed: base.is_none(),
            runner_changed: differs(|keys, built| keys.0 == built.runner.key),
            dbt_changed: differs(|keys, built| keys.1 == built.dbt.key),
            files,
        })
    }

    /// Build an image and push what its repository does not have.
    ///
    /// Safe to repeat: what is there is not pushed again, and one request finds out that all is.
    pub async fn build_and_push(
        &self,
        spec: &Spec,
        registry: &Registry,
        previous: Option<&Built>,
    ) -> Result<Built> {
        match self.try_build_and_push(spec, registry, previous).await {
            Err(Error::Stale { .. }) if previous.is_some() => {
                self.try_build_and_push(spec, registry, None).await
            }
            other => other,
        }
    }

    async fn try_build_and_push(
        &self,
        spec: &Spec,
        registry: &Registry,
        previous: Option<&Built>,
    ) -> Result<Built> {
        let project = self.project(spec, previous).await?;
        let reference: Reference = spec.base.parse()?;
        let credentials = match &spec.base_credentials {
            Some(credentials) => Some(credentials.clone()),
            None => credentials::of_docker(&reference.host).await,
        };
        let source = Repository::to_pull(
            self.client.clone(),
            &reference.host,
            &reference.repository,
            credentials,
        );
        let base = match previous
            .map(|built| &built.base)
            .filter(|base| is_base_of(base, spec))
        {
            Some(base) => base.clone(),
            None => {
                base::read(
                    &source,
                    &reference,
                    &spec.base,
                    spec.platform,
                    spec.python,
                    &self.cache,
                )
                .await?
            }
        };
        let (runner_recipe, dbt_recipe) = self.recipes(spec, &base)?;
        let (runner, dbt) = tokio::try_join!(
            self.packages(&runner_recipe, previous.map(|built| &built.runner)),
            self.packages(&dbt_recipe, previous.map(|built| &built.dbt)),
        )?;
        let documents = documents(&base, &runner, &dbt, &project.0);
        let digest = documents.digest();
        let tag = manifest::tag(&digest);
        let target = Repository::to_push(
            self.client.clone(),
            &registry.host,
            &registry.repository,
            registry.credentials.clone(),
        );
        let built = Built {
            digest,
            tag,
            base,
            runner,
            dbt,
            project: project.0,
        };
        if target.manifest_digest(&built.tag).await?.as_ref() == Some(&built.digest) {
            return Ok(built);
        }
        let upload = async |part: Part| {
            let (digest, size) = match part {
                Part::Config => (
                    layer::digest(&documents.config),
                    documents.config.len() as u64,
                ),
                Part::Base(number) => (
                    built.base.layers[number].digest.clone(),
                    built.base.layers[number].size,
                ),
                Part::Runner => (built.runner.layer.digest.clone(), built.runner.layer.size),
                Part::Dbt => (built.dbt.layer.digest.clone(), built.dbt.layer.size),
                Part::Project => (built.project.layer.digest.clone(), built.project.layer.size),
            };
            if target.has_blob(&digest).await? {
                return Ok(());
            }
            let made;
            let content = match part {
                Part::Config => Source::Bytes(&documents.config),
                Part::Base(_) => Source::Repository(&source),
                Part::Runner => Source::File(
                    self.packages_file(&runner_recipe, &built.runner, "runner")
                        .await?,
                ),
                Part::Dbt => {
                    Source::File(self.packages_file(&dbt_recipe, &built.dbt, "dbt").await?)
                }
                Part::Project => match &project.1 {
                    Some(draft) => Source::File(draft.path().to_owned()),
                    None => {
                        made = self.pack(spec).await?;
                        if made.0.layer != built.project.layer {
                            return Err(Error::Stale { layer: "project" });
                        }
                        Source::File(made.1.path().to_owned())
                    }
                },
            };
            target.upload(&digest, size, &content).await
        };
        let parts = [Part::Config, Part::Project, Part::Dbt, Part::Runner].into_iter();
        let parts = parts.chain((0..built.base.layers.len()).map(Part::Base));
        futures::stream::iter(parts.map(upload))
            .buffer_unordered(PARALLEL_UPLOADS)
            .try_collect::<()>()
            .await?;
        target
            .put_manifest(&built.tag, manifest::MEDIA_TYPE, &documents.manifest)
            .await?;
        Ok(built)
    }

    /// How the runner's and dbt's layers are made on a base.
    fn recipes(&self, spec: &Spec, base: &Base) -> Result<(Recipe, Recipe)> {
        let recipe = |directory, name: &str, text: &str, files| {
            let packages = lock::parse(name, text, base.python, spec.platform)?;
            Ok(Recipe {
                directory,
                packages,
                files,
                python: base.python,
                platform: spec.platform,
            })
        };
        let files = self
            .runner
            .files
            .iter()
            .map(|(name, content)| (format!("opt/dbt-aws/{name}"), *content));
        let runner = recipe(
            "opt/dbt-aws/lib",
            "the runner's lock",
            self.runner.requirements,
            files.collect(),
        )?;
        let dbt = match &spec.dbt {
            Dbt::Locked { version, adapter } => {
                let text = lock::embedded(version, adapter)?;
                recipe(
                    "opt/dbt",
                    &format!("the lock of dbt {version} with {adapter}"),
                    text,
                    vec![],
                )?
            }
            Dbt::Requirements(path) => {
                let text = fs::read_to_string(path).map_err(Error::io("reading", path))?;
                recipe("opt/dbt", &path.display().to_string(), &text, vec![])?
            }
        };
        Ok((runner, dbt))
    }

    async fn packages(
        &self,
        recipe: &Recipe,
        previous: Option<&PackagesLayer>,
    ) -> Result<PackagesLayer> {
        match previous.filter(|layer| layer.key == recipe.key()) {
            Some(layer) => Ok(layer.clone()),
            None => {
                recipe
                    .make(&self.client, self.indexes.as_deref(), &self.cache)
                    .await
            }
        }
    }

    async fn packages_file(
        &self,
        recipe: &Recipe,
        expected: &PackagesLayer,
        layer: &'static str,
    ) -> Result<PathBuf> {
        let made = recipe
            .make(&self.client, self.indexes.as_deref(), &self.cache)
            .await?;
        if made != *expected {
            return Err(Error::Stale { layer });
        }
        Ok(self.cache.path("layers", &format!("{}.tar.gz", made.key)))
    }

    /// The project's layer; written to a file only where it is not the previous one.
    async fn project(
        &self,
        spec: &Spec,
        previous: Option<&Built>,
    ) -> Result<(ProjectLayer, Option<Draft>)> {
        if let Some(built) = previous {
            let path = spec.project.clone();
            let (name, diff_id) = blocking(move || {
                let project = Project::read(&path)?;
                Ok((project.name.clone(), project.pack(io::sink())?.diff_id))
            })
            .await?;
            if (&name, &diff_id) == (&built.project.name, &built.project.layer.diff_id) {
                return Ok((built.project.clone(), None));
            }
        }
        let (layer, draft) = self.pack(spec).await?;
        Ok((layer, Some(draft)))
    }

    async fn pack(&self, spec: &Spec) -> Result<(ProjectLayer, Draft)> {
        let (path, cache) = (spec.project.clone(), self.cache.clone());
        blocking(move || {
            let (draft, file) = cache.draft("layers", "project.tar.gz")?;
            let (_, layer) = Project::read(&path)?.layer(io::BufWriter::new(file))?;
            Ok((layer, draft))
        })
        .await
    }

    async fn plan_project(
        &self,
        spec: &Spec,
        previous: Option<&Built>,
    ) -> Result<(ProjectLayer, FileChanges)> {
        let (path, previous) = (
            spec.project.clone(),
            previous.map(|built| built.project.clone()),
        );
        blocking(move || {
            let project = Project::read(&path)?;
            let packed = project.pack(io::sink())?;
            let before = previous
                .as_ref()
                .map(|previous| previous.files.clone())
                .unwrap_or_default();
            let files = packed.changes_since(&before);
            match previous {
                Some(previous)
                    if (&previous.name, &previous.layer.diff_id)
                        == (&project.name, &packed.diff_id) =>
                {
                    Ok((previous, files))
                }
                _ => Ok((project.layer(io::sink())?.1, files)),
            }
        })
        .await
    }
}

impl Plan {
    /// Whether the image would be another one.
    pub fn is_changed(&self, previous: &Built) -> bool {
        self.digest.as_ref() != Some(&previous.digest)
    }
}

#[derive(Clone, Copy)]
enum Part {
    Config,
    Base(usize),
    Runner,
    Dbt,
    Project,
}

fn is_base_of(base: &Base, spec: &Spec) -> bool {
    base.image == spec.base
        && base.platform == spec.platform
        && spec.python.is_none_or(|python| python == base.python)
}

fn documents(
    base: &Base,
    runner: &PackagesLayer,
    dbt: &PackagesLayer,
    project: &ProjectLayer,
) -> Documents {
    // what changes most comes last
    Documents::new(
        base,
        &project.name,
        &[&runner.layer, &dbt.layer, &project.layer],
    )
}

/// Run what reads, writes or compresses files where it holds up nobody else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Io {
            action: "working on",
            path: "a layer".into(),
            source: io::Error::other(error),
        }),
    }
}

#[cfg(test)]
#[path = "image/tests.rs"]
mod tests;
