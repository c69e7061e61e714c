use std::{fs, path::Path};

use super::*;

pub(super) fn write(root: &Path, files: &[(&str, &str)]) {
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
    let read = Project::read(directory).unwrap();
    let files = read.files.iter().map(|(path, entry)| match entry {
        Entry::Link(target) => format!("{path} -> {target}"),
        Entry::File { .. } => path.clone(),
        Entry::Directory => format!("{path}/"),
    });
    files.collect()
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
        "sha256:fa82441f04437280b2850de0f33d0888bf726a9fa1d8ab5c76ba5ab734412a89"
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
        ("project/.dbt-aws.json", 0o644),
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
        ("target/manifest.json", ""),
        ("logs/dbt.log", ""),
        (".git/HEAD", ""),
        ("env/pyvenv.cfg", ""),
        ("env/lib/x.py", ""),
        ("macros/__pycache__/x.pyc", ""),
        (".dockerignore", "notes\n!notes/keep.md\n"),
        ("notes/drop.md", ""),
        ("notes/keep.md", ""),
        (".dbt-aws.json", "of the user"),
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
fn what_tools_leave_behind_makes_no_new_image() {
    let files = [
        "dev.duckdb",
        "dev.duckdb.wal",
        ".ruff_cache/x",
        ".mypy_cache/x",
        ".pytest_cache/x",
        "a/__pycache__/x",
        ".vscode/settings.json",
        ".idea/x",
        "models/.DS_Store",
        "models/.a.sql.swp",
        "models/a.sql~",
        "models/#a.sql#",
        "node_modules/x",
        ".ipynb_checkpoints/x",
        ".pulumi/x",
        ".user.yml",
        "dbt_internal_packages/x",
        "Pulumi.yaml",
        "Pulumi.dev.yaml",
        ".venv/x",
        "tools/python/pyvenv.cfg",
        "tools/python/lib/x",
    ];
    let directory = project(&files.map(|file| (file, "")));
    let read = Project::read(directory.path()).unwrap();
    assert_eq!(
        (names(directory.path()), read.notes),
        (vec!["dbt_project.yml".to_owned()], vec![])
    );
    // what the user says comes first
    write(
        directory.path(),
        &[(
            ".dockerignore",
            "!dev.duckdb\n!node_modules/x\n!tools/python",
        )],
    );
    let kept = [
        "dbt_project.yml",
        "dev.duckdb",
        "node_modules/x",
        "tools/python/lib/x",
        "tools/python/pyvenv.cfg",
    ];
    assert_eq!(names(directory.path()), kept);
}

#[test]
fn what_looks_like_a_secret_stays_out_and_is_named() {
    let files = [
        ".env",
        ".env.prod",
        ".envrc",
        "key.pem",
        "a/b.key",
        "id_rsa",
        "id_ed25519.pub",
        "rsa_key.p8",
        "x.pfx",
        "X.P12",
        "credentials-prod.json",
        "my-service-account.json",
        "secrets.json",
        "secrets.yml",
        ".netrc",
        ".pypirc",
        ".aws/credentials",
        ".git-credentials",
        "profiles.yml",
        "terraform.tfstate",
        "models/.env",
        "seeds/key.pem",
    ];
    let directory = project(&files.map(|file| (file, "")));
    write(
        directory.path(),
        &[
            ("gcp.json", "{\"private_key\": \"x\"}"),
            ("other.json", "{}"),
        ],
    );
    let read = Project::read(directory.path()).unwrap();
    assert_eq!(names(directory.path()), ["dbt_project.yml", "other.json"]);
    let expected = "left out of the image, as it looks like a secret (`!NAME` in .dockerignore packs it, `NAME` says that it is known): .aws, .env, .env.prod, .envrc, .git-credentials, .netrc, .pypirc, X.P12, a/b.key, credentials-prod.json and 13 more";
    assert_eq!(read.notes, [expected]);

    write(
        directory.path(),
        &[(".dockerignore", "*\n!models\n!dbt_project.yml\n!key.pem")],
    );
    assert_eq!(names(directory.path()), ["dbt_project.yml", "key.pem"]);
    assert_eq!(
        Project::read(directory.path()).unwrap().notes,
        [
            "left out of the image, as it looks like a secret (`!NAME` in .dockerignore packs it, `NAME` says that it is known): models/.env"
        ]
    );

    // dbt reads these, whatever they are called
    let read = [
        "macros/id_rsa.sql",
        "models/credentials/a.sql",
        "models/secrets.sql",
        "models/secrets.yml",
        "seeds/credentials.csv",
    ];
    let directory = project(&read.map(|file| (file, "")));
    assert_eq!(
        names(directory.path()),
        [&["dbt_project.yml"], &read[..]].concat()
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
fn what_a_path_names_is_packed_whatever_it_is_called() {
    let directory = project(&[
        (
            "dbt_project.yml",
            "name: shop\nmodel-paths: [logs, build/target/models]\nasset-paths: [.idea]\ntarget-path: build/target\n",
        ),
        ("logs/a.sql", ""),
        ("logs/dbt.log", ""),
        ("logs/node_modules/b.sql", ""),
        ("build/target/models/c.sql", ""),
        ("build/target/manifest.json", ""),
        (".idea/logo.png", ""),
    ]);
    let expected = [
        ".idea/logo.png",
        "build/target/models/c.sql",
        "dbt_project.yml",
        "logs/a.sql",
        "logs/node_modules/b.sql",
    ];
    assert_eq!(names(directory.path()), expected);
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
fn dbt_project_yml_is_read_as_dbt_reads_it() {
    let read = |text: &str| Project::read(project(&[("dbt_project.yml", text)]).path());
    let name = |text: &str| read(text).unwrap().name;
    assert_eq!(
        name("name: shop\nmodels: {a: 1}\nmodels: {b: 1}\nname: last"),
        "last"
    );
    assert_eq!(name("\u{feff}x: &x {name: shop}\n<<: *x\n"), "shop");
    let error = |text: &str| read(text).unwrap_err().to_string();
    for (text, expected) in [
        (
            "name: 2020",
            "its dbt_project.yml has a name that is not text; put it in quotes",
        ),
        (
            "name: a\nb: c: d",
            "its dbt_project.yml cannot be read: it is not valid YAML: line 2, column 5: ",
        ),
        (
            &"[".repeat(20_000),
            "its dbt_project.yml cannot be read: it is not valid YAML: line 1, column ",
        ),
        (
            &"- ".repeat(20_000),
            "values lie more than 100 deep in each other",
        ),
        (
            &"# x\n".repeat(1 << 20),
            "its dbt_project.yml cannot be read: it is larger than 2 MB",
        ),
    ] {
        assert!(error(text).contains(expected), "{}", error(text));
    }
    let packages = project(&[("packages.yml", "packages: [a: b: c]")]);
    let error = Project::read(packages.path()).unwrap_err().to_string();
    assert!(
        error.contains("packages.yml cannot be packed: it is not valid YAML: line 1, column "),
        "{error}"
    );
    let deep = project(&[(&format!("{}a", "d/".repeat(120)), "")]);
    refused(
        deep.path(),
        "it lies more than 100 directories deep; name it in .dockerignore",
    );
}

#[test]
fn a_large_project_says_what_makes_it_so() {
    let directory = project(&[("seeds/a.csv", "1"), ("data/raw/dump.bin", "")]);
    let dump = File::options()
        .write(true)
        .open(directory.path().join("data/raw/dump.bin"))
        .unwrap();
    dump.set_len(123_000_000).unwrap();
    let expected = "123 MB are packed, which each run has to fetch; largest are data/raw/dump.bin (123 MB), dbt_project.yml (1 kB), seeds/a.csv (1 kB); name what dbt does not need in .dockerignore";
    assert_eq!(Project::read(directory.path()).unwrap().notes, [expected]);
}

#[test]
fn the_runner_is_told_of_variables_and_of_values_that_change() {
    let directory = project(&[
        ("models/a.sql", "{{ env_var('A') }} {{ run_started_at }}"),
        (
            "dbt_packages/p/dbt_project.yml",
            "name: p\nvars: {x: \"{{ env_var('B', '') }}\"}",
        ),
        ("profiles.yml", "{{ env_var('NOT_PACKED') }}"),
        (".dbt-aws.json", "of the user"),
    ]);
    let facts = |directory: &Path| {
        let (bytes, layer) = Project::read(directory).unwrap().layer(Vec::new()).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
        let path = format!("{}/.dbt-aws.json", layer.directory);
        let found = archive.entries().unwrap().map(Result::unwrap);
        let mut found = found.filter(|entry| entry.path().unwrap().to_str() == Some(&path));
        let mut text = String::new();
        found.next().unwrap().read_to_string(&mut text).unwrap();
        assert!(found.next().is_none());
        text
    };
    let expected = "{\"version\":1,\"variables\":[\"A\",\"B\"],\"parseAfresh\":\"models/a.sql mentions run_started_at\"}\n";
    assert_eq!(facts(directory.path()), expected);
    fs::write(directory.path().join("models/a.sql"), "select 1").unwrap();
    assert!(facts(directory.path()).contains("[\"B\"],\"parseAfresh\":null"));
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
    let directory = project(&[]);
    let file = directory.path().join("dbt_project.yml");
    refused(
        &file,
        &format!(
            "it is a file; give the directory that holds dbt_project.yml, such as {}",
            directory.path().display()
        ),
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
fn links_stay_links_and_lead_to_what_is_named() {
    use std::os::unix::{fs::symlink, net::UnixListener};
    let elsewhere = project(&[("macros/m.sql", "x"), ("id_rsa", "x")]);
    let directory = project(&[
        ("models/a.sql", ""),
        ("shared/b.sql", ""),
        (".env", ""),
        ("node_modules/x", ""),
    ]);
    let link = |target: &Path, at: &str| {
        let path = directory.path().join(at);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, &path).unwrap();
        path
    };
    let expected = [
        "dbt_project.yml",
        "macros -> shared",
        "models/a.sql",
        "models/b.sql -> ../shared/b.sql",
        "models/inner -> ../shared",
        "shared/b.sql",
    ];
    link(&directory.path().join("shared/b.sql"), "models/b.sql");
    link(Path::new("../shared"), "models/inner");
    link(Path::new("shared"), "macros");
    // of these dbt reads none
    link(Path::new("nowhere"), "models/.#a.sql");
    link(Path::new("nowhere"), "models/gone.txt");
    link(Path::new("nowhere"), "node_modules/.bin/gone");
    link(Path::new("nowhere"), "seeds");
    link(Path::new("itself"), "itself");
    link(Path::new("../.env"), "models/env.txt");
    link(elsewhere.path(), "models/outside");
    link(&elsewhere.path().join("id_rsa"), "notes.md");
    link(Path::new("/"), "root");
    let _socket = UnixListener::bind(directory.path().join("socket")).unwrap();
    assert_eq!(names(directory.path()), expected);
    let notes = Project::read(directory.path()).unwrap().notes;
    let at = |path: &Path| fs::canonicalize(path).unwrap().display().to_string();
    let out = at(elsewhere.path());
    for (note, (name, target)) in notes.iter().zip([
        ("models/outside", out.as_str()),
        ("notes.md", &format!("{out}/id_rsa")),
        ("root", "/"),
    ]) {
        let expected = format!(
            "{name} stays out of the image: it is a symbolic link to {target}, outside of the project"
        );
        assert_eq!(*note, expected);
    }
    assert_eq!(
        notes[3],
        "left out of the image, as it looks like a secret (`!NAME` in .dockerignore packs it, `NAME` says that it is known): .env"
    );

    // and these dbt would miss
    for (at, target, expected) in [
        ("models/x.sql", Path::new("nowhere"), "models/x.sql cannot be packed: it is a symbolic link that leads nowhere".to_owned()),
        ("models/x.sql", Path::new("x.sql"), "it is a symbolic link that leads nowhere".to_owned()),
        ("models/x.sql", Path::new("../.env"), "/.env, which is not packed; put what dbt is to read into the project, or name its directory in dbt_project.yml".to_owned()),
        ("models/x.yml", &elsewhere.path().join("id_rsa"), format!("models/x.yml cannot be packed: it is a symbolic link to {out}/id_rsa, outside of the project; put what dbt is to read into the project, or name its directory in dbt_project.yml")),
        ("analyses", elsewhere.path(), format!("analysis-paths has \"analyses\", which a symbolic link leads to {out}, outside of what is named; name that directory itself")),
        ("dbt_packages/p", elsewhere.path(), format!("dbt_packages/p cannot be packed: it is a symbolic link to {out}, and no local package that the project names; run `dbt deps`, or remove the link")),
    ] {
        let path = link(target, at);
        refused(directory.path(), &expected);
        fs::remove_file(path).unwrap();
    }
    let _socket = UnixListener::bind(directory.path().join("models/s.sql")).unwrap();
    refused(
        directory.path(),
        "models/s.sql cannot be packed: it is neither a file nor a directory",
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf_8_matters_where_dbt_reads() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let directory = project(&[("exports/a", ""), (".dockerignore", "exports")]);
    let name = |name: &[u8]| directory.path().join(OsStr::from_bytes(name));
    fs::write(name(b"exports/\xff.csv"), "").unwrap();
    fs::write(name(b"\xff.txt"), "").unwrap();
    let read = Project::read(directory.path()).unwrap();
    assert_eq!(
        read.notes,
        ["left out of the image, as its name is not UTF-8: \u{fffd}.txt"]
    );
    fs::create_dir(name(b"models")).unwrap();
    fs::write(name(b"models/\xff.sql"), "").unwrap();
    refused(
        directory.path(),
        ".sql cannot be packed: its name is not UTF-8",
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
            .hashes
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
