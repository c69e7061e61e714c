//! Resolution: which packages a requirements file without hashes comes to.
//!
//! The solver runs on what is known, and starts again once what it missed is there. So what it
//! finds depends on the indexes' content alone, and not on what was answered first.

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    str::FromStr,
    thread,
    time::Instant,
};

use futures::{FutureExt, StreamExt, future::BoxFuture};
use pep440_rs::{Operator, Version, VersionSpecifiers};
use pep508_rs::{ExtraName, MarkerEnvironment, PackageName};
use pubgrub::{
    Dependencies, DependencyProvider, PackageResolutionStatistics, PubGrubError, Ranges,
};

use super::{
    Error, Index, Python, Result,
    index::{self, Candidate, Finder, PARALLEL},
    limits,
    lock::{self, Locked},
    metadata::Metadata,
    platform::Platform,
    requirement::Requirement,
    requirements::{Line, Requirements},
    wheel::WheelName,
};

mod conflict;

type Range = Ranges<Version>;

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
    let mut known = Known::new();
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
    finder: &'a Finder,
    indexes: &'a [Index],
    requirements: &'a Requirements,
    direct: Vec<&'a Line>,
    environment: &'a MarkerEnvironment,
    python: Python,
    platform: Platform,
}

/// What the indexes have answered so far.
type Known = HashMap<PackageName, Package>;

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
    fn attempt_apart(&self, known: &Known) -> Attempt {
        thread::scope(|scope| {
            let builder = thread::Builder::new().stack_size(limits::STACK);
            let thread = builder.spawn_scoped(scope, || self.attempt(known));
            let attempt = thread.ok().and_then(|thread| thread.join().ok());
            attempt.unwrap_or(Attempt::Endless)
        })
    }

    fn attempt(&self, known: &Known) -> Attempt {
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
    async fn learn(&self, known: &mut Known, missing: Missing) -> Result<()> {
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
            None => Err("its file is no wheel".to_owned()),
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

    /// The requirements of a package or one of its extras, of those that its METADATA lists.
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
            match extra {
                None => always && !itself,
                Some(extra) => !always && is(requirement, std::slice::from_ref(extra)),
            }
        })
    }
}

/// One attempt, on what is known.
struct Solver<'a> {
    rules: &'a Rules<'a>,
    known: &'a Known,
    missing: RefCell<Missing>,
    /// Which package was mentioned first.
    order: RefCell<HashMap<PackageName, usize>>,
    started: Instant,
    steps: Cell<usize>,
}

/// Something has to be learned first.
#[derive(Debug, thiserror::Error)]
#[error("not known yet")]
struct NotYet;

impl Solver<'_> {
    /// Note what will be needed of a package.
    fn foresee(&self, name: &PackageName, range: &Range) {
        let mut missing = self.missing.borrow_mut();
        let Some(package) = self.known.get(name) else {
            let packages = &mut missing.packages;
            packages
                .entry(name.clone())
                .or_insert_with(|| range.clone());
            return;
        };
        // whoever goes back far is not made to ask for every version by itself
        let tried = package.needs.len();
        let batch = if tried < 3 { 1 } else { tried.min(20) };
        let best = self.rules.allowed(name, package, range).take(batch);
        let unknown = best.filter(|(version, _)| !package.needs.contains_key(version));
        missing
            .needs
            .extend(unknown.map(|(version, _)| (name.clone(), version.clone())));
    }

    fn note_order(&self, nodes: &[(Node, Range)]) {
        let mut order = self.order.borrow_mut();
        for (node, _) in nodes {
            if let Node::Package(name, _) = node {
                let next = order.len();
                order.entry(name.clone()).or_insert(next);
            }
        }
    }
}

