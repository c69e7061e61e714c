//! One attempt to resolve requirements, on what is known.

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    collections::HashMap,
    time::Instant,
};

use pep440_rs::Version;
use pep508_rs::PackageName;
use pubgrub::{Dependencies, DependencyProvider, PackageResolutionStatistics, Ranges};

use super::{Missing, Node, Releases, Rules};
use crate::limits;
use crate::versions::{Range, is_exact, runs_on};

/// One attempt, on what is known.
pub(super) struct Solver<'a> {
    pub(super) rules: &'a Rules<'a>,
    pub(super) known: &'a Releases,
    pub(super) missing: RefCell<Missing>,
    /// Which package was mentioned first.
    pub(super) order: RefCell<HashMap<PackageName, usize>>,
    pub(super) started: Instant,
    pub(super) steps: Cell<usize>,
}

/// Something has to be learned first.
#[derive(Debug, thiserror::Error)]
#[error("not known yet")]
pub(super) struct NotYet;

impl Solver<'_> {
    /// Note what will be needed of a package.
    fn prefetch(&self, name: &PackageName, range: &Range) {
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
        self.prefetch(name, range);
        let order = self.order.borrow().get(name).copied();
        (
            is_exact(range),
            statistics.conflict_count(),
            Reverse(order.unwrap_or(usize::MAX)),
        )
    }

    fn should_cancel(&self) -> Result<(), NotYet> {
        self.steps.set(self.steps.get() + 1);
        let over = self.steps.get() > limits::STEPS || self.started.elapsed() > self.rules.patience;
        if over { Err(NotYet) } else { Ok(()) }
    }

    fn choose_version(&self, node: &Node, range: &Range) -> Result<Option<Version>, NotYet> {
        let Node::Package(name, _) = node else {
            return Ok(Some(Version::new([0])));
        };
        let Some(package) = self.known.get(name) else {
            self.prefetch(name, range);
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
                    self.prefetch(name, &Ranges::singleton(version.clone()));
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
