use std::{fs, path::Path};

use super::super::{Entry as Packed, Project, tests::write};

/// A project in a directory of a repository, with files relative to that.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[("dbt/dbt_project.yml", "name: shop\n")]);
    write(directory.path(), files);
    directory
}

fn read(repository: &tempfile::TempDir) -> Result<Project, String> {
    Project::read(&repository.path().join("dbt")).map_err(|error| error.to_string())
}

#[track_caller]
fn packed(repository: &tempfile::TempDir, directory: &str, expected: &[&str]) {
    let read = read(repository).unwrap();
    assert_eq!(read.directory, directory);
    let names = read.files.iter().map(|(path, entry)| match entry {
        Packed::Link(target) => format!("{path} -> {target}"),
        Packed::File { .. } => path.clone(),
        Packed::Directory => format!("{path}/"),
    });
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[track_caller]
fn refused(files: &[(&str, &str)], expected: &str) {
    let error = read(&repository(files)).err().unwrap_or_default();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_paths_name_beside_the_project_is_packed_in_its_layout() {
    let settings = "name: shop\nmodel-paths: [models, ../shared/models]\nmacro-paths: [../shared/macros/]\nseed-paths: [../nowhere]\n";
    let repository = repository(&[
        ("dbt/dbt_project.yml", settings),
        ("dbt/models/a.sql", ""),
        ("shared/models/b.sql", ""),
        ("shared/models/deep/b.yml", ""),
        ("shared/models/notes.txt", ""),
        ("shared/models/.env", ""),
        ("shared/macros/m.sql", ""),
        ("shared/terraform.tfstate", ""),
        ("other/x.sql", ""),
    ]);
    let expected = [
        "dbt/dbt_project.yml",
        "dbt/models/a.sql",
        "shared/macros/m.sql",
        "shared/models/b.sql",
        "shared/models/deep/b.yml",
    ];
    packed(&repository, "project/dbt", &expected);
    assert_eq!(read(&repository).unwrap().notes, [""; 0]);
    write(repository.path(), &[("dbt/.dockerignore", "**/deep")]);
    packed(&repository, "project/dbt", &expected[..4]);
}

#[test]
fn paths_may_lead_out_and_back() {
    let way = |path: &str| format!("name: shop\nmodel-paths: ['{path}']\n");
    let repository = repository(&[
        ("dbt/dbt_project.yml", &way("./a/../m")),
        ("dbt/a/.gitkeep", ""),
        ("dbt/m/a.sql", ""),
    ]);
    fs::remove_file(repository.path().join("dbt/a/.gitkeep")).unwrap();
    packed(
        &repository,
        "project",
        &["a/", "dbt_project.yml", "m/a.sql"],
    );
    write(
        repository.path(),
        &[("dbt/dbt_project.yml", &way("../dbt/m"))],
    );
    packed(
        &repository,
        "project/dbt",
        &["dbt/dbt_project.yml", "dbt/m/a.sql"],
    );
    write(
        repository.path(),
        &[("dbt/dbt_project.yml", &way("..")), ("b.sql", "")],
    );
    packed(
        &repository,
        "project/dbt",
        &["b.sql", "dbt/dbt_project.yml", "dbt/m/a.sql"],
    );
}

#[test]
fn paths_that_cannot_be_there_in_the_image_are_refused() {
    let outside = tempfile::tempdir().unwrap();
    let at = outside.path().display();
    let settings = |path: &str| format!("name: shop\nmodel-paths: ['{path}']\n");
    refused(
        &[("dbt/dbt_project.yml", &settings(&at.to_string()))],
        &format!(
            "dbt_project.yml cannot be packed: model-paths has \"{at}\", which is not there in the image; write the path relative to dbt_project.yml"
        ),
    );
    refused(
        &[("dbt/dbt_project.yml", &settings(&"../".repeat(30)))],
        "which is all of /; name the directories that dbt is to read",
    );
    let template = repository(&[("dbt/dbt_project.yml", &settings("{{ env_var(\"M\") }}"))]);
    let notes = read(&template).unwrap().notes;
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].starts_with(
            "model-paths has \"{{ env_var(\\\"M\\\") }}\", a template that only dbt can read"
        ),
        "{notes:?}"
    );
    // dbt passes over what is not there
    packed(
        &repository(&[("dbt/dbt_project.yml", &settings("/nowhere"))]),
        "project",
        &["dbt_project.yml"],
    );
}

