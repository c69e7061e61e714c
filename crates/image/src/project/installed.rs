//! The packages that are installed, judged as dbt judges them.

use std::{
    collections::{BTreeSet, HashSet},
    env, fs,
    path::{Path, PathBuf},
};

use super::{
    settings::{Named, OWN, PROJECT, Package, Packages, Reads, Settings, is_template},
    tree::{Reading, is_too_much, joined, listed},
    walk::{Node, unpackable},
};
use crate::{Error, Result};

/// A package that is installed.
pub(super) struct Installed {
    /// Where it is, without any link on the way.
    real: PathBuf,
    /// The path by which the project sees it.
    seen: String,
    /// The path of the link, where it is one.
    link: Option<PathBuf>,
    pub(super) ignored: bool,
    settings: Option<Settings>,
}

impl Installed {
    fn is_called(&self, name: &str) -> bool {
        let own = self.settings.as_ref().and_then(|own| own.name.as_deref());
        own == Some(name) || self.seen.rsplit('/').next() == Some(name)
    }
}

impl Reading {
    /// The packages that are installed, with what dbt reads of each.
    pub(super) fn packages(
        &mut self,
        install: &Named,
        packages: &Packages,
    ) -> Result<Vec<Installed>> {
        let root = self.walk.root.clone();
        if install.is_template() {
            let unknown = format!("{} of {PROJECT} is a template", install.key);
            self.unknown.get_or_insert(unknown);
            if !packages.is_empty() {
                self.notes.push(format!("packages-install-path is {:?}, a template that only dbt can read: the preview did not check that the packages are installed", install.path));
            }
            return Ok(vec![]);
        }
        let folder = root.join(&install.path);
        let Ok(entries) = fs::read_dir(&folder) else {
            return Ok(vec![]);
        };
        if Path::new(&install.path).is_absolute() {
            let reason = format!(
                "packages-install-path is {}, which is not there in the image; write a path relative to {PROJECT}, and run `dbt deps`",
                install.path
            );
            return if packages.is_empty() {
                Ok(vec![])
            } else {
                Err(unpackable(&root.join(PROJECT), reason))
            };
        }
        self.add(&root, install, "", true)?;
        // what is outside is packed package by package
        self.outside.retain(|(_, seen)| *seen != install.path);
        let mut found = vec![];
        for entry in entries.flatten() {
            let (path, name) = (
                entry.path(),
                entry.file_name().to_string_lossy().into_owned(),
            );
            if !path.is_dir() || name.starts_with("__") {
                continue;
            }
            let real = fs::canonicalize(&path).map_err(Error::io("reading", &path))?;
            let seen = joined(
                install.path.trim_start_matches("./").trim_end_matches('/'),
                &name,
            );
            found.push(Installed {
                ignored: self.walk.rules.excludes(&seen) && !self.walk.rules.may_keep_below(&seen),
                link: path.is_symlink().then_some(path),
                settings: Settings::read(&real).ok().flatten(),
                real,
                seen,
            });
        }
        found.sort_by(|a, b| a.seen.cmp(&b.seen));
        let locals = locals(&root, packages, &found);
        for package in found.iter().filter(|package| !package.ignored) {
            self.package(package, &locals)?;
        }
        Ok(found)
    }

    fn package(&mut self, package: &Installed, locals: &Locals) -> Result<()> {
        let Installed { real, seen, .. } = package;
        let Some(settings) = &package.settings else {
            return Ok(());
        };
        let inside = real.starts_with(&self.walk.root);
        let local = locals.real.contains(real) || locals.template;
        if let Some(link) = package.link.as_ref().filter(|_| !inside) {
            if !local {
                let reason = format!(
                    "it is a symbolic link to {}, and no local package that the project names; run `dbt deps`, or remove the link",
                    real.display()
                );
                return Err(unpackable(link, reason));
            }
            if is_too_much(real) {
                let reason = format!(
                    "it is a symbolic link to all of {}; put the package in a separate directory",
                    real.display()
                );
                return Err(unpackable(link, reason));
            }
            if !link.starts_with(&self.walk.root) {
                let target = real.clone();
                let needed = true;
                self.walk
                    .nodes
                    .insert(link.clone(), Node::Link { target, needed });
            }
        }
        self.walk.homes.insert(real.clone());
        self.names.extend(settings.name.clone());
        let written = settings.written.iter().map(|path| real.join(path));
        self.walk.written.extend(written);
        for named in &settings.paths {
            self.add(real, named, seen, local)?;
        }
        if !inside {
            for name in OWN {
                let path = real.join(name);
                let ignored = self.walk.rules.excludes(&joined(seen, name));
                if let Ok(found) = fs::symlink_metadata(&path)
                    && found.is_file()
                    && !ignored
                {
                    let (size, reads) = (found.len(), Reads::NODES);
                    self.walk.nodes.insert(path, Node::File { size, reads });
                }
            }
        }
        Ok(())
    }

