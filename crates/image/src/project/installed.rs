//! The packages that are installed, judged as dbt judges them.

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
};

use super::{
    settings::{Named, OWN, PROJECT, Packages, Reads, Settings, is_template},
    tree::{Reading, is_too_much, joined},
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
    ignored: bool,
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
            if packages.count != Some(0) {
                self.notes.push(format!("packages-install-path is {:?}, a template that only dbt can read: whether the packages are installed was not looked at", install.path));
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
            return if packages.count == Some(0) {
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
        let Some(settings) = Settings::read(real).ok().flatten() else {
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
                    "it is a symbolic link to all of {}; give the package a directory of its own",
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
        self.names.extend(settings.name);
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

    /// dbt's own rule: as many folders are installed as packages are named.
    pub(super) fn are_installed(
        &self,
        install: &Named,
        packages: &Packages,
        installed: &[Installed],
    ) -> Result<()> {
        let (Some(count), false) = (packages.count, install.is_template()) else {
            return Ok(());
        };
        let (file, root) = (packages.file, &self.walk.root);
        let whole: Vec<&Installed> = installed
            .iter()
            .filter(|package| package.real.join(PROJECT).is_file())
            .collect();
        let named = if count == 1 {
            "a package".to_owned()
        } else {
            format!("{count} packages")
        };
        if whole.len() < count {
            let found = match whole.len() {
                0 => "is not installed".to_owned(),
                found => format!("of which {found} can be found"),
            };
            let found = if count > 1 && whole.is_empty() {
                "of which none is installed".to_owned()
            } else {
                found
            };
            let reason = format!(
                "its packages are not installed: {file} names {named}, {found} in {}, and a run installs none; run `dbt deps` there first",
                install.path
            );
            let reason = reason.replace("a package, is", "a package, which is");
            return Err(unpackable(root, reason));
        }
        let packed = whole.iter().filter(|package| {
            self.walk.nodes.contains_key(&package.real.join(PROJECT)) && !package.ignored
        });
        if packed.count() < count {
            let reason = format!(
                "its packages are installed in {}, but its .dockerignore leaves them out, and a run installs none; take them out of .dockerignore, or add `!{}`",
                install.path, install.path
            );
            return Err(unpackable(root, reason));
        }
        Ok(())
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
    let mut named = packages.locals.clone();
    while !named.is_empty() {
        locals.template |= named.iter().any(|path| is_template(path));
        // dbt reads all of them from the project's root
        let real = named.iter().filter_map(|path| {
            let path = match (path.strip_prefix('~'), env::home_dir()) {
                (Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
                _ => root.join(path),
            };
            fs::canonicalize(path).ok()
        });
        let new: Vec<_> = real
            .filter(|real| locals.real.insert(real.clone()))
            .collect();
        let of_new = installed
            .iter()
            .filter(|package| package.link.is_some() && new.contains(&package.real));
        named = of_new
            .filter_map(|package| Packages::read(&package.real).ok())
            .flat_map(|packages| packages.locals)
            .collect();
    }
    locals
}
