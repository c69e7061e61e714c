//! Resolution: which packages a requirements file without hashes comes to.
//!
//! The solver runs on what is known, and starts again once what it missed is there. So what it
//! finds depends on the indexes' content alone, and not on what was answered first.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, future::BoxFuture};
use pep440_rs::Version;
use pep508_rs::{ExtraName, MarkerEnvironment, PackageName};
use pubgrub::PubGrubError;

use super::{
    Error, Index, Python, Result,
    index::{self, Finder, PARALLEL},
    limits,
    lock::{self, Locked},
    metadata::Metadata,
    page::Candidate,
    platform::Platform,
    requirement::Requirement,
    requirements::{Line, Requirements},
    versions::{Range, is_exact, range},
    wheel::WheelName,
};

mod conflict;
mod solver;

use self::solver::Solver;

/// The packages that a requirements file installs on a platform, by name: of each the newest
/// version that all others bear, and the hash of its best wheel.
pub(super) async fn packages(
    finder: &Finder,
    indexes: &[Index],
    requirements: &Requirements,
    python: Python,
    platform: Platform,
) -> Result<Vec<Locked>> {
    let environment = lock::environment(python, platform);
    let wanted = |line: &&Line| !line.constraint && line.requirement.applies(&environment, &[]);
    let rules = Rules {
        patience: limits::ATTEMPT,
        finder,
        indexes,
        requirements,
        direct: requirements.lines.iter().filter(wanted).collect(),
        environment: &environment,
        python,
        platform,
    };
    if rules.direct.is_empty() {
        return Err(Error::Lock {
            lock: requirements.name.clone(),
            line: None,
            reason: "it lists no package".into(),
        });
    }
    let started = Instant::now();
    let mut known = Releases::new();
    let chosen = loop {
        let reason = match rules.attempt_apart(&known) {
            Attempt::Chosen(chosen) => break chosen,
            Attempt::Missing(missing) if started.elapsed() < limits::RESOLUTION => {
                rules.learn(&mut known, missing).await?;
                continue;
            }
            Attempt::Missing(_) | Attempt::Endless => ENDLESS.to_owned(),
            Attempt::Conflict(reason) => reason,
        };
        return Err(Error::Unresolved {
            requirements: requirements.name.clone(),
            python,
            platform,
            reason,
        });
    };
    let mut packages = Vec::new();
    for (name, version) in chosen {
        let found = known.get(&name).and_then(|package| package.wheel(&version));
        let Some((index, wheel)) = found else {
            continue;
        };
        let hash = match &wheel.sha256 {
            Some(hash) => *hash,
            None => finder.fetch(&indexes[index], wheel, None).await?.1,
        };
        packages.push(Locked {
            name,
            version,
            url: None,
            hashes: [hash].into(),
        });
    }
    Ok(packages)
}

const ENDLESS: &str = "there are too many combinations of versions to look at all of them: pin those of more packages with ==";

/// A node of the graph: what the file asks for, a package, or an extra of a package, which needs
/// that package at its own version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Node {
    Root,
    Package(PackageName, Option<ExtraName>),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("the requirements"),
            Self::Package(name, None) => name.fmt(f),
            Self::Package(name, Some(extra)) => write!(f, "{name}[{extra}]"),
        }
    }
}

/// What is resolved, for what, and where from.
struct Rules<'a> {
    /// How long an attempt may take.
    patience: Duration,
    finder: &'a Finder,
    indexes: &'a [Index],
    requirements: &'a Requirements,
    direct: Vec<&'a Line>,
    environment: &'a MarkerEnvironment,
    python: Python,
    platform: Platform,
}

/// What the indexes have answered so far.
type Releases = HashMap<PackageName, Package>;

/// A package in the first index that has it.
#[derive(Default)]
struct Package {
    index: usize,
    releases: BTreeMap<Version, Release>,
    /// What versions need, or why it cannot be told, as far as it was asked for.
    needs: HashMap<Version, Result<Metadata, String>>,
}

/// A version of a package, as far as it concerns the platform.
struct Release {
    wheel: Option<Candidate>,
    /// The Pythons that its wheels are for, where ours is not among them.
    python: Option<String>,
}