#[cfg(unix)]
#[test]
fn local_packages_above_and_beside_are_packed_once() {
    use std::os::unix::fs::symlink;
    let repository = repository(&[
        (
            "dbt/packages.yml",
            "packages: [{local: ..}, {local: ../lib/more}, {local: own}]",
        ),
        ("dbt/own/dbt_project.yml", "name: own"),
        ("dbt/own/macros/o.sql", ""),
        (
            "dbt_project.yml",
            "name: util\nmacro-paths: [macros, ../beside]\n",
        ),
        ("macros/m.sql", ""),
        ("target/manifest.json", ""),
        ("models/.env", ""),
        (".github/ci.yml", ""),
        ("lib/more/dbt_project.yml", "name: more"),
        ("lib/more/models/x.sql", ""),
        ("lib/more/setup.py", ""),
    ]);
    let install = |name: &str, target: &str| {
        let folder = repository.path().join("dbt/dbt_packages");
        fs::create_dir_all(&folder).unwrap();
        symlink(
            fs::canonicalize(repository.path().join(target)).unwrap(),
            folder.join(name),
        )
        .unwrap();
    };
    let missing = |found: &str| {
        format!(
            "its packages are not installed: packages.yml names 3 packages, of which {found} cannot be found in dbt_packages, and a run installs none; run `dbt deps` there first"
        )
    };
    let error = || read(&repository).unwrap_err();
    assert!(
        error().ends_with(&missing(".., ../lib/more, own")),
        "{}",
        error()
    );
    install("util", "");
    install("own", "dbt/own");
    assert!(error().ends_with(&missing("../lib/more")), "{}", error());
    install("more", "lib/more");
    packed(
        &repository,
        "project/dbt",
        &[
            "dbt/dbt_packages/more -> ../../lib/more",
            "dbt/dbt_packages/own -> ../own",
            "dbt/dbt_packages/util -> ../..",
            "dbt/dbt_project.yml",
            "dbt/own/dbt_project.yml",
            "dbt/own/macros/o.sql",
            "dbt/packages.yml",
            "dbt_project.yml",
            "lib/more/dbt_project.yml",
            "lib/more/models/x.sql",
            "macros/m.sql",
        ],
    );
    write(
        repository.path(),
        &[("dbt/.dockerignore", "dbt_packages/more\n")],
    );
    assert!(
        error().contains(
            "its packages are installed in dbt_packages, but its .dockerignore leaves ../lib/more out"
        ),
        "{}",
        error()
    );
}

#[test]
fn packages_are_counted_as_dbt_counts_them() {
    let packages = "packages:\n- {package: a/x, version: 1.0.0}\n- {git: 'https://host/y.git'}\n";
    let hub = |name: &str| {
        (
            format!("dbt/dbt_packages/{name}/dbt_project.yml"),
            format!("name: {name}\n"),
        )
    };
    let (x, y) = (hub("x"), hub("y"));
    let (x, y) = ((x.0.as_str(), x.1.as_str()), (y.0.as_str(), y.1.as_str()));
    for file in ["dbt/packages.yml", "dbt/dependencies.yml"] {
        let named = (file, packages);
        refused(
            &[named],
            "of which a/x, https://host/y.git cannot be found in dbt_packages",
        );
        refused(
            &[named, x],
            "of which https://host/y.git cannot be found in dbt_packages",
        );
        refused(
            &[named, x, ("dbt/dbt_packages/y/README.md", "")],
            "of which https://host/y.git cannot be found",
        );
        assert!(read(&repository(&[named, x, y])).is_ok());
        let ignored = ("dbt/.dockerignore", "dbt_packages\n");
        refused(
            &[named, x, y, ignored],
            "its packages are installed in dbt_packages, but its .dockerignore leaves a/x, https://host/y.git out, and a run installs none; take them out of .dockerignore, or add `!dbt_packages`",
        );
        let back = ("dbt/.dockerignore", "dbt_packages\n!dbt_packages\n");
        assert!(read(&repository(&[named, x, y, back])).is_ok());
    }
    refused(
        &[("dbt/packages.yml", "packages: [{package: a/b}]")],
        "packages.yml names a/b, which is not in dbt_packages, and a run installs none; run `dbt deps` there first",
    );
    refused(
        &[
            ("dbt/packages.yml", packages),
            ("dbt/dependencies.yml", packages),
        ],
        "packages.yml and dependencies.yml both have packages, which dbt refuses",
    );
    // of two equal keys the last one counts
    refused(
        &[
            ("dbt/packages.yml", &format!("packages: []\n{packages}")),
            x,
        ],
        "of which https://host/y.git cannot be found",
    );
    for none in [
        "",
        "packages: []\n",
        "packages:\n",
        "projects: [{name: core}]\n",
        &format!("{packages}packages: []\n"),
    ] {
        assert!(
            read(&repository(&[("dbt/dependencies.yml", none)])).is_ok(),
            "{none}"
        );
    }
}

