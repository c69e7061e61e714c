use std::{fs, path::Path};

use super::*;

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[(
            "dbt_project.yml",
            "name: 'shop'\nprofile: \"shop_profile\"\n",
        )],
    );
    write(directory.path(), files);
    directory
}

fn names(directory: &Path) -> Vec<String> {
    Project::read(directory)
        .unwrap()
        .files
        .into_keys()
        .collect()
}

#[test]
fn equal_projects_are_equal_layers() {
    let files = [("models/a.sql", "select 1"), ("models/b/c.sql", "select 2")];
    let (one, two) = (project(&files), project(&[files[1], files[0]]));
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    File::options()
        .write(true)
        .open(two.path().join("models/a.sql"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(
            two.path().join("models/a.sql"),
            fs::Permissions::from_mode(0o700),
        )
        .unwrap();
        fs::set_permissions(
            two.path().join("models/b"),
            fs::Permissions::from_mode(0o700),
        )
        .unwrap();
    }
    let layer = |directory: &Path| Project::read(directory).unwrap().layer(Vec::new()).unwrap();
    let (bytes, packed) = layer(one.path());
    assert_eq!(
        (&bytes, &packed),
        (&layer(two.path()).0, &layer(two.path()).1)
    );
    // the digest itself is the promise: another machine computes the same one
    assert_eq!(
        packed.layer.diff_id.to_string(),
        "sha256:7d4448be971486cd42b96bd52fd8d6dc6bc085903c9bf2a8aeea15a173f497a8"
    );
    assert_eq!(packed.layer.digest, crate::Digest::of(&bytes));
    assert_eq!(packed.layer.size, bytes.len() as u64);
    write(two.path(), &[("models/a.sql", "select 3")]);
    assert_ne!(packed.layer.digest, layer(two.path()).1.layer.digest);
}

#[test]
fn the_layer_unpacks_to_the_project() {
    let long = format!("models/{}/{}.sql", "d".repeat(90), "f".repeat(120));
    let directory = project(&[("models/a.sql", "select 1"), (&long, "select 2")]);
    let (bytes, _) = Project::read(directory.path())
        .unwrap()
        .layer(Vec::new())
        .unwrap();
    let mut entries = Vec::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]))
        .entries()
        .unwrap()
    {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(
            (
                header.mtime().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap()
            ),
            (0, 0, 0)
        );
        entries.push((
            entry.path().unwrap().to_str().unwrap().to_owned(),
            header.mode().unwrap(),
        ));
    }
    let folder = format!("project/{}/", long.rsplit_once('/').unwrap().0);
    let expected = [
        ("project/", 0o755),
        ("project/dbt_project.yml", 0o644),
        ("project/models/", 0o755),
        ("project/models/a.sql", 0o644),
        (&folder, 0o755),
        (&format!("project/{long}"), 0o644),
    ];
    assert_eq!(
        entries,
        expected.map(|(path, mode)| (path.to_owned(), mode))
    );
}

#[test]
fn what_is_not_the_project_stays_out() {
    let directory = project(&[
        ("models/a.sql", ""),
        ("models/target/b.sql", ""),
        (
            "models/profiles.yml",
            "shop: {target: x, outputs: {x: {password: x}}}",
        ),
        ("seeds/profiles.yml", "{{ broken"),
        (
            "models/hr/profiles.yml",
            "version: 2\nmodels: [{name: profiles}]",
        ),
        ("profiles.yml", "password: x"),
        (".env", "PASSWORD=x"),
        ("target/manifest.json", ""),
        ("logs/dbt.log", ""),
        (".git/HEAD", ""),
        ("env/pyvenv.cfg", ""),
        ("env/lib/x.py", ""),
        ("macros/__pycache__/x.pyc", ""),
        (".dockerignore", "notes\n!notes/keep.md\n"),
        ("notes/drop.md", ""),
        ("notes/keep.md", ""),
    ]);
    assert_eq!(
        names(directory.path()),
        [
            "dbt_project.yml",
            "models/a.sql",
            "models/hr/profiles.yml",
            "models/target/b.sql",
            "notes/keep.md"
        ]
    );
}

#[test]
fn target_and_logs_are_where_the_project_says() {
    let directory = project(&[
        (
            "dbt_project.yml",
            "name: shop\ntarget-path: build/out\nlog-path: \"{{ env_var('X') }}\"\n",
        ),
        ("target/a.sql", ""),
        ("build/out/b.sql", ""),
        ("logs/dbt.log", ""),
        ("dbt_packages/p/dbt_project.yml", "name: p"),
        ("dbt_packages/p/target/c.sql", ""),
    ]);
    assert_eq!(
        names(directory.path()),
        [
            "dbt_packages/p/dbt_project.yml",
            "dbt_project.yml",
            "target/a.sql"
        ]
    );
}

#[test]
fn a_nested_project_that_is_no_yaml_is_packed_as_it_is() {
    let directory = project(&[
        ("dbt_packages/p/dbt_project.yml", "{{ cookiecutter }}: ["),
        ("dbt_packages/q/dbt_project.yml", "- no mapping"),
    ]);
    let expected = [
        "dbt_packages/p/dbt_project.yml",
        "dbt_packages/q/dbt_project.yml",
        "dbt_project.yml",
    ];
    assert_eq!(names(directory.path()), expected);
}

