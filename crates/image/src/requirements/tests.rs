use std::fs;

use super::*;

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = Requirements::parse("r.txt", text).unwrap_err().to_string();
    assert_eq!(error, format!("r.txt, line {expected}"));
}

#[test]
fn what_is_left_out_is_a_package_that_the_file_does_not_ask_for() {
    let without = |text: &str, names: &str| {
        let all = Requirements::parse("r.txt", text).unwrap();
        let names: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
        all.without(&names)
            .map(|all| all.text)
            .map_err(|error| error.to_string())
    };
    let text = "a\n--exclude c\n--exclude my-b".to_owned();
    assert_eq!(without("a", "My_B c"), Ok(text.clone()));
    assert_eq!(without("a", "c my-b C"), Ok(text));
    for (text, name, reason) in [
        ("a", "b>1", "that is not the name of a package"),
        ("a", "A", "r.txt, line 1, asks for it; take it out there"),
        (
            "a==1 --hash=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "b",
            "a file with hashes is installed as it is; take the package out of it",
        ),
    ] {
        let said = format!("{name:?} cannot be left out of r.txt: {reason}");
        assert_eq!(without(text, name), Err(said));
    }
}

#[test]
fn files_include_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("deps")).unwrap();
    fs::write(
        path("r.txt"),
        "-r deps/base.txt\n-cdeps/limits.txt\n--pre\nc # last\n",
    )
    .unwrap();
    fs::write(path("deps/base.txt"), "a[x]>=1 ; python_version > '3.9'\n").unwrap();
    fs::write(path("deps/limits.txt"), "--requirement=more.txt\na<3").unwrap();
    fs::write(path("deps/more.txt"), "b==1").unwrap();
    let all = Requirements::read(&path("r.txt")).unwrap();
    let lines: Vec<String> = all
        .lines
        .iter()
        .map(|line| format!("{} {}", line.requirement, line.constraint))
        .collect();
    let expected = [
        "a[x]>=1 ; python_version > '3.9' false",
        "b==1 true",
        "a<3 true",
        "c false",
    ];
    assert_eq!(lines, expected);
    assert!(all.prereleases && !all.hashed && all.text.ends_with("a<3b==1"));
    let place = path("deps/more.txt").display().to_string();
    assert_eq!(all.lines[1].to_string(), format!("{place}, line 1,"));

    fs::write(path("deps/base.txt"), "-r ../deps/base.txt").unwrap();
    let error = Requirements::read(&path("r.txt")).unwrap_err().to_string();
    assert!(
        error.ends_with("base.txt, line 1: ../deps/base.txt includes itself"),
        "{error}"
    );
    fs::write(path("deps/base.txt"), "\n-r nowhere.txt").unwrap();
    let error = Requirements::read(&path("r.txt")).unwrap_err().to_string();
    assert!(
        error.starts_with("reading ") && error.contains("deps/nowhere.txt"),
        "{error}"
    );
}

#[test]
fn options_are_those_of_pip() {
    let home = env::var("HOME").unwrap();
    let text = "-i https://${HOME}/${nO}\n--extra-index-url=https://a.example/\n--extra-index-url 'https://b.example/'\n--only-binary :all:\na \\\n  --hash=sha256:00";
    let all = Requirements::parse("r.txt", text);
    assert!(all.is_err());
    let text = text.split("a \\").next().unwrap();
    let all = Requirements::parse("r.txt", text).unwrap();
    assert_eq!(all.index, Some(format!("https://{home}/${{nO}}")));
    assert_eq!(
        all.extra_indexes,
        ["https://a.example/", "https://b.example/"]
    );
}

#[test]
fn what_cannot_be_had_is_refused() {
    refused(
        "\n-e .",
        "2: -e is not supported: a package is built nowhere here; put a wheel of it into an index",
    );
    refused("--find-links x", "1: --find-links is not supported");
    refused("-r", "1: -r needs a value");
    refused(
        "-r https://a.example/r.txt",
        "1: -r takes a file, not a URL",
    );
    refused(
        "a==1 --global-option=x",
        "1: --global-option is not supported",
    );
    refused(
        "a @ https://a.example/a-1-py3-none-any.whl",
        "1: a is given by a URL, which only a requirement with the SHA-256 of its wheel can be: add --hash=sha256:..., or put the wheel into an index",
    );
    refused(
        "a==1 --hash=md5:00",
        "1: md5:00 is no hash like sha256:<64 hexadecimal digits>",
    );
    let secret = Requirements::parse("r.txt", "https://me:secret@a.example/a.whl");
    let error = secret.unwrap_err().to_string();
    assert!(
        error.starts_with("r.txt, line 1: ") && !error.contains("secret"),
        "{error}"
    );
}
