//! What a bucket holds.

use crate::prelude::*;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::{TryStreamExt, stream};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many batches are deleted at a time; S3 takes 1000 keys in one.
const PARALLEL: usize = 8;

/// Deletes every version of every object, and the delete markers.
pub(super) async fn remove(cx: &Context, bucket: &str) -> Result<()> {
    let removed = AtomicUsize::new(0);
    // Where the next page begins; `None` after the last.
    let pages = stream::try_unfold(Some((None, None)), |next| async {
        let Some((key, version)) = next else {
            return Ok(None);
        };
        let list = cx.aws.s3().list_object_versions().bucket(bucket);
        let list = list
            .set_key_marker(key)
            .set_version_id_marker(version)
            .send();
        let page = list.await.during(format!("list the objects of {bucket}"))?;
        let more = page.is_truncated() == Some(true);
        let next = (
            page.next_key_marker.clone(),
            page.next_version_id_marker.clone(),
        );
        Ok::<_, Error>(Some((page, more.then_some(next))))
    });
    pages
        .try_for_each_concurrent(PARALLEL, |page| {
            let removed = &removed;
            async move {
                let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
                let markers = page.delete_markers().iter();
                let markers = markers.map(|m| (m.key(), m.version_id()));
                let batch: Vec<_> = versions
                    .chain(markers)
                    .filter_map(|(key, version)| {
                        let object = ObjectIdentifier::builder().key(key?);
                        object
                            .set_version_id(version.map(str::to_owned))
                            .build()
                            .ok()
                    })
                    .collect();
                let count = batch.len();
                delete(cx, bucket, batch).await?;
                let before = removed.fetch_add(count, Ordering::Relaxed);
                cx.status(format!("deleting: {} objects are gone", before + count));
                Ok(())
            }
        })
        .await
}

async fn delete(cx: &Context, bucket: &str, batch: Vec<ObjectIdentifier>) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let batch = Delete::builder().set_objects(Some(batch)).quiet(true);
    let batch = batch.build().map_err(|e| Error::Bug(e.to_string()))?;
    let done = cx
        .aws
        .s3()
        .delete_objects()
        .bucket(bucket)
        .delete(batch)
        .send()
        .await
        .during(format!("delete the objects of {bucket}"))?;
    match done.errors().first() {
        None => Ok(()),
        Some(error) => Err(Error::failed(format!(
            "could not delete {} of the bucket {bucket}: {}: {}",
            error.key().unwrap_or("an object"),
            error.code().unwrap_or("no code"),
            error.message().unwrap_or("AWS gave no reason")
        ))),
    }
}