#[test]
fn name_and_profile_are_read() {
    let read = Project::read(project(&[]).path()).unwrap();
    assert_eq!(
        (read.name.as_str(), read.profile.as_deref(), read.len()),
        ("shop", Some("shop_profile"), 1)
    );
}

#[track_caller]
fn refused(directory: &Path, expected: &str) {
    let error = Project::read(directory)
        .map(|project| project.files)
        .unwrap_err()
        .to_string();
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn a_directory_without_a_project_is_refused() {
    refused(
        Path::new("/nonexistent"),
        "/nonexistent is not a dbt project: there is no such directory",
    );
    refused(
        tempfile::tempdir().unwrap().path(),
        "it has no dbt_project.yml; give the directory that holds one",
    );
    refused(
        project(&[("dbt_project.yml", "profile: x")]).path(),
        "its dbt_project.yml has no name",
    );
    refused(
        project(&[("dbt_project.yml", "- a")]).path(),
        "its dbt_project.yml is not a mapping",
    );
    refused(
        project(&[(".dockerignore", "*.yml")]).path(),
        "its .dockerignore leaves dbt_project.yml out",
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_unless_they_lead_nowhere() {
    use std::os::unix::{fs::symlink, net::UnixListener};
    let package = project(&[("macros/m.sql", "x")]);
    let directory = project(&[("dbt_packages/keep", "")]);
    let link = directory.path().join("dbt_packages/local");
    symlink(package.path(), &link).unwrap();
    symlink("keep", directory.path().join("dbt_packages/same")).unwrap();
    assert_eq!(
        names(directory.path()),
        [
            "dbt_packages/keep",
            "dbt_packages/local/dbt_project.yml",
            "dbt_packages/local/macros/m.sql",
            "dbt_packages/same",
            "dbt_project.yml"
        ]
    );
    symlink(package.path(), package.path().join("macros/up")).unwrap();
    refused(
        directory.path(),
        "dbt_packages/local/macros/up cannot be packed: it is a symbolic link to a directory above itself",
    );
    fs::remove_file(&link).unwrap();
    symlink("nothing", &link).unwrap();
    refused(
        directory.path(),
        "dbt_packages/local cannot be packed: it is a symbolic link that leads nowhere",
    );
    fs::remove_file(&link).unwrap();
    symlink("local", &link).unwrap();
    refused(
        directory.path(),
        "dbt_packages/local cannot be packed: it is a symbolic link that leads nowhere",
    );
    fs::remove_file(&link).unwrap();
    let _socket = UnixListener::bind(&link).unwrap();
    refused(
        directory.path(),
        "dbt_packages/local cannot be packed: it is neither a file nor a directory",
    );
}

#[test]
fn changes_are_counted_and_named() {
    let directory = project(&[
        ("models/a.sql", "1"),
        ("models/b.sql", "1"),
        ("models/c.sql", "1"),
    ]);
    let pack = || {
        Project::read(directory.path())
            .unwrap()
            .pack(io::sink())
            .unwrap()
    };
    let before = pack().fingerprint();
    assert_eq!(pack().changes_since(&before).to_string(), "no file changed");
    write(
        directory.path(),
        &[("models/a.sql", "2"), ("models/d.sql", "1")],
    );
    fs::remove_file(directory.path().join("models/c.sql")).unwrap();
    let changes = pack().changes_since(&before);
    assert_eq!(
        changes.to_string(),
        "1 file changed (models/a.sql), 1 file added (models/d.sql), 1 file removed"
    );
    assert_eq!(changes.count(), 3);
}

#[test]
fn packages_that_are_not_installed_are_missed() {
    let refused = |files: &[(&str, &str)]| {
        let directory = project(files);
        let error = Project::read(directory.path()).err();
        error.map(|error| error.to_string())
    };
    let packages = "packages: [{package: dbt-labs/dbt_utils, version: 1.3.0}]\n";
    for file in ["packages.yml", "dependencies.yml"] {
        let error = refused(&[(file, packages)]).unwrap();
        assert!(error.contains("run `dbt deps` there first"), "{error}");
        let installed = (
            "dbt_packages/dbt_utils/dbt_project.yml",
            "name: dbt_utils\n",
        );
        assert_eq!(refused(&[(file, packages), installed]), None);
        let ignored = (".dockerignore", "dbt_packages\n");
        assert!(refused(&[(file, packages), installed, ignored]).is_some());
    }
    let elsewhere = (
        "dbt_project.yml",
        "name: shop\npackages-install-path: ./vendored/\n",
    );
    let vendored = ("vendored/dbt_utils/dbt_project.yml", "name: dbt_utils\n");
    assert_eq!(
        refused(&[("packages.yml", packages), elsewhere, vendored]),
        None
    );
    assert!(refused(&[("packages.yml", packages), elsewhere]).is_some());
    let asked = (
        "dbt_project.yml",
        "name: shop\npackages-install-path: \"{{ env_var('P') }}\"\n",
    );
    assert_eq!(refused(&[("packages.yml", packages), asked]), None);
    assert_eq!(
        refused(&[("dependencies.yml", "projects: [{name: core}]\n")]),
        None
    );
    assert_eq!(refused(&[("packages.yml", "packages: []\n")]), None);
}
