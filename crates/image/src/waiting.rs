//! Work on threads of its own, which ends soon after nobody waits for it any more.

use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::{Arc, Weak},
};

use super::{Error, Result};

/// Whether somebody still waits for a piece of work.
#[derive(Clone, Debug)]
pub(super) struct Waiting(Weak<()>);

/// Does what reads or writes much where it holds up nobody else, until it is done or nobody waits for it.
pub(super) async fn while_awaited<T: Send + 'static>(
    work: impl FnOnce(&Waiting) -> Result<T> + Send + 'static,
) -> Result<T> {
    let here = Arc::new(());
    let waiting = Waiting(Arc::downgrade(&here));
    let done = blocking(move || work(&waiting)).await;
    drop(here);
    done
}

/// Does what reads, writes or compresses files where it holds up nobody else.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Io {
            action: "working on",
            path: "a layer".into(),
            source: io::Error::other(error),
        }),
    }
}

impl Waiting {
    /// A reader that fails once nobody waits.
    pub(super) fn read<R>(&self, inner: R) -> Awaited<R> {
        Awaited {
            inner,
            waiting: self.clone(),
        }
    }

    #[cfg(test)]
    pub(super) fn for_ever() -> Self {
        Self(Arc::downgrade(Box::leak(Box::default())))
    }
}

/// A reader that fails once nobody waits.
pub(super) struct Awaited<R> {
    inner: R,
    waiting: Waiting,
}

impl<R: Read> Read for Awaited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.waiting.0.strong_count() == 0 {
            return Err(io::Error::other("nobody waits for it any more"));
        }
        self.inner.read(buffer)
    }
}

impl<R: Seek> Seek for Awaited<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;
    use crate::Error;

    #[tokio::test(flavor = "multi_thread")]
    async fn work_ends_with_who_waits_for_it() {
        let (ended, end) = mpsc::channel();
        let endless = while_awaited(move |waiting| {
            let read = io::copy(&mut waiting.read(io::repeat(0)), &mut io::sink());
            ended.send(read.is_err()).unwrap();
            read.map_err(Error::io("reading", "zeros"))
        });
        let result = tokio::time::timeout(Duration::from_millis(20), endless).await;
        assert!(result.is_err(), "it goes on for as long as somebody waits");
        assert!(end.recv_timeout(Duration::from_secs(10)).unwrap());
    }
}
