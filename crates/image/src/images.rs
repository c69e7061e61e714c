//! The making of images: planned without a network, built, and pushed.

use std::{io, path::PathBuf};

use futures::{StreamExt, TryStreamExt};

use super::{
    Base, Built, Cache, Digest, Error, Index, Layer, Login, PackagesLayer, Platform, Project,
    ProjectLayer, Python, Reference, Registry, Resolved, Result, Runner, Spec, base,
    cache::Draft,
    index::Finder,
    lock::{self, Locked},
    manifest::{self, Documents},
    packages::{self, Recipe},
    registry::{Repository, Source},
    requirements::Requirements,
    resolve, settings,
    waiting::blocking,
};

const PARALLEL_UPLOADS: usize = 4;

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
        let _without_it_the_first_request_makes_it =
            blocking(move || finder.client().map(drop)).await;
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
            self.finder.client()?.clone(),
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
            self.finder.client()?.clone(),
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
            // a volume there has the mode that the image says, which a base may have otherwise
            shared: Some("tmp"),
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
        let trusted = &self.finder.client()?.trusted;
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
                _ => project.layer_of(&packed),
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
        shared: None,
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
