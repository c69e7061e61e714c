//! Layers of Python packages: locked wheels, unpacked; and the runner beside its own.

use std::{fs::File, io::BufWriter, path::PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::{
    Cache, Digest, Error, Index, Python, Result,
    cache::Entry,
    digest::Hasher,
    index::Finder,
    layer::{Archive, Gzip, Layer, READABLE},
    lock::Locked,
    platform::Platform,
    waiting, wheel,
};

/// The version of how these layers are made: another one, and they are made again.
const FORMAT: &str = "2";

/// Where the cache has layers.
pub(super) const FOLDER: &str = "layers";
/// How many bytes of a hash are a key.
const KEY: usize = 16;

/// The program that is PID 1 in the container, and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Runner {
    /// Its files by name, `runner.py` among them; they go to `/opt/dbt-aws`.
    pub files: &'static [(&'static str, &'static [u8])],
    /// Its lock; its packages go to `/opt/dbt-aws/lib`.
    pub requirements: &'static str,
}

/// A file of the runner's, by its name.
macro_rules! file {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../../provider/runner/", $name)),
        )
    };
}

impl Runner {
    /// The runner that comes with the provider.
    pub const OURS: Self = Self {
        files: &[
            file!("dbt_aws/__init__.py"),
            file!("dbt_aws/artifacts.py"),
            file!("dbt_aws/child.py"),
            file!("dbt_aws/commands.json"),
            file!("dbt_aws/commands.py"),
            file!("dbt_aws/continuing.py"),
            file!("dbt_aws/dbt_results.py"),
            file!("dbt_aws/ending.py"),
            file!("dbt_aws/engine.py"),
            file!("dbt_aws/files.py"),
            file!("dbt_aws/grants.py"),
            file!("dbt_aws/outcome.py"),
            file!("dbt_aws/ownership.py"),
            file!("dbt_aws/plan.py"),
            file!("dbt_aws/process.py"),
            file!("dbt_aws/profile.py"),
            file!("dbt_aws/progress.py"),
            file!("dbt_aws/project.py"),
            file!("dbt_aws/redaction.py"),
            file!("dbt_aws/role.py"),
            file!("dbt_aws/run.py"),
            file!("dbt_aws/schemas.py"),
            file!("dbt_aws/state.py"),
            file!("dbt_aws/summary.py"),
            file!("dbt_aws/text.py"),
            file!("dbt_aws/variables.json"),
            file!("dbt_aws/variables.py"),
            file!("dbt_aws/warehouse.py"),
            file!("dbt_commands.py"),
            file!("rds-ca.pem"),
            file!("runner.py"),
        ],
        requirements: include_str!("../../../provider/runner/requirements.txt"),
    };
}

/// The state of a layer of packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackagesLayer {
    /// What the layer is made from, as a hash: an equal key is an equal layer.
    pub key: String,
    /// The layer.
    pub layer: Layer,
}

/// All that a layer of packages is made from.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    /// Where the packages go.
    pub(super) directory: &'static str,
    pub(super) packages: Vec<Locked>,
    /// More files, by their path in the image.
    pub(super) files: Vec<(String, &'static [u8])>,
    /// A directory that everybody may write to.
    pub(super) shared: Option<&'static str>,
    pub(super) python: Python,
    pub(super) platform: Platform,
}

impl Recipe {
    pub(super) fn key(&self) -> String {
        HEXLOWER.encode(&self.hash().bytes()[..KEY])
    }

    fn hash(&self) -> Digest {
        let mut hash = Hasher::default();
        let mut add = |part: &[u8]| {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        for part in [
            FORMAT,
            self.directory,
            &self.python.to_string(),
            self.platform.architecture(),
        ] {
            add(part.as_bytes());
        }
        for package in &self.packages {
            add(package.to_string().as_bytes());
            let hashes = package.hashes.iter();
            hashes.for_each(|hash| add(hash.hex().as_bytes()));
        }
        for (path, content) in &self.files {
            add(path.as_bytes());
            add(content);
        }
        self.shared.iter().for_each(|name| add(name.as_bytes()));
        hash.finish()
    }

    /// Where the cache has what the layer is.
    fn descriptor(&self) -> Entry {
        Entry::new(FOLDER, &self.hash().bytes()[..KEY], ".json")
    }

    /// Where the cache has the layer itself.
    fn content(&self) -> Entry {
        Entry::new(FOLDER, &self.hash().bytes()[..KEY], ".tar.gz")
    }

    /// The layer and its file, where this machine has made it before.
    pub(super) fn cached(&self, cache: &Cache) -> Option<(PackagesLayer, PathBuf)> {
        let layer: Layer = serde_json::from_slice(&cache.read(&self.descriptor())?).ok()?;
        let path = cache.find(&self.content(), &layer.digest)?;
        let key = self.key();
        Some((PackagesLayer { key, layer }, path))
    }

    /// The layer and its file in the cache, made where this machine has not made it before.
    pub(super) async fn make(
        &self,
        finder: &Finder,
        indexes: impl FnOnce() -> Result<Vec<Index>>,
    ) -> Result<(PackagesLayer, PathBuf)> {
        let (recipe, cache) = (self.clone(), finder.cache.clone());
        let cached = super::waiting::blocking(move || Ok(recipe.cached(&cache)));
        if let Some(made) = cached.await? {
            return Ok(made);
        }
        let indexes = indexes()?;
        let wheels = finder
            .wheels(&indexes, &self.packages, self.python, self.platform)
            .await?;
        let (recipe, cache, key) = (self.clone(), finder.cache.clone(), self.key());
        waiting::while_awaited(move |waiting| {
            let (draft, file) = cache.draft(FOLDER)?;
            let mut archive = Archive::new(Gzip::new(BufWriter::new(file)));
            if let Some(name) = recipe.shared {
                archive
                    .shared_directory(name)
                    .map_err(Error::io("packing", name))?;
            }
            for (path, content) in &recipe.files {
                let size = content.len() as u64;
                archive
                    .file(path, READABLE, size, *content)
                    .map_err(Error::io("packing", path))?;
            }
            wheel::unpack(&wheels, recipe.directory, &mut archive, waiting)?;
            let finish = |(gzip, diff_id): (Gzip<BufWriter<File>>, Digest)| gzip.finish(diff_id);
            let (_, layer) = archive
                .finish()
                .and_then(finish)
                .map_err(Error::io("writing", draft.path()))?;
            let path = draft.keep(&recipe.content())?;
            let descriptor = serde_json::to_vec(&layer).unwrap_or_default();
            cache.write(&recipe.descriptor(), &descriptor)?;
            Ok((PackagesLayer { key, layer }, path))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::Runner;

    #[test]
    fn all_of_the_runner_is_packed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../provider/runner");
        let mut all = Vec::new();
        for part in ["", "dbt_aws/"] {
            for entry in fs::read_dir(folder.join(part)).expect("a folder") {
                let name = entry.expect("a file").file_name();
                let name = name.to_string_lossy();
                // rds_ca.py is what writes rds-ca.pem
                let is_ours = [".json", ".pem", ".py"]
                    .iter()
                    .any(|end| name.ends_with(end));
                if is_ours && name != "rds_ca.py" {
                    all.push(format!("{part}{name}"));
                }
            }
        }
        all.sort();
        let mut packed: Vec<_> = Runner::OURS.files.iter().map(|(name, _)| *name).collect();
        packed.sort_unstable();
        assert_eq!(packed, all);
    }
}