    /// Refuses packages that are named and not installed, or not packed.
    pub(super) fn are_installed(
        &mut self,
        install: &Named,
        packages: &Packages,
        installed: &[Installed],
    ) -> Result<()> {
        let (Some(named), false) = (&packages.named, install.is_template()) else {
            return Ok(());
        };
        let (file, path, root) = (packages.file, &install.path, &self.walk.root);
        let mut found: Vec<&Installed> = installed
            .iter()
            .filter(|package| package.real.join(PROJECT).is_file())
            .collect();
        if let Some(missing) = missing(root, packages, &found) {
            let what = match &named[..] {
                [_] => format!("{file} names {missing}, which is not in {path}"),
                many => format!(
                    "{file} names {} packages, of which {missing} cannot be found in {path}",
                    many.len()
                ),
            };
            let reason = format!(
                "its packages are not installed: {what}, and a run installs none; run `dbt deps` there first"
            );
            return Err(unpackable(root, reason));
        }
        found.retain(|package| {
            self.walk.nodes.contains_key(&package.real.join(PROJECT)) && !package.ignored
        });
        if let Some(missing) = missing(root, packages, &found) {
            let reason = format!(
                "its packages are installed in {path}, but its .dockerignore leaves {missing} out, and a run installs none; take them out of .dockerignore, or add `!{path}`"
            );
            return Err(unpackable(root, reason));
        }
        let needed = found.iter().flat_map(|package| named_by(package));
        let there = |name: &String| found.iter().any(|folder| folder.is_called(name));
        let lacking: BTreeSet<String> = needed
            .filter(|package| !package.folders.is_empty() && !package.folders.iter().any(there))
            .map(|package| package.shown)
            .collect();
        if !lacking.is_empty() {
            let lacking = Vec::from_iter(lacking);
            self.notes.push(format!(
                "{path} has no {}, which a package there needs; run `dbt deps` again unless the project does without",
                listed(&lacking)
            ));
        }
        Ok(())
    }
}

/// The packages that a package names.
fn named_by(package: &Installed) -> Vec<Package> {
    let found = Packages::read(&package.real).ok();
    found.and_then(|found| found.named).unwrap_or_default()
}

/// Which of the named packages cannot be among those that are found. dbt itself counts: as many folders as packages. That
/// alone lets one pass whose place another package's package takes; so what has a name is looked for by it, and what has
/// none is counted against the folders that are nobody else's.
fn missing(root: &Path, packages: &Packages, found: &[&Installed]) -> Option<String> {
    let named = packages.named.as_deref().unwrap_or_default();
    let (mut lacking, mut nameless, mut left) = (vec![], vec![], found.to_vec());
    for package in named {
        let local = package.local.as_ref().map(|path| local(root, path));
        let local = local.and_then(|path| fs::canonicalize(path).ok());
        let own = local.as_ref().and_then(|real| Settings::read(real).ok()?);
        let own = own.and_then(|settings| settings.name);
        let is_it = |folder: &&Installed| {
            let mut names = package.folders.iter().chain(&own);
            local.as_ref() == Some(&folder.real) || names.any(|name| folder.is_called(name))
        };
        let shown = || package.shown.clone();
        match found.iter().any(is_it) {
            true => left.retain(|folder| !is_it(folder)),
            false if package.folders.is_empty() && own.is_none() => nameless.push(shown()),
            false => lacking.push(shown()),
        }
    }
    let theirs: Vec<Package> = found.iter().flat_map(|folder| named_by(folder)).collect();
    let theirs = theirs.iter().flat_map(|package| &package.folders);
    let theirs: Vec<&String> = theirs.chain(&packages.locked).collect();
    left.retain(|folder| !theirs.iter().any(|name| folder.is_called(name)));
    let mut words = vec![];
    if nameless.len() > left.len() {
        match left.len() {
            0 => lacking.append(&mut nameless),
            some => words.push(format!(
                "{} of {}",
                nameless.len() - some,
                listed(&nameless)
            )),
        }
    }
    if !lacking.is_empty() {
        words.insert(0, listed(&lacking));
    }
    if words.is_empty() && found.len() < named.len() {
        words.push((named.len() - found.len()).to_string());
    }
    (!words.is_empty()).then(|| words.join(" and "))
}

