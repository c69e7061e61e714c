use std::io::Cursor;

use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::Digest;

const PYTHON: Python = Python { minor: 12 };

/// A wheel with these files, a WHEEL, and a RECORD of the right hashes.
pub(crate) fn wheel(info: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let about = format!("{info}/WHEEL");
    let mut files = files.to_vec();
    if !files.iter().any(|(path, _)| *path == about) {
        files.push((&about, "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"));
    }
    let hash = |content: &str| {
        data_encoding::BASE64URL_NOPAD.encode(Digest::of(content.as_bytes()).bytes())
    };
    let record: String = files
        .iter()
        .map(|(path, content)| format!("{path},sha256={},{}\n", hash(content), content.len()))
        .collect();
    let record = format!("{record}{info}/RECORD,,\n");
    let path = format!("{info}/RECORD");
    files.push((&path, &record));
    zip(&files)
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        let mode = if path.contains("/bin/") { 0o775 } else { 0o664 };
        let options = SimpleFileOptions::default().unix_permissions(mode);
        zip.start_file(*path, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn unpacked(wheels: &[Vec<u8>]) -> Result<Vec<(String, String)>, String> {
    let directory = tempfile::tempdir().unwrap();
    let write = |(number, content): (usize, &Vec<u8>)| {
        let path = directory.path().join(number.to_string());
        std::fs::write(&path, content).unwrap();
        Wheel {
            file: format!("{number}.whl"),
            path,
        }
    };
    let wheels: Vec<Wheel> = wheels.iter().enumerate().map(write).collect();
    let mut archive = Archive::new(Vec::new());
    unpack(&wheels, "opt/dbt", &mut archive, &Waiting::for_ever())
        .map_err(|error| error.to_string())?;
    let (bytes, _) = archive.finish().unwrap();
    let mut files = Vec::new();
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        if entry.header().entry_type().is_file() && !path.contains(".dist-info/") {
            files.push((path, content));
        }
    }
    Ok(files)
}

#[test]
fn data_directories_go_where_they_belong() {
    let files = unpacked(&[wheel(
        "a-1.dist-info",
        &[
            ("z.py", "z"),
            ("a/__init__.py", "a"),
            ("a/__pycache__/x.pyc", ""),
            ("a-1.data/purelib/b.py", "b"),
            ("a-1.data/data/share/c", "c"),
            ("a-1.data/scripts/run", "#!python"),
            ("a-1.data/scripts/dbt", "\x7fELF"),
        ],
    )]);
    let expected = [
        ("a/__init__.py", "a"),
        ("b.py", "b"),
        ("bin/dbt", "\x7fELF"),
        ("share/c", "c"),
        ("z.py", "z"),
    ];
    assert_eq!(
        files.unwrap(),
        expected.map(|(path, content)| (format!("opt/dbt/{path}"), content.to_owned()))
    );
}

#[test]
fn what_a_wheel_says_can_be_run_can_be() {
    let mut archive = Archive::new(Vec::new());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.whl");
    let content = wheel("a-1.dist-info", &[("a/bin/tool", "x"), ("a/b.py", "y")]);
    std::fs::write(&path, content).unwrap();
    let wheel = Wheel {
        file: "a.whl".into(),
        path,
    };
    unpack(&[wheel], "opt/dbt", &mut archive, &Waiting::for_ever()).unwrap();
    let (bytes, _) = archive.finish().unwrap();
    let mut tar = tar::Archive::new(&bytes[..]);
    let modes: Vec<_> = tar
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            (path, entry.header().mode().unwrap())
        })
        .filter(|(path, _)| path.contains("/a/") && !path.ends_with('/'))
        .collect();
    let expected = [("opt/dbt/a/b.py", 0o644), ("opt/dbt/a/bin/tool", 0o755)];
    assert_eq!(modes, expected.map(|(path, mode)| (path.to_owned(), mode)));
}

#[test]
fn the_later_wheel_has_the_last_word() {
    let wheels = [
        wheel("a-1.dist-info", &[("n/__init__.py", "a")]),
        wheel("b-1.dist-info", &[("n/__init__.py", "b")]),
    ];
    assert_eq!(
        unpacked(&wheels).unwrap(),
        [("opt/dbt/n/__init__.py".to_owned(), "b".to_owned())]
    );
}

#[track_caller]
fn refused(wheel: Vec<u8>, expected: &str) {
    let error = unpacked(&[wheel]).unwrap_err();
    assert!(
        error.starts_with("the wheel 0.whl was refused: ") && error.contains(expected),
        "{error}"
    );
}

#[test]
fn paths_that_leave_the_directory_are_refused() {
    for path in [
        "../x",
        "a/../../x",
        "/etc/x",
        "a//x",
        "a\\..\\x",
        "c:x",
        "a-1.data/purelib/../../x",
    ] {
        refused(
            wheel("a-1.dist-info", &[(path, "x")]),
            "could be written outside its directory",
        );
    }
    let mut link = ZipWriter::new(Cursor::new(Vec::new()));
    link.add_symlink("x", "/etc/passwd", SimpleFileOptions::default())
        .unwrap();
    refused(
        link.finish().unwrap().into_inner(),
        "could be written outside its directory",
    );
}

