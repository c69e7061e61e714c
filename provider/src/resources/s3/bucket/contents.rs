//! What a bucket holds.

use crate::prelude::*;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::future::try_join_all;
use pulumi_aws_framework::{aws, context::Phase};

/// How many batches are deleted at a time; S3 lists and deletes 1000 keys in one.
const PARALLEL: usize = 4;

/// Deletes every version of every object, and the delete markers.
pub(super) async fn remove(cx: &Context, bucket: &str) -> Result<()> {
    let mut removed = 0;
    loop {
        // Listed anew after each round: what a marker for the next page names is gone then.
        let (batches, more) = list(cx, bucket).await?;
        removed += batches.iter().map(Vec::len).sum::<usize>();
        try_join_all(batches.into_iter().map(|batch| delete(cx, bucket, batch))).await?;
        if !more {
            return Ok(());
        }
        let state = format!("{removed} objects are gone");
        if cx.is_cancelled() {
            return Err(Error::Cancelled(format!(
                "emptying the bucket {bucket} ({state})"
            )));
        }
        cx.status(format!("deleting: {state}"));
    }
}

/// The first batches, and whether there is more.
async fn list(cx: &Context, bucket: &str) -> Result<(Vec<Vec<ObjectIdentifier>>, bool)> {
    let mut batches = Vec::new();
    let mut next = (None, None);
    loop {
        let list = cx.aws.s3().list_object_versions().bucket(bucket);
        let list = list.set_key_marker(next.0).set_version_id_marker(next.1);
        let page = list
            .send()
            .await
            .during(format!("list the objects of {bucket}"))?;
        let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
        let markers = page.delete_markers().iter();
        let markers = markers.map(|m| (m.key(), m.version_id()));
        let object = |(key, version): (Option<&str>, Option<&str>)| {
            let object = ObjectIdentifier::builder().key(key?);
            let object = object.set_version_id(version.map(str::to_owned));
            object.build().ok()
        };
        batches.push(versions.chain(markers).filter_map(object).collect());
        let more = page.is_truncated() == Some(true);
        if !more || batches.len() == PARALLEL {
            return Ok((batches, more));
        }
        next = (page.next_key_marker, page.next_version_id_marker);
    }
}

async fn delete(cx: &Context, bucket: &str, batch: Vec<ObjectIdentifier>) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let batch = Delete::builder().set_objects(Some(batch)).quiet(true);
    let batch = batch.build().map_err(|e| Error::Bug(e.to_string()))?;
    // An answer that succeeds tells of single keys that S3 was too busy for.
    cx.retry("deleting", Phase::Delete, async || {
        let delete = cx.aws.s3().delete_objects().bucket(bucket);
        let done = delete.delete(batch.clone()).send().await;
        let done = done.during(format!("delete the objects of {bucket}"))?;
        let Some(error) = done.errors().first() else {
            return Ok(());
        };
        let key = error.key().unwrap_or("an object");
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let what = format!("delete {key} of the bucket {bucket}");
        Err(aws::Error::from_batch_failure(what, text(error.code()), text(error.message())).into())
    })
    .await
}