impl DependencyProvider for Solver<'_> {
    type P = Node;
    type V = Version;
    type VS = Range;
    type M = String;
    type Err = NotYet;
    /// Pinned packages first, then those that were in the way of others, then in order of mention.
    type Priority = (bool, u32, Reverse<usize>);

    fn prioritize(
        &self,
        node: &Node,
        range: &Range,
        statistics: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let Node::Package(name, _) = node else {
            return (true, u32::MAX, Reverse(0));
        };
        self.foresee(name, range);
        let order = self.order.borrow().get(name).copied();
        (
            is_exact(range),
            statistics.conflict_count(),
            Reverse(order.unwrap_or(usize::MAX)),
        )
    }

    fn should_cancel(&self) -> Result<(), NotYet> {
        self.steps.set(self.steps.get() + 1);
        let over = self.steps.get() > limits::STEPS || self.started.elapsed() > limits::ATTEMPT;
        if over { Err(NotYet) } else { Ok(()) }
    }

    fn choose_version(&self, node: &Node, range: &Range) -> Result<Option<Version>, NotYet> {
        let Node::Package(name, _) = node else {
            return Ok(Some(Version::new([0])));
        };
        let Some(package) = self.known.get(name) else {
            self.foresee(name, range);
            return Err(NotYet);
        };
        let best = self.rules.allowed(name, package, range).next();
        Ok(best.map(|(version, _)| version.clone()))
    }

    fn get_dependencies(
        &self,
        node: &Node,
        version: &Version,
    ) -> Result<Dependencies<Node, Range, String>, NotYet> {
        let nodes = match node {
            Node::Root => {
                let lines = self.rules.direct.iter();
                self.rules.dependencies(lines.map(|line| &line.requirement))
            }
            Node::Package(name, extra) => {
                let package = self.known.get(name);
                let Some(needs) = package.and_then(|package| package.needs.get(version)) else {
                    self.foresee(name, &Ranges::singleton(version.clone()));
                    return Err(NotYet);
                };
                match needs {
                    Err(reason) => Err(reason.clone()),
                    Ok(metadata) => match &metadata.python {
                        Some(pythons) if !runs_on(pythons, self.rules.python) => {
                            Err(format!("it needs Python {pythons}"))
                        }
                        _ => {
                            let active = self.rules.active(name, extra.as_ref(), metadata);
                            self.rules.dependencies(active)
                        }
                    },
                }
            }
        };
        let mut nodes = match nodes {
            Ok(nodes) => nodes,
            Err(reason) => return Ok(Dependencies::Unavailable(reason)),
        };
        if let Node::Package(name, Some(_)) = node {
            let itself = Node::Package(name.clone(), None);
            nodes.push((itself, Ranges::singleton(version.clone())));
        }
        self.note_order(&nodes);
        Ok(Dependencies::Available(nodes.into_iter().collect()))
    }
}

/// The versions that specifiers allow. A version stands for its local ones too, such as `1.0+cpu`.
fn range(specifiers: &VersionSpecifiers) -> Range {
    let one = |specifier: &pep440_rs::VersionSpecifier| {
        let version = specifier.version();
        match specifier.operator() {
            Operator::Equal if !version.is_local() => {
                Ranges::from_range_bounds(version.clone()..after(version))
            }
            Operator::NotEqual if !version.is_local() => {
                Ranges::from_range_bounds(version.clone()..after(version)).complement()
            }
            Operator::LessThanEqual => Ranges::strictly_lower_than(after(version)),
            _ => Ranges::from(specifier.clone()),
        }
    };
    specifiers.iter().fold(Ranges::full(), |all, specifier| {
        all.intersection(&one(specifier))
    })
}

/// The least version after a version and its local ones.
fn after(version: &Version) -> Version {
    let version = version.clone().without_local();
    match (version.dev(), version.post()) {
        (Some(dev), _) => version.with_dev(Some(dev + 1)),
        (None, Some(post)) => version.with_post(Some(post + 1)).with_dev(Some(0)),
        (None, None) => version.with_post(Some(0)).with_dev(Some(0)),
    }
}

/// Whether a range is that of one version.
fn is_exact(range: &Range) -> bool {
    use std::ops::Bound::{Excluded, Included};
    let mut segments = range.iter();
    match (segments.next(), segments.next()) {
        (Some((Included(first), Included(last))), None) => first == last,
        (Some((Included(first), Excluded(next))), None) => after(first) == *next,
        _ => false,
    }
}

/// Whether specifiers of Pythons allow a release of a minor version.
pub(super) fn runs_on(specifiers: &VersionSpecifiers, python: Python) -> bool {
    let minor = |minor: u32| Version::new([3, u64::from(minor)]);
    let releases = Ranges::from_range_bounds(minor(python.minor)..minor(python.minor + 1));
    !range(specifiers).is_disjoint(&releases)
}

/// The version in the name of a source distribution.
fn version_of_source(file: &str) -> Option<Version> {
    let stem = [".tar.gz", ".zip", ".tar.bz2"]
        .iter()
        .find_map(|end| file.strip_suffix(end))?;
    Version::from_str(stem.rsplit_once('-')?.1).ok()
}

#[cfg(test)]
mod tests;