#[test]
fn files_must_be_those_of_the_record() {
    let about = ("a-1.dist-info/WHEEL", "Wheel-Version: 1.0\n");
    let record = |hash: &str| {
        let about = data_encoding::BASE64URL_NOPAD.encode(Digest::of(about.1.as_bytes()).bytes());
        format!("a.py,{hash},1\na-1.dist-info/WHEEL,sha256={about},1\n")
    };
    let wrong = format!("sha256={}", data_encoding::BASE64URL_NOPAD.encode(&[7; 32]));
    for (hash, expected) in [
        (wrong.as_str(), "a.py is not the file that its RECORD lists"),
        ("", "no SHA-256 for a.py"),
    ] {
        refused(
            zip(&[
                ("a.py", "x"),
                about,
                ("a-1.dist-info/RECORD", &record(hash)),
            ]),
            expected,
        );
    }
    refused(zip(&[("a.py", "x"), about]), "RECORD");
    refused(zip(&[("a.py", "x")]), "exactly one .dist-info");
    refused(
        wheel(
            "a-1.dist-info",
            &[("a-1.dist-info/WHEEL", "Wheel-Version: 2.0\n")],
        ),
        "only version 1",
    );
    refused(b"no zip".to_vec(), "");
}

#[test]
fn the_best_wheel_is_the_one_that_pip_takes() {
    let order = [
        "a-1-cp312-cp312-manylinux_2_28_x86_64.whl",
        "a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1-cp312-abi3-manylinux2014_x86_64.whl",
        "a-1-cp39-abi3-manylinux2014_x86_64.whl",
        "a-1-cp312-none-any.whl",
        "a-1-py3-none-manylinux1_x86_64.whl",
        "a-1-2-py3-none-any.whl",
        "a-1-py2.py3-none-any.whl",
    ];
    let fit = |file: &str| WheelName::parse(file).unwrap().fit(PYTHON, Platform::Amd64);
    for pair in order.windows(2) {
        assert!(fit(pair[0]).unwrap() > fit(pair[1]).unwrap(), "{pair:?}");
    }
    for file in [
        "a-1-cp311-cp311-manylinux_2_17_x86_64.whl",
        "a-1-cp313-abi3-manylinux_2_17_x86_64.whl",
        "a-1-cp312-cp312-manylinux_2_39_x86_64.whl",
        "a-1-cp312-cp312-manylinux_2_17_aarch64.whl",
        "a-1-cp312-cp312-musllinux_1_2_x86_64.whl",
        "a-1-cp312-cp312-macosx_11_0_arm64.whl",
        "a-1-cp312-cp312t-manylinux_2_17_x86_64.whl",
        "a-1-py2-none-any.whl",
    ] {
        assert!(fit(file).is_none(), "{file}");
    }
    assert!(WheelName::parse("a-1.tar.gz").is_none() && WheelName::parse("a-1-any.whl").is_none());
}

#[test]
fn a_directory_without_end_is_not_read() {
    let mut content = zip(&[("a.py", "x")]);
    let end = content.len() - 22;
    let start = u32::from_le_bytes(content[end + 16..end + 20].try_into().unwrap()) as usize;
    let entry = content[start..end].to_vec();
    let tail = content.split_off(end);
    let count = 2_000_000_usize;
    for _ in 1..count {
        content.extend_from_slice(&entry);
    }
    // the end of a zip of more than 65,535 files
    let (directory, place) = ((content.len() - start) as u64, content.len() as u64);
    content.extend(0x0606_4b50_u32.to_le_bytes());
    content.extend(44_u64.to_le_bytes());
    content.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    content.extend((count as u64).to_le_bytes());
    content.extend((count as u64).to_le_bytes());
    content.extend(directory.to_le_bytes());
    content.extend((start as u64).to_le_bytes());
    content.extend(0x0706_4b50_u32.to_le_bytes());
    content.extend(0_u32.to_le_bytes());
    content.extend(place.to_le_bytes());
    content.extend(1_u32.to_le_bytes());
    let mut tail = tail;
    tail[8..20].fill(0xff);
    content.extend(tail);
    let error = open(Cursor::new(content)).err().unwrap();
    assert!(
        error.contains("its directory is larger than that of any wheel"),
        "{error}"
    );
}

#[test]
fn names_that_harm_a_terminal_are_refused() {
    for path in [
        "a\x1b[2J.py",
        "a\nb",
        "a\u{9b}x",
        &"x".repeat(300),
        &"x/".repeat(600),
    ] {
        refused(
            wheel("a-1.dist-info", &[(path, "x")]),
            "could be written outside its directory",
        );
    }
}