/// Why a version is not taken.
enum Obstacle<'a> {
    NoWheel,
    Python(&'a str),
    Yanked,
    Constraint(&'a Line),
}

/// What an attempt ended with.
enum Attempt {
    Chosen(BTreeMap<PackageName, Version>),
    Missing(Missing),
    Conflict(String),
    /// It took too long.
    Endless,
}

/// What an attempt would have had to know.
#[derive(Default)]
struct Missing {
    /// The versions of packages, each with the range that is looked for.
    packages: BTreeMap<PackageName, Range>,
    /// What versions need.
    needs: BTreeSet<(PackageName, Version)>,
}

/// An answer of an index.
enum Learned {
    Package(PackageName, Package),
    Needs(PackageName, Version, Result<Metadata, String>),
}

impl Package {
    /// A version's wheel, and the number of its index.
    fn wheel(&self, version: &Version) -> Option<(usize, &Candidate)> {
        let wheel = self.releases.get(version)?.wheel.as_ref()?;
        Some((self.index, wheel))
    }
}

impl Rules<'_> {
    /// An attempt on a stack that is large enough to drop the longest proof that there is no solution.
    fn attempt_apart(&self, known: &Releases) -> Attempt {
        thread::scope(|scope| {
            let builder = thread::Builder::new().stack_size(limits::STACK);
            let thread = builder.spawn_scoped(scope, || self.attempt(known));
            let attempt = thread.ok().and_then(|thread| thread.join().ok());
            attempt.unwrap_or(Attempt::Endless)
        })
    }

    fn attempt(&self, known: &Releases) -> Attempt {
        let solver = Solver {
            rules: self,
            known,
            missing: RefCell::default(),
            order: RefCell::default(),
            started: Instant::now(),
            steps: Cell::default(),
        };
        match pubgrub::resolve(&solver, Node::Root, Version::new([0])) {
            Ok(chosen) => {
                let packages = chosen.into_iter().filter_map(|(node, version)| match node {
                    Node::Package(name, None) => Some((name, version)),
                    _ => None,
                });
                Attempt::Chosen(packages.collect())
            }
            Err(PubGrubError::NoSolution(tree)) => {
                Attempt::Conflict(conflict::explain(self, known, &tree))
            }
            Err(PubGrubError::ErrorInShouldCancel(_)) => Attempt::Endless,
            Err(_) => Attempt::Missing(solver.missing.into_inner()),
        }
    }

    /// Ask the indexes for what was missing.
    async fn learn(&self, known: &mut Releases, missing: Missing) -> Result<()> {
        // boxed, or the compiler could not tell that they are `Send`
        let mut tasks: Vec<BoxFuture<'_, Result<Learned>>> = Vec::new();
        for (name, range) in missing.packages {
            tasks.push(self.versions(name, range).boxed());
        }
        for (name, version) in missing.needs {
            let package = known.get(&name);
            if let Some((index, wheel)) = package.and_then(|package| package.wheel(&version)) {
                let wheel = wheel.clone();
                let task = async move {
                    let needs = self.needs(index, &wheel).await?;
                    Ok(Learned::Needs(name, version, needs))
                };
                tasks.push(task.boxed());
            }
        }
        let mut done = futures::stream::iter(tasks).buffer_unordered(PARALLEL);
        while let Some(learned) = done.next().await {
            match learned? {
                Learned::Package(name, package) => {
                    known.insert(name, package);
                }
                Learned::Needs(name, version, needs) => {
                    known.entry(name).or_default().needs.insert(version, needs);
                }
            }
        }
        Ok(())
    }

    /// The versions of a package, and what the best in a range needs.
    async fn versions(&self, name: PackageName, range: Range) -> Result<Learned> {
        let mut package = Package::default();
        for (number, index) in self.indexes.iter().enumerate() {
            let files = self.finder.files(index, name.as_ref()).await?;
            if !files.is_empty() {
                package = self.package(&name, number, &files);
                break;
            }
        }
        let best = self.allowed(&name, &package, &range).next();
        if let Some((version, wheel)) = best.map(|(v, wheel)| (v.clone(), wheel.clone())) {
            let needs = self.needs(package.index, &wheel).await?;
            package.needs.insert(version, needs);
        }
        Ok(Learned::Package(name, package))
    }

    /// What a wheel needs, or why it cannot be told.
    async fn needs(&self, index: usize, wheel: &Candidate) -> Result<Result<Metadata, String>> {
        let text = self.finder.metadata(&self.indexes[index], wheel).await?;
        Ok(match WheelName::parse(&wheel.file) {
            Some(name) => Metadata::parse(&text, &name),
            None => Err("its file is not a wheel".to_owned()),
        })
    }

    /// A package from its files in an index.
    fn package(&self, name: &PackageName, index: usize, files: &[Candidate]) -> Package {
        let mut versions: BTreeMap<Version, Vec<&Candidate>> = BTreeMap::new();
        for file in files {
            let wheel = WheelName::parse(&file.file);
            match wheel {
                Some(wheel) if wheel.name == *name => {
                    versions.entry(wheel.version).or_default().push(file);
                }
                Some(_) => {}
                None => {
                    if let Some(version) = version_of_source(&file.file) {
                        versions.entry(version).or_default();
                    }
                }
            }
        }
        let runs = |file: &&&Candidate| file.runs_on(self.python);
        let release = |files: Vec<&Candidate>| {
            let best = |files: &mut dyn Iterator<Item = &&Candidate>| {
                index::best(files.copied(), self.python, self.platform).cloned()
            };
            let ours = best(&mut files.iter().filter(runs).filter(|file| !file.yanked));
            let wheel = ours.or_else(|| best(&mut files.iter().filter(runs)));
            let other = best(&mut files.iter()).and_then(|file| file.requires_python);
            Release {
                python: other.filter(|_| wheel.is_none()),
                wheel,
            }
        };
        Package {
            index,
            releases: versions
                .into_iter()
                .map(|(version, files)| (version, release(files)))
                .collect(),
            needs: HashMap::new(),
        }
    }

    /// The versions in a range that may be taken, the best first: the newest, but pre-releases only
    /// where there is nothing else, unless the file asks for them.
    fn allowed<'p>(
        &self,
        name: &PackageName,
        package: &'p Package,
        range: &Range,
    ) -> impl Iterator<Item = (&'p Version, &'p Candidate)> {
        let exact = is_exact(range);
        let later = |version: &Version| version.any_prerelease() && !self.requirements.prereleases;
        let newest_first = package.releases.iter().rev();
        let stable = newest_first
            .clone()
            .filter(move |(version, _)| !later(version));
        let others = newest_first.filter(move |(version, _)| later(version));
        stable.chain(others).filter_map(move |(version, release)| {
            let taken =
                range.contains(version) && self.obstacle(name, package, version, exact).is_none();
            Some((version, release.wheel.as_ref().filter(|_| taken)?))
        })
    }

    /// Why a version is not taken, if it is not.
    fn obstacle<'p>(
        &'p self,
        name: &PackageName,
        package: &'p Package,
        version: &Version,
        exact: bool,
    ) -> Option<Obstacle<'p>> {
        let release = package.releases.get(version)?;
        let limit = self
            .requirements
            .of(name, true)
            .filter(|line| line.requirement.applies(self.environment, &[]))
            .find(|line| !range(&line.specifiers()).contains(version));
        match (&release.wheel, &release.python) {
            _ if limit.is_some() => limit.map(Obstacle::Constraint),
            (None, Some(python)) => Some(Obstacle::Python(python)),
            (None, None) => Some(Obstacle::NoWheel),
            (Some(wheel), _) if wheel.yanked && !exact => Some(Obstacle::Yanked),
            _ => None,
        }
    }

    /// What active requirements come to: nodes and ranges, or the package that is asked for by a URL.
    fn dependencies<'r>(
        &self,
        requirements: impl Iterator<Item = &'r Requirement>,
    ) -> Result<Vec<(Node, Range)>, String> {
        let mut nodes: Vec<(Node, Range)> = Vec::new();
        for requirement in requirements {
            let Some(versions) = &requirement.versions else {
                return Err(format!("it needs {} from a URL", requirement.name));
            };
            let range = range(versions);
            let extras = requirement.extras.iter().cloned().map(Some);
            for extra in [None].into_iter().chain(extras) {
                let node = Node::Package(requirement.name.clone(), extra);
                match nodes.iter_mut().find(|(other, _)| *other == node) {
                    Some((_, other)) => *other = other.intersection(&range),
                    None => nodes.push((node, range.clone())),
                }
            }
        }
        Ok(nodes)
    }

    /// The requirements of a package or one of its extras, of those that its METADATA lists, without what is excluded.
    fn active<'m>(
        &self,
        name: &PackageName,
        extra: Option<&ExtraName>,
        metadata: &'m Metadata,
    ) -> impl Iterator<Item = &'m Requirement> {
        let is = |requirement: &Requirement, extras: &[ExtraName]| {
            requirement.applies(self.environment, extras)
        };
        metadata.requires.iter().filter(move |requirement| {
            let always = is(requirement, &[]);
            let itself = requirement.name == *name && requirement.extras.is_empty();
            let active = match extra {
                None => always && !itself,
                Some(extra) => !always && is(requirement, std::slice::from_ref(extra)),
            };
            active && !self.requirements.excludes(&requirement.name)
        })
    }
}

/// The version in the name of a source distribution.
pub(super) fn version_of_source(file: &str) -> Option<Version> {
    let stem = [".tar.gz", ".zip", ".tar.bz2"]
        .iter()
        .find_map(|end| file.strip_suffix(end))?;
    Version::from_str(stem.rsplit_once('-')?.1).ok()
}

#[cfg(test)]
mod tests;
