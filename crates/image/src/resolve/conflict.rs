//! What the user is told where requirements disagree.

use std::collections::HashSet;

use pubgrub::{DerivationTree, External};

use super::{Node, Obstacle, Releases, Rules};
use crate::{
    index,
    versions::{Range, is_exact},
};
use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName};

/// How many requirements are named, at most.
const MOST: usize = 12;

/// What there is against every solution.
struct Facts<'a> {
    rules: &'a Rules<'a>,
    known: &'a Releases,
    /// Who asks for what: the user's own lines first.
    asked: (Vec<String>, Vec<String>),
    /// What stands in the way of a version that would do.
    obstacles: Vec<String>,
}

/// The requirements that disagree, in words.
pub(super) fn explain(
    rules: &Rules<'_>,
    known: &Releases,
    tree: &DerivationTree<Node, Range, String>,
) -> String {
    let mut facts = Facts {
        rules,
        known,
        asked: Default::default(),
        obstacles: Vec::new(),
    };
    let leaves = collect(tree);
    for leaf in &leaves {
        facts.add(leaf, &leaves);
    }
    let (mut asked, others) = facts.asked;
    asked.extend(others);
    let more = asked.len().saturating_sub(MOST);
    asked.truncate(MOST);
    if more > 0 {
        asked.push(format!("and {more} more"));
    }
    if facts.obstacles.is_empty() {
        asked.push("change one of these".to_owned());
    }
    asked.extend(facts.obstacles);
    asked.join("; ")
}

type Leaf = External<Node, Range, String>;

/// The leaves of a proof from the left, each part of it once: parts are shared, and the depth is a stranger's to choose.
fn collect(tree: &DerivationTree<Node, Range, String>) -> Vec<&Leaf> {
    let (mut leaves, mut seen, mut left) = (Vec::new(), HashSet::new(), vec![tree]);
    while let Some(tree) = left.pop() {
        match tree {
            DerivationTree::External(leaf) => leaves.push(leaf),
            DerivationTree::Derived(derived) if seen.insert(std::ptr::from_ref(derived)) => {
                left.extend([&*derived.cause2, &*derived.cause1]);
            }
            DerivationTree::Derived(_) => {}
        }
    }
    leaves
}

impl Facts<'_> {
    fn add(&mut self, leaf: &Leaf, all: &[&Leaf]) {
        match leaf {
            External::FromDependencyOf(Node::Root, _, Node::Package(name, _), _) => {
                let lines = self.rules.direct.iter();
                for line in lines.filter(|line| line.requirement.name == *name) {
                    push_once(
                        &mut self.asked.0,
                        format!("{line} wants {}", line.requirement),
                    );
                }
            }
            External::FromDependencyOf(
                Node::Package(name, extra),
                set,
                Node::Package(other, _),
                _,
            ) if name != other => {
                let wants = self.wants(name, extra.as_ref(), set, other);
                push_once(&mut self.asked.1, wants);
            }
            External::NoVersions(Node::Package(name, _), set) => {
                let is = |node: &Node| matches!(node, Node::Package(other, _) if other == name);
                let tried = all.iter().any(|leaf| match leaf {
                    External::FromDependencyOf(node, _, other, _) => is(node) && !is(other),
                    External::Custom(node, ..) => is(node),
                    _ => false,
                });
                if let Some(obstacle) = self.obstacle(name, set, tried) {
                    push_once(&mut self.obstacles, obstacle);
                }
            }
            External::Custom(Node::Package(name, _), set, reason) => {
                let versions = self.versions(name, set);
                push_once(
                    &mut self.obstacles,
                    format!("{name} {versions} cannot be used: {reason}"),
                );
            }
            _ => {}
        }
    }

    /// What some versions of a package need of another.
    fn wants(
        &self,
        name: &PackageName,
        extra: Option<&ExtraName>,
        set: &Range,
        other: &PackageName,
    ) -> String {
        let newest = self.tried(name, set).into_iter().next_back();
        let package = self.known.get(name);
        let metadata = package.and_then(|package| package.needs.get(newest?)?.as_ref().ok());
        let texts: Vec<String> = metadata
            .into_iter()
            .flat_map(|metadata| self.rules.active(name, extra, metadata))
            .filter(|requirement| requirement.name == *other)
            .map(|requirement| requirement.specifiers().to_string())
            .filter(|text| !text.is_empty())
            .collect();
        let node = Node::Package(name.clone(), extra.cloned());
        let versions = self.versions(name, set);
        format!("{node} {versions} wants {other}{}", texts.join(", "))
    }

    /// The versions in a range whose requirements were looked at.
    fn tried(&self, name: &PackageName, set: &Range) -> Vec<&Version> {
        let packages = self.known.get(name).into_iter();
        let versions = packages.flat_map(|package| {
            let releases = package.releases.keys();
            releases.filter(|version| package.needs.contains_key(version))
        });
        versions.filter(|version| set.contains(version)).collect()
    }

    fn versions(&self, name: &PackageName, set: &Range) -> String {
        match self.tried(name, set)[..] {
            [] => String::new(),
            [one] => one.to_string(),
            [first, .., last] => format!("{first} to {last}"),
        }
    }

    /// Why no version in a range is there, or none that is newer than those that were tried.
    fn obstacle(&self, name: &PackageName, set: &Range, tried: bool) -> Option<String> {
        let package = self.known.get(name)?;
        if package.releases.is_empty() {
            let hosts = index::hosts(self.rules.indexes);
            return Some(format!("no index has {name} (asked: {hosts})"));
        }
        let newest_first = package.releases.keys().rev();
        let mut found = newest_first
            .filter(|version| set.contains(version))
            .map_while(|version| {
                let obstacle = self.rules.obstacle(name, package, version, is_exact(set));
                Some((version, obstacle?))
            })
            .filter(|(_, obstacle)| !(tried && matches!(obstacle, Obstacle::Yanked)));
        let Some((version, obstacle)) = found.next() else {
            if tried {
                return None;
            }
            let newest = package.releases.keys().next_back()?;
            return Some(format!("there is no such {name}: the newest is {newest}"));
        };
        let reason = match obstacle {
            Obstacle::NoWheel => format!(
                "has no wheel for Python {} on linux/{}, and nothing is built here: choose another version or architecture, put a wheel of it into an index that UV_INDEX names, or exclude it if dbt runs without",
                self.rules.python,
                self.rules.platform.architecture(),
            ),
            Obstacle::Python(pythons) => {
                format!("is for Python {pythons}: choose a base image that has it")
            }
            Obstacle::Yanked => "was withdrawn: ask for it with == to have it all the same".into(),
            Obstacle::Constraint(line) => format!("is not what {line} allows"),
        };
        Some(format!("{name} {version} {reason}"))
    }
}

fn push_once(facts: &mut Vec<String>, fact: String) {
    if !facts.contains(&fact) {
        facts.push(fact);
    }
}
