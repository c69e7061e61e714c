use std::{fs, path::Path};

use super::{
    Project,
    tests::{names, project, refused, write},
};

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
        "models/.a.sql.swn",
        "models/.~lock.a.csv#",
        "seeds/~$a.csv",
        "docs/~$x.xlsx",
        ".nfs0000001",
        "docs/.fuse_hidden01",
        ".terraform/x",
        ".direnv/x",
        ".coverage",
        "dev.ddb",
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
    let expected = "left out of the image, as it looks like a secret (`!NAME` in .dockerignore packs it, `NAME` leaves it out without this line): .aws, .env, .env.prod, .envrc, .git-credentials, .netrc, .pypirc, X.P12, a/b.key, credentials-prod.json and 13 more";
    assert_eq!(read.notes, [expected]);

    write(
        directory.path(),
        &[(".dockerignore", "*\n!models\n!dbt_project.yml\n!key.pem")],
    );
    assert_eq!(names(directory.path()), ["dbt_project.yml", "key.pem"]);
    assert_eq!(
        Project::read(directory.path()).unwrap().notes,
        [
            "left out of the image, as it looks like a secret (`!NAME` in .dockerignore packs it, `NAME` leaves it out without this line): models/.env"
        ]
    );

    // of a path for texts dbt reads no others
    let docs = project(&[
        ("dbt_project.yml", "name: shop\ndocs-paths: ['.']\n"),
        ("secrets.yml", ""),
        ("secrets.md", ""),
    ]);
    assert_eq!(names(docs.path()), ["dbt_project.yml", "secrets.md"]);

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
        "left out of the image, as it looks like a secret (`!NAME` in .dockerignore packs it, `NAME` leaves it out without this line): .env"
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
fn secrets_of_other_names_and_in_other_files_stay_out() {
    let key = "x\n-----BEGIN OPENSSH PRIVATE KEY-----\nMII\n";
    let profile = "shop: {outputs: {dev: {password: x}}}\n";
    let files = [
        ("deploy", key),
        ("a/notes.txt", key),
        ("b.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n"),
        ("profiles.yaml", profile),
        ("ci/profiles_ci.yml", profile),
        ("Profiles.yml.bak", profile),
        (".dbt/x", ""),
        ("dbt_cloud.yml", ""),
        ("client_secret_1.apps.json", ""),
        ("db-secrets.yaml", ""),
        ("secrets/x", ""),
        ("credentials.csv", ""),
        ("me_accessKeys.csv", ""),
        ("prod.tfvars", ""),
        ("prod.env.local", ""),
        ("kubeconfig", ""),
        (".kube/config", ""),
        (".vault-token", ""),
        (".snowsql/config", ""),
        ("connections.toml", ""),
        ("dbt.keytab", ""),
        ("passwords.txt", ""),
        (".htpasswd", ""),
    ];
    let directory = project(&files);
    let kept = [
        ("models/a.sql", ""),
        ("models/profiles.yml", "models: [{name: profiles}]"),
        ("scripts/profiles.yml", "models: []"),
        ("scripts/token_bucket.py", ""),
        ("macros/secrets/m.sql", ""),
        ("seeds/credentials.csv", ""),
        ("README.md", "-----BEGIN CERTIFICATE-----"),
    ];
    write(directory.path(), &kept);
    let mut expected = kept.map(|(name, _)| name).to_vec();
    expected.push("dbt_project.yml");
    expected.sort_unstable();
    assert_eq!(names(directory.path()), expected);
    let note = &Project::read(directory.path()).unwrap().notes[0];
    assert!(note.ends_with(" and 13 more"), "{note}");
}

#[test]
fn certificates_without_a_key_are_no_secret() {
    let certificate = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n";
    let key = format!("{certificate}-----BEGIN RSA PRIVATE KEY-----\n");
    let directory = project(&[("ca.pem", certificate), ("both.pem", &key)]);
    assert_eq!(names(directory.path()), ["ca.pem", "dbt_project.yml"]);
}