#[test]
fn a_missing_package_hides_behind_no_other() {
    let packages = "packages:\n- {package: a/x, version: 1.0.0}\n- {git: 'https://me:token@host/y.git', subdirectory: s}\n- {git: 'https://host/y.git'}\n- {local: ../own}\n- {tarball: 'https://host/t.tar.gz', name: t}\n";
    let lock = "packages:\n- {package: a/x, name: x}\n- {git: 'https://me:token@host/y.git', subdirectory: s, name: locked}\n- {package: a/others, name: others}\n";
    let of_x = "packages: [{package: a/transitive}]";
    // the folders that are installed, whether there is a lock, and what is said to be missing
    for (folders, locked, missing) in [
        // as `dbt deps` leaves them
        ("x y z own t", false, ""),
        ("x y z own t transitive", false, ""),
        ("x locked z own t", true, ""),
        ("x locked z own t others transitive", true, ""),
        // a folder of another name, with the package's own name in it
        ("dir=x y z dir2=own t", false, ""),
        // what was named before, or what another package brings
        ("transitive y z own t", false, "a/x"),
        ("x y z own transitive", false, "https://host/t.tar.gz"),
        ("x y z before t", false, "../own"),
        (
            "x transitive z own t",
            false,
            "1 of host/y.git, https://host/y.git",
        ),
        (
            "x transitive own t others",
            true,
            "host/y.git, https://host/y.git",
        ),
        ("x y z own t", true, "host/y.git"),
        ("x locked own t others", true, "https://host/y.git"),
        ("y z own", false, "a/x, https://host/t.tar.gz"),
        ("x transitive a b", false, "../own, https://host/t.tar.gz"),
        (
            "x transitive a",
            false,
            "../own, https://host/t.tar.gz and 1 of host/y.git, https://host/y.git",
        ),
    ] {
        let mut files = vec![
            ("dbt/packages.yml".to_owned(), packages.to_owned()),
            ("own/dbt_project.yml".to_owned(), "name: own".to_owned()),
        ];
        if locked {
            files.push(("dbt/package-lock.yml".to_owned(), lock.to_owned()));
        }
        for folder in folders.split(' ') {
            let (folder, name) = folder.split_once('=').unwrap_or((folder, folder));
            let at = format!("dbt/dbt_packages/{folder}");
            files.push((format!("{at}/dbt_project.yml"), format!("name: {name}")));
            if name == "x" {
                files.push((format!("{at}/packages.yml"), of_x.to_owned()));
            }
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (&**a, &**b)).collect();
        let error = read(&repository(&files)).err().unwrap_or_default();
        let said = error
            .split_once("of which ")
            .map_or(&*error, |(_, said)| said);
        let said = said.split(" cannot be found in dbt_packages").next();
        assert_eq!(said, Some(missing), "{folders}: {error}");
    }
    // two entries for one folder, which dbt counts twice
    let twice = "packages: [{package: a/x}, {package: b/x}]";
    let files = [
        ("dbt/packages.yml", twice),
        ("dbt/dbt_packages/x/dbt_project.yml", "name: x"),
    ];
    refused(
        &files,
        "names 2 packages, of which 1 cannot be found in dbt_packages",
    );
}

#[test]
fn what_a_package_needs_is_missed_too() {
    let needs = |name: &str| format!("packages: [{{package: b/{name}}}, {{git: https://host/c}}]");
    let (date, deep) = (needs("date"), needs("deep"));
    let mut files = vec![
        ("dbt/packages.yml", "packages: [{package: a/lib}]"),
        ("dbt/dbt_packages/lib/dbt_project.yml", "name: lib"),
        ("dbt/dbt_packages/lib/packages.yml", &date),
    ];
    let notes = |files: &[(&str, &str)]| read(&repository(files)).unwrap().notes;
    let said = |name: &str| {
        [format!(
            "dbt_packages has no b/{name}, which a package there needs; run `dbt deps` again unless the project does without"
        )]
    };
    assert_eq!(notes(&files), said("date"));
    files.push(("dbt/dbt_packages/date/dbt_project.yml", "name: date"));
    assert_eq!(notes(&files), [""; 0]);
    files.push(("dbt/dbt_packages/date/packages.yml", &deep));
    assert_eq!(notes(&files), said("deep"));
}

