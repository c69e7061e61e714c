//! Files read, hashed and looked into by several threads, ahead of the one that packs them.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    iter,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, Scope},
};

use sha2::{Digest, Sha256};

use super::{scan::Scan, tree::Entry};
use crate::{Error, Result};

/// How large files may be that are read as a whole, one or many together.
const MAX_BYTES: u64 = 1 << 20;
/// How many files are given on together.
const MAX_FILES: usize = 64;
/// How many threads read.
const MAX_THREADS: usize = 8;

/// A file that has been read.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) sha256: Vec<u8>,
}

/// Some entries, in their order.
pub(super) struct Batch<'a> {
    /// What is packed; the content only of files that are not large.
    pub(super) entries: Vec<(&'a str, &'a Entry, Option<Content>)>,
    /// What was found in these contents.
    pub(super) scan: Option<Scan<'a>>,
}

/// All entries in their order, read ahead of whoever takes them; looked into if there is a scan to begin with.
pub(super) fn batches<'scope, 'a: 'scope>(
    scope: &'scope Scope<'scope, '_>,
    entries: &'a BTreeMap<String, Entry>,
    scan: Option<Scan<'a>>,
) -> impl Iterator<Item = Result<Batch<'a>>> {
    let batches = together(entries);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(MAX_THREADS).min(batches.len().max(1));
    let mut shares: Vec<Vec<_>> = iter::repeat_with(Vec::new).take(threads).collect();
    for (number, batch) in batches.into_iter().enumerate() {
        shares[number % threads].push(batch);
    }
    let receivers: Vec<Receiver<_>> = shares
        .into_iter()
        .map(|share| {
            let scan = scan.as_ref().map(Scan::another);
            let (sender, receiver) = sync_channel(1);
            scope.spawn(move || read_all(share, scan.as_ref(), &sender));
            receiver
        })
        .collect();
    // each thread has one share after the other
    (0..).map_while(move |number: usize| receivers[number % threads].recv().ok())
}

type Together<'a> = Vec<(&'a str, &'a Entry, bool)>;

/// Entries as they are given on together, and which of them are not large.
fn together(entries: &BTreeMap<String, Entry>) -> Vec<Together<'_>> {
    let mut batches: Vec<Together<'_>> = vec![];
    let mut left = 0;
    for (name, entry) in entries {
        let size = match entry {
            Entry::File { size, .. } => *size,
            Entry::Link(_) | Entry::Directory => 0,
        };
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_FILES && size <= left => {
                left -= size;
                batch.push((name, entry, true));
            }
            _ => {
                left = MAX_BYTES.saturating_sub(size);
                batches.push(vec![(name, entry, size <= MAX_BYTES)]);
            }
        }
    }
    batches
}

fn read_all<'a>(
    share: Vec<Together<'a>>,
    scan: Option<&Scan<'a>>,
    sender: &SyncSender<Result<Batch<'a>>>,
) {
    for batch in share {
        // where nobody takes any more, one before has failed
        if sender.send(read(batch, scan.map(Scan::another))).is_err() {
            return;
        }
    }
}

fn read<'a>(batch: Together<'a>, mut scan: Option<Scan<'a>>) -> Result<Batch<'a>> {
    let mut content = |name, entry: &Entry| match entry {
        Entry::File { path, reads, .. } => {
            let mut bytes = vec![];
            let mut file = File::open(path)
                .map_err(Error::io("reading", path))?
                .take(MAX_BYTES + 1);
            file.read_to_end(&mut bytes)
                .map_err(Error::io("reading", path))?;
            if bytes.len() as u64 > MAX_BYTES {
                return Ok(None);
            }
            if let Some(scan) = &mut scan {
                scan.look(name, *reads, &bytes);
            }
            let sha256 = Sha256::digest(&bytes).to_vec();
            Ok(Some(Content { bytes, sha256 }))
        }
        Entry::Link(_) | Entry::Directory => Ok(None),
    };
    let entries = batch.into_iter().map(|(name, entry, small)| {
        let content = if small { content(name, entry)? } else { None };
        Ok((name, entry, content))
    });
    Ok(Batch {
        entries: entries.collect::<Result<_>>()?,
        scan,
    })
}
