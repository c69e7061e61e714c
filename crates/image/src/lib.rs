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
mod digest;
mod error;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
mod html;
mod http;
mod ignore;
mod index;
mod layer;
mod limits;
mod lock;
mod manifest;
mod metadata;
mod packages;
mod page;
mod platform;
mod project;
mod proxy;
mod reference;
mod registry;
mod requirement;
mod requirements;
mod resolve;
#[cfg(test)]
mod server;
mod settings;
mod trust;
mod waiting;
mod wheel;
mod yaml;

use std::{io, path::PathBuf};

use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

pub use self::{
    base::Base,
    cache::Cache,
    credentials::Login,
    digest::Digest,
    error::{Error, Result},
    http::Credentials,
    index::Index,
    layer::Layer,
    lock::Resolved,
    packages::{PackagesLayer, Runner},
    platform::{Platform, Python},
    project::{Contents, FileChanges, Fingerprint, Project, ProjectLayer},
    proxy::{Proxies, Refusal, refusal, shown},
    reference::Reference,
};
use self::{
    cache::Draft,
    index::Finder,
    lock::Locked,
    manifest::Documents,
    packages::Recipe,
    registry::{Repository, Source},
    requirements::Requirements,
    waiting::Waiting,
};
pub use self::{
    manifest::{AGAIN, again},
    reference::ecr_registry,
};

/// The base of whoever names none: CPython on Debian, for both platforms, from where AWS mirrors Docker's images.
pub const DEFAULT_BASE: &str = "public.ecr.aws/docker/library/python:3.12-slim-bookworm";

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
    /// A version of dbt Core (`1.11`) and an adapter (`postgres`) whose lock comes with the provider.
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

    fn requirements(&self) -> Result<Requirements> {
        match self {
            Self::Locked { version, adapter } => {
                let name = format!("the lock of dbt {version} with {adapter}");
                Requirements::parse(&name, lock::embedded(version, adapter)?)
            }
            Self::Requirements { path, .. } => Requirements::read(path),
        }
    }

    /// Refuses packages without dbt or without its adapter.
    fn is_among<'a>(
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

/// The maker of images.
#[derive(Clone, Debug)]
pub struct Images {
    finder: Finder,
    /// Read from the environment, when one is needed, where none is given.
    indexes: Option<Vec<Index>>,
    runner: Runner,
}

impl Images {
    /// A maker of images with our runner and the environment's cache and package indexes.
    pub fn from_environment() -> Self {
        Self {
            finder: Finder::new(Cache::from_environment()),
            indexes: None,
            runner: Runner::OURS,
        }
    }

    /// Makes the client of registries and indexes, which takes a moment, while there is something else to wait for.
    pub async fn connect(&self) {
        let finder = self.finder.clone();
        let _without_it_the_first_request_makes_it = blocking(move || {
            finder.client();
            Ok(())
        })
        .await;
    }

    /// A maker of images with a cache and package indexes of its own.
    pub fn new(runner: Runner, cache: Cache, indexes: Vec<Index>) -> Self {
        Self {
            finder: Finder::new(cache),
            indexes: Some(indexes),
            runner,
        }
    }