/// The directory of a local package: dbt reads all paths from the project's root.
fn local(root: &Path, path: &str) -> PathBuf {
    match (path.strip_prefix('~'), env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
        _ => root.join(path),
    }
}

/// The directories of local packages.
struct Locals {
    real: HashSet<PathBuf>,
    /// Whether a template names one.
    template: bool,
}

/// Those that the project names, and those that such a package names. A package from elsewhere, and a lock that lists what
/// it names, tell of no directory of this machine.
fn locals(root: &Path, packages: &Packages, installed: &[Installed]) -> Locals {
    let mut locals = Locals {
        real: HashSet::new(),
        template: false,
    };
    let mut named: Vec<String> = packages.locals().cloned().collect();
    while !named.is_empty() {
        locals.template |= named.iter().any(|path| is_template(path));
        let real = named.iter();
        let real = real.filter_map(|path| fs::canonicalize(local(root, path)).ok());
        let new: Vec<_> = real
            .filter(|real| locals.real.insert(real.clone()))
            .collect();
        let of_new = installed
            .iter()
            .filter(|package| package.link.is_some() && new.contains(&package.real));
        named = of_new
            .filter_map(|package| Packages::read(&package.real).ok())
            .flat_map(|packages| packages.locals().cloned().collect::<Vec<_>>())
            .collect();
    }
    locals
}

#[cfg(test)]
mod tests {
    use crate::{Dbt, Project, project::tests::write};

    #[test]
    fn dbt_1_12_wants_as_many_packages_as_are_named() {
        let packages = ("packages.yml", "packages: [{package: a/x}]");
        let lock = (
            "package-lock.yml",
            "packages: [{package: a/x, name: x}, {package: a/y, name: y}]",
        );
        let y = ("dbt_packages/y/dbt_project.yml", "name: y\n");
        let hidden = (".dockerignore", "dbt_packages/y\n");
        let refused = |version: &str, files: &[(&str, &str)]| {
            let directory = tempfile::tempdir().unwrap();
            write(directory.path(), &[("dbt_project.yml", "name: shop\n")]);
            write(
                directory.path(),
                &[("dbt_packages/x/dbt_project.yml", "name: x\n")],
            );
            write(directory.path(), files);
            let (version, adapter) = (version.to_owned(), "postgres".to_owned());
            let project = Project::read(directory.path()).unwrap();
            Dbt::Locked { version, adapter }.refusal(&project)
        };
        let said = refused("1.12", &[]).unwrap();
        assert_eq!(
            said,
            "dbt 1.12 wants exactly the packages that the project names: its packages.yml and package-lock.yml list 0 packages, but dbt_packages holds 1 folders; run `dbt deps`, and remove from that folder what is no package of `packages.yml`"
        );
        assert!(refused("1.12", &[packages, y]).is_some());
        assert_eq!(refused("1.12", &[packages]), None);
        assert_eq!(refused("1.12", &[packages, lock, y]), None);
        assert_eq!(refused("1.12", &[packages, y, hidden]), None);
        assert_eq!(refused("1.11", &[packages, y]), None);
    }
}
