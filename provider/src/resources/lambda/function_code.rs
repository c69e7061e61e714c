//! The code of a function: text files, and the archive that AWS takes.

use crate::prelude::*;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};
use std::io::{Cursor, Write};
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

pub(super) type Files = BTreeMap<String, String>;

/// The most bytes of all files together.
const MOST: usize = 1_048_576;
const MOST_FILES: usize = 100;

/// What is wrong with files.
pub(super) fn check(files: &Files) -> Result<(), String> {
    if files.is_empty() {
        return Err("has no file; give at least the one that the handler names".to_owned());
    }
    if files.len() > MOST_FILES {
        let number = files.len();
        return Err(format!(
            "has {number} files; at most {MOST_FILES} are allowed"
        ));
    }
    for name in files.keys() {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let part = |part: &str| !["", ".", ".."].contains(&part);
        if name.len() > 200 || !name.chars().all(fits) || !name.split('/').all(part) {
            return Err(format!(
                "{name:?} is not the path of a file such as src/main.py, of at most 200 letters, digits and \"-_./\""
            ));
        }
        let within = |other: &String| other.starts_with(&format!("{name}/"));
        if files.keys().any(within) {
            return Err(format!("{name:?} is a file, and the folder of another"));
        }
    }
    match files.values().map(String::len).sum::<usize>() {
        bytes if bytes > MOST => Err(format!("has {bytes} bytes; at most {MOST} are allowed")),
        _ => Ok(()),
    }
}

/// The archive of files: the same bytes for the same files, so that AWS's digest tells whether it has them.
pub(super) fn archive(files: &Files) -> Result<Vec<u8>> {
    let write = || {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        for (name, text) in files {
            zip.start_file(name.as_str(), options)?;
            zip.write_all(text.as_bytes())?;
        }
        Ok::<_, ZipError>(zip.finish()?.into_inner())
    };
    write().map_err(|e| Error::Bug(format!("could not make an archive of code: {e}")))
}

/// The archive's digest, as AWS shows it.
pub(super) fn digest(archive: &[u8]) -> String {
    BASE64.encode(&Sha256::digest(archive))
}

#[cfg(test)]
mod tests {
    use super::{Files, archive, digest};
    use std::io::{Cursor, Read};
    use zip::ZipArchive;

    fn files(all: &[(&str, &str)]) -> Files {
        all.iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn an_archive_has_the_files_and_is_the_same_each_time() {
        let code = files(&[("main.py", "import lib.a\n"), ("lib/a.py", "A = 'é'\n")]);
        let bytes = archive(&code).expect("archives");
        assert_eq!(bytes, archive(&code.clone()).expect("archives"));
        let mut read = ZipArchive::new(Cursor::new(&bytes)).expect("is an archive");
        let mut found = Files::new();
        for index in 0..read.len() {
            let mut file = read.by_index(index).expect("has it");
            assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o644));
            let name = file.name().expect("is text").into_owned();
            let mut text = String::new();
            file.read_to_string(&mut text).expect("is text");
            found.insert(name, text);
        }
        assert_eq!(found, code);
        // Another would be a change of every function that there is.
        assert_eq!(
            digest(&bytes),
            "CX5A2gXDB1sTfJT4n+O2e1cRX4MLcrL2HVW3fz2fjZA="
        );
    }
}