    /// The digest of the image that a build would give, found out without a network; `None` where only that could tell.
    pub async fn plan(&self, spec: &Spec, previous: Option<&Built>) -> Result<Option<Digest>> {
        let base = previous
            .map(|built| &built.base)
            .filter(|base| is_base_of(base, spec));
        let runner = base.map(|base| self.runner(spec, base)).transpose()?;
        let dbt = match base {
            Some(base) => {
                let requirements = spec.dbt.requirements()?;
                let resolved = previous.and_then(|built| built.resolved.as_ref());
                lock::known(&requirements, resolved, base.python, spec.platform)?
                    .map(|packages| dbt(spec, base, packages))
            }
            None => None,
        };
        let known = |recipe: Option<Recipe>, previous: Option<&PackagesLayer>| {
            let recipe = recipe?;
            let same = previous.filter(|layer| layer.key == recipe.key()).cloned();
            same.or_else(|| Some(recipe.cached(&self.finder.cache)?.0))
        };
        let runner = known(runner, previous.map(|built| &built.runner));
        let dbt = known(dbt, previous.map(|built| &built.dbt));
        let (Some(base), Some(runner), Some(dbt)) = (base, runner, dbt) else {
            return Ok(None);
        };
        let project = self.plan_project(spec, previous).await?;
        Ok(Some(documents(base, &runner, &dbt, &project).digest()))
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
        self.finder.forget();
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
        let login = spec.base_login.clone();
        let source = Repository::to_pull(
            self.finder.client().clone(),
            &reference.host,
            &reference.repository,
            login.unwrap_or_else(|| Login::of_docker(&reference.host)),
        );
        let base = match previous
            .map(|built| &built.base)
            .filter(|base| is_base_of(base, spec))
        {
            Some(base) => base.clone(),
            None => {
                let cache = &self.finder.cache;
                let base = base::read(&source, &reference, &spec.base, spec.platform, cache);
                Base {
                    refresh: spec.base_refresh.clone(),
                    ..base.await?
                }
            }
        };
        let requirements = spec.dbt.requirements()?;
        let resolved = previous.and_then(|built| built.resolved.clone());
        let (packages, resolved) = self
            .locked(&requirements, resolved, base.python, spec.platform)
            .await?;
        let names = packages.iter().map(|package| package.name.as_ref());
        spec.dbt.is_among(&requirements, names)?;
        let runner_recipe = self.runner(spec, &base)?;
        let dbt_recipe = dbt(spec, &base, packages);
        let none = Requirements::default();
        let (runner, dbt) = tokio::try_join!(
            self.packages(&runner_recipe, &none, previous.map(|built| &built.runner)),
            self.packages(&dbt_recipe, &requirements, previous.map(|built| &built.dbt)),
        )?;
        let documents = documents(&base, &runner, &dbt, &project.0);
        let digest = documents.digest();
        let tag = manifest::tag(&digest, &registry.owner);
        let target = Repository::to_push(
            self.finder.client().clone(),
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
            resolved,
            project: project.0,
        };
        if target.manifest_digest(&built.tag).await?.as_ref() == Some(&built.digest) {
            if previous.is_some_and(|before| before.digest != built.digest) {
                let again = manifest::again(&built.tag);
                target
                    .put_manifest(&again, manifest::MEDIA_TYPE, &documents.manifest)
                    .await?;
            }
            return Ok(built);
        }
        let named = |layer: &Layer| (layer.digest, layer.size);
        let upload = async |part: Part| {
            let (digest, size) = match part {
                Part::Config => (Digest::of(&documents.config), documents.config.len() as u64),
                Part::Base(number) => named(&built.base.layers[number]),
                Part::Runner => named(&built.runner.layer),
                Part::Dbt => named(&built.dbt.layer),
                Part::Project => named(&built.project.layer),
            };
            if target.has_blob(digest).await? {
                return Ok(());
            }
            let made;
            let content = match part {
                Part::Config => Source::Bytes(&documents.config),
                Part::Base(_) => Source::Repository(&source),
                Part::Runner => Source::File(
                    self.packages_file(&runner_recipe, &none, &built.runner, "runner")
                        .await?,
                ),
                Part::Dbt => Source::File(
                    self.packages_file(&dbt_recipe, &requirements, &built.dbt, "dbt")
                        .await?,
                ),
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
            target.upload(digest, size, &content).await
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

    /// How the runner's layer is made on a base.
    fn runner(&self, spec: &Spec, base: &Base) -> Result<Recipe> {
        let lock = Requirements::parse("the runner's lock", self.runner.requirements)?;
        let files = self.runner.files.iter();
        Ok(Recipe {
            directory: "opt/dbt-aws/lib",
            packages: lock::packages(&lock, base.python, spec.platform)?,
            files: files
                .map(|(name, content)| (format!("opt/dbt-aws/{name}"), *content))
                .collect(),
            python: base.python,
            platform: spec.platform,
        })
    }

    /// The packages that requirements come to: resolved only where they have no hashes and are not
    /// those that were resolved before.
    async fn locked(
        &self,
        requirements: &Requirements,
        resolved: Option<Resolved>,
        python: Python,
        platform: Platform,
    ) -> Result<(Vec<Locked>, Option<Resolved>)> {
        if let Some(packages) = lock::known(requirements, resolved.as_ref(), python, platform)? {
            return Ok((packages, resolved.filter(|_| !requirements.hashed)));
        }
        let indexes = self.indexes(requirements)?;
        let packages =
            resolve::packages(&self.finder, &indexes, requirements, python, platform).await?;
        let resolved = Resolved::new(requirements, python, platform, &packages);
        Ok((packages, Some(resolved)))
    }

    /// The indexes that some requirements' packages come from.
    fn indexes(&self, requirements: &Requirements) -> Result<Vec<Index>> {
        let trusted = &self.finder.client().trusted;
        trusted.add(requirements.trusted_hosts.iter().cloned());
        let environment = match &self.indexes {
            Some(indexes) => indexes.clone(),
            None => settings::indexes()?,
        };
        settings::with_those_of(requirements, environment)
    }

    async fn packages(
        &self,
        recipe: &Recipe,
        requirements: &Requirements,
        previous: Option<&PackagesLayer>,
    ) -> Result<PackagesLayer> {
        match previous.filter(|layer| layer.key == recipe.key()) {
            Some(layer) => Ok(layer.clone()),
            None => {
                let made = recipe.make(&self.finder, || self.indexes(requirements));
                Ok(made.await?.0)
            }
        }
    }

    async fn packages_file(
        &self,
        recipe: &Recipe,
        requirements: &Requirements,
        expected: &PackagesLayer,
        layer: &'static str,
    ) -> Result<PathBuf> {
        let (made, path) = recipe
            .make(&self.finder, || self.indexes(requirements))
            .await?;
        if made != *expected {
            return Err(Error::Stale { layer });
        }
        Ok(path)
    }

    /// The project's layer, and its file where it is not the previous one.
    async fn project(
        &self,
        spec: &Spec,
        previous: Option<&Built>,
    ) -> Result<(ProjectLayer, Option<Draft>)> {
        let (layer, draft) = self.pack(spec).await?;
        let same = |before: &&ProjectLayer| before.is(&layer);
        Ok(match previous.map(|built| &built.project).filter(same) {
            Some(before) => (before.clone(), None),
            None => (layer, Some(draft)),
        })
    }

    async fn pack(&self, spec: &Spec) -> Result<(ProjectLayer, Draft)> {
        let (path, cache) = (spec.project.clone(), self.finder.cache.clone());
        blocking(move || {
            let (draft, file) = cache.draft(packages::FOLDER)?;
            let (_, layer) = Project::read(&path)?.layer(io::BufWriter::new(file))?;
            Ok((layer, draft))
        })
        .await
    }

    async fn plan_project(&self, spec: &Spec, previous: Option<&Built>) -> Result<ProjectLayer> {
        let (path, previous) = (
            spec.project.clone(),
            previous.map(|built| built.project.clone()),
        );
        blocking(move || {
            let project = Project::read(&path)?;
            let packed = project.pack(io::sink())?;
            match previous {
                Some(previous) if project.is(&packed, &previous) => Ok(previous),
                _ => Ok(project.layer(io::sink())?.1),
            }
        })
        .await
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
    base.image == spec.base && base.platform == spec.platform && base.refresh == spec.base_refresh
}

/// How dbt's layer is made on a base.
fn dbt(spec: &Spec, base: &Base, packages: Vec<Locked>) -> Recipe {
    Recipe {
        directory: "opt/dbt",
        packages,
        files: vec![],
        python: base.python,
        platform: spec.platform,
    }
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
        &project.directory,
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
mod tests;