#[test]
fn packages_are_where_the_project_says() {
    let packages = (
        "dbt/packages.yml",
        "packages: [{package: a/x, version: 1.0.0}]\n",
    );
    let settings = |path: &str| format!("name: shop\npackages-install-path: \"{path}\"\n");
    for (path, at, directory) in [
        ("./vendored/", "dbt/vendored", "project"),
        ("node_modules", "dbt/node_modules", "project"),
        ("../vendored", "vendored", "project/dbt"),
        ("./a/../vendored", "dbt/vendored", "project"),
    ] {
        let settings = settings(path);
        let project = ("dbt/dbt_project.yml", settings.as_str());
        refused(&[packages, project], "its packages are not installed");
        let (file, model) = (
            format!("{at}/x/dbt_project.yml"),
            format!("{at}/x/models/a.sql"),
        );
        let repository = repository(&[
            packages,
            project,
            (&file, "name: x\n"),
            (&model, ""),
            ("dbt/a/b", ""),
        ]);
        let read = read(&repository).unwrap();
        let in_image = |path: &str| match directory {
            "project" => path.trim_start_matches("dbt/").to_owned(),
            _ => path.to_owned(),
        };
        assert_eq!(read.directory, directory);
        for file in [file, model] {
            assert!(
                read.files.contains_key(&in_image(&file)),
                "{file} of {:?}",
                read.files.keys()
            );
        }
    }
    let template = settings("{{ env_var('P') }}");
    let project = repository(&[packages, ("dbt/dbt_project.yml", &template)]);
    let notes = read(&project).unwrap().notes;
    assert!(
        notes[0].ends_with("the preview did not check that the packages are installed"),
        "{notes:?}"
    );
    let elsewhere = tempfile::tempdir().unwrap();
    write(elsewhere.path(), &[("x/dbt_project.yml", "name: x\n")]);
    let absolute = settings(&elsewhere.path().display().to_string());
    refused(
        &[packages, ("dbt/dbt_project.yml", &absolute)],
        "which is not there in the image; write a path relative to dbt_project.yml, and run `dbt deps`",
    );
}

#[test]
fn a_package_from_elsewhere_names_nothing_of_this_machine() {
    let repository = repository(&[
        (
            "dbt/dbt_packages/x/dbt_project.yml",
            "name: x\nmodel-paths: [../../../secret, models]\n",
        ),
        (
            "dbt/dbt_packages/x/packages.yml",
            "packages: [{local: ../secret}]\n",
        ),
        ("dbt/dbt_packages/x/models/a.sql", ""),
        ("dbt/dbt_packages/x/integration_tests/.env", ""),
        ("secret/a.sql", ""),
    ]);
    packed(
        &repository,
        "project",
        &[
            "dbt_packages/x/dbt_project.yml",
            "dbt_packages/x/models/a.sql",
            "dbt_packages/x/packages.yml",
            "dbt_project.yml",
        ],
    );
    assert_eq!(
        read(&repository).unwrap().notes,
        [
            "the package dbt_packages/x reads \"../../../secret\", outside of the project, which is not packed"
        ]
    );
}

#[test]
fn nothing_of_a_directory_above_is_taken_for_its_name() {
    assert!(Path::new("/").parent().is_none());
    assert!(super::is_too_much(Path::new("/")));
    let home = std::env::home_dir().and_then(|home| fs::canonicalize(home).ok());
    for directory in home.iter().flat_map(|home| home.ancestors()) {
        assert!(super::is_too_much(directory), "{}", directory.display());
    }
}

#[test]
fn a_package_from_elsewhere_names_no_local_package() {
    let repository = repository(&[
        ("dbt/packages.yml", "packages: [{package: some/elsewhere}]"),
        (
            "dbt/package-lock.yml",
            "packages: [{package: some/elsewhere}, {local: dbt_packages/elsewhere/inner}]",
        ),
        (
            "dbt/dbt_packages/elsewhere/dbt_project.yml",
            "name: elsewhere",
        ),
        (
            "dbt/dbt_packages/elsewhere/packages.yml",
            "packages: [{local: dbt_packages/elsewhere/inner}]",
        ),
        (
            "dbt/dbt_packages/elsewhere/inner/dbt_project.yml",
            "name: inner\nasset-paths: [../../../../private]\n",
        ),
        ("private/config", "x"),
    ]);
    let folder = repository.path().join("dbt/dbt_packages");
    std::os::unix::fs::symlink(folder.join("elsewhere/inner"), folder.join("inner")).unwrap();
    let project = read(&repository).unwrap();
    assert!(
        !project
            .files
            .iter()
            .any(|(path, _)| path.contains("private")),
        "packs what a package from elsewhere names"
    );
}
