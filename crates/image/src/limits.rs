//! The bounds of all that comes from outside: far above what real indexes, registries and projects hold.

use std::time::Duration;

/// How much of an answer is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

const fn limit(bytes: u64, minutes: u64) -> Limit {
    Limit {
        bytes,
        time: Duration::from_secs(60 * minutes),
    }
}

/// A package's page in an index: the largest of PyPI's has 21 MB.
pub(super) const PAGE: Limit = limit(128 << 20, 5);
/// A METADATA: most of one is the package's description.
pub(super) const METADATA: Limit = limit(16 << 20, 5);
/// A wheel: the largest of PyPI's have 1 GB.
pub(super) const WHEEL: Limit = limit(4 << 30, 60);
/// A manifest, an image's configuration, or a token.
pub(super) const DOCUMENT: Limit = limit(4 << 20, 2);
/// A layer of a base image.
pub(super) const LAYER: Limit = limit(10 << 30, 60);
/// What an answer says of a failure.
pub(super) const REFUSAL: Limit = limit(64 << 10, 1);

/// How long an answer may take to begin, and how long each next part of it.
pub(super) const SILENCE: Duration = Duration::from_secs(60);
/// How many bytes a second an answer must bring, once it has come for longer than [`SILENCE`].
pub(super) const RATE: u64 = 4 << 10;
/// How often an answer may lead elsewhere.
pub(super) const REDIRECTS: usize = 10;

/// The files on a package's page: the largest of PyPI's has 47,000.
pub(super) const FILES: usize = 500_000;
/// The attributes of an HTML tag.
pub(super) const ATTRIBUTES: usize = 64;
/// The characters of a file's name in an index.
pub(super) const FILE_NAME: usize = 255;
/// How many parts of a wheel are asked for to find its METADATA.
pub(super) const PARTS: usize = 64;

/// The bytes of a wheel's directory, of which each file takes some 100.
pub(super) const DIRECTORY: u64 = 64 << 20;
/// The bytes of a wheel's RECORD.
pub(super) const RECORD: u64 = 64 << 20;
/// The bytes of a path in a wheel.
pub(super) const PATH: usize = 1024;
/// The bytes that a layer holds once it is unpacked.
pub(super) const UNPACKED: u64 = 32 << 30;

/// The bytes of a requirements file.
pub(super) const REQUIREMENTS: u64 = 32 << 20;
/// How many requirements files one includes, directly or not.
pub(super) const INCLUDED: usize = 1_000;
/// How far requirements files include one another.
pub(super) const DEPTH: usize = 64;
/// The bytes of a requirement without its hashes.
pub(super) const REQUIREMENT: usize = 8 << 10;
/// The bytes of a text that a marker compares with.
pub(super) const LITERAL: usize = 1 << 10;
/// The parentheses in one another in a requirement's marker.
pub(super) const NESTING: usize = 64;
/// The bytes of all requirements of a wheel.
pub(super) const REQUIRES: usize = 1 << 20;
/// The decisions of one attempt to resolve requirements: the largest known take some thousands.
pub(super) const STEPS: usize = 100_000;
/// How long an attempt to resolve requirements takes: the longest known take a second.
pub(super) const ATTEMPT: Duration = Duration::from_secs(30);
/// The stack of an attempt.
pub(super) const STACK: usize = 256 << 20;
/// How long all attempts take, with what the indexes are asked in between.
pub(super) const RESOLUTION: Duration = Duration::from_secs(20 * 60);

/// The layers of a base image: Docker takes no more than 127.
pub(super) const LAYERS: usize = 500;
