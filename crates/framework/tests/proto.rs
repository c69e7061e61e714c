//! The plugin protocol: the generated code is current, and our text says what Pulumi's own SDK says.

use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use std::{collections::BTreeSet, fmt::Debug, fs, path::Path, process::Command};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Our files, compiled, with those of Google that they import.
fn ours() -> FileDescriptorSet {
    let files = fs::read_dir(format!("{ROOT}/proto/pulumi")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    protox::compile(files, [format!("{ROOT}/proto")]).unwrap()
}

#[test]
fn generated_code_is_current() {
    let files = ours();
    let mut bare = files.clone();
    bare.file
        .iter_mut()
        .for_each(|file| file.source_code_info = None);
    let dir = tempfile::tempdir().unwrap();
    tonic_prost_build::configure()
        .out_dir(dir.path())
        .compile_fds(files)
        .unwrap();
    let code = dir.path().join("pulumirpc.rs");
    let formatted = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .arg(&code)
        .status();
    assert!(formatted.unwrap().success());
    current("src/pulumirpc.rs", &fs::read(code).unwrap());
    current("src/pulumirpc.bin", &bare.encode_to_vec());
}

/// Fails when the committed file differs, or writes it when `UPDATE_EXPECT` is set.
fn current(file: &str, expected: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, expected).unwrap();
    }
    assert!(
        fs::read(&path).unwrap_or_default() == expected,
        "crates/framework/{file} is not what proto/ gives: run `UPDATE_EXPECT=1 cargo test --test proto`"
    );
}

#[test]
fn says_what_the_sdk_says() {
    let python = std::env::var("PULUMI_PYTHON").expect(
        "PULUMI_PYTHON names no Python with crates/framework/tests/requirements.txt: run `make test`",
    );
    let mut files = ours().file;
    files.retain(|file| file.package() == "pulumirpc");
    let dumped = Command::new(python)
        .arg(format!("{ROOT}/tests/descriptors.py"))
        .args(files.iter().map(FileDescriptorProto::name))
        .output()
        .unwrap();
    assert!(
        dumped.status.success(),
        "{}",
        String::from_utf8_lossy(&dumped.stderr)
    );
    let theirs = FileDescriptorSet::decode(&*dumped.stdout).unwrap();
    let (ours, theirs) = (facts(&files), facts(&theirs.file));
    let difference: Vec<_> = ours.symmetric_difference(&theirs).collect();
    assert!(
        difference.is_empty(),
        "ours and Pulumi's differ in {difference:#?}"
    );
}

/// Everything that the files declare, a line each.
fn facts(files: &[FileDescriptorProto]) -> BTreeSet<String> {
    let mut facts = Facts::default();
    for file in files {
        let name = file.name();
        facts.all(name, &file.dependency);
        facts.add(name, (file.package(), file.syntax()));
        facts.messages(name, &file.message_type);
        facts.enums(name, &file.enum_type);
        for service in &file.service {
            for method in &service.method {
                let mut method = method.clone();
                // Empty in Python's code, absent in ours.
                method.options = None;
                facts.add(&format!("{name} {}", service.name()), method);
            }
        }
    }
    facts.0
}

#[derive(Default)]
struct Facts(BTreeSet<String>);

impl Facts {
    fn add(&mut self, scope: &str, fact: impl Debug) {
        self.0.insert(format!("{scope} {fact:?}"));
    }

    fn all<T: Debug>(&mut self, scope: &str, facts: &[T]) {
        facts.iter().for_each(|fact| self.add(scope, fact));
    }

    fn messages(&mut self, scope: &str, messages: &[DescriptorProto]) {
        for message in messages {
            let scope = format!("{scope} {}", message.name());
            self.add(&scope, &message.options);
            for field in &message.field {
                // The name in JSON follows from the name, and protoc leaves it out of Python's code.
                let mut field = field.clone();
                field.json_name = None;
                self.add(&scope, field);
            }
            self.all(&scope, &message.oneof_decl);
            self.all(&scope, &message.reserved_range);
            self.all(&scope, &message.reserved_name);
            self.messages(&scope, &message.nested_type);
            self.enums(&scope, &message.enum_type);
        }
    }

    fn enums(&mut self, scope: &str, enums: &[EnumDescriptorProto]) {
        for each in enums {
            self.all(&format!("{scope} {}", each.name()), &each.value);
        }
    }
}
