//! What the SDKs of AWS's services have in common, though each has types of its own.

use pulumi_aws_framework::{
    context::Tags,
    error::{Error, Result},
    resource::Listed,
};

/// A tag of a service.
pub(crate) trait Tag: Sized {
    /// The tag of a key and a value, which every service takes.
    fn of(key: String, value: String) -> Option<Self>;
    /// The key and the value.
    fn pair(&self) -> Option<(&str, &str)>;
}

/// The tags of a new object.
pub(crate) fn to_tags<T: Tag>(tags: Tags) -> Vec<T> {
    tags.into_iter().filter_map(|(k, v)| T::of(k, v)).collect()
}

/// The tags of a described object.
pub(crate) fn from_tags<T: Tag>(tags: &[T]) -> Tags {
    let pairs = tags.iter().filter_map(Tag::pair);
    pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

macro_rules! loose {
    ($($sdk:ident)*) => {$(
        impl Tag for $sdk::types::Tag {
            fn of(key: String, value: String) -> Option<Self> {
                Some(Self::builder().key(key).value(value).build())
            }
            fn pair(&self) -> Option<(&str, &str)> {
                Some((self.key()?, self.value().unwrap_or_default()))
            }
        }
    )*};
}
loose!(aws_sdk_cloudwatch aws_sdk_ec2 aws_sdk_ecs aws_sdk_rds aws_sdk_secretsmanager aws_sdk_sfn);

macro_rules! strict {
    ($($sdk:ident)*) => {$(
        impl Tag for $sdk::types::Tag {
            fn of(key: String, value: String) -> Option<Self> {
                Self::builder().key(key).value(value).build().ok()
            }
            fn pair(&self) -> Option<(&str, &str)> {
                Some((self.key(), self.value()))
            }
        }
    )*};
}
strict!(aws_sdk_dynamodb aws_sdk_ecr aws_sdk_eventbridge aws_sdk_iam aws_sdk_s3 aws_sdk_sns);

/// `Retag`, how the tags of a service's objects change: its client, its two calls, what in them is the object and which of
/// [`Tagged`](pulumi_aws_framework::resource::Tagged) that is, and the tags as the first call takes them.
macro_rules! retag {
    ($client:ident, $tag:ident, $untag:ident, $object:ident = $of:ident, $tags:expr) => {
        #[doc(hidden)]
        #[derive(Debug)]
        pub struct Retag;

        impl pulumi_aws_framework::resource::Tagging for Retag {
            async fn change(
                cx: &Context,
                object: pulumi_aws_framework::resource::Tagged<'_>,
                set: Tags,
                removed: Vec<String>,
            ) -> Result<()> {
                let (aws, of) = (cx.aws.$client(), object.$of);
                // In this order: a key that changes in case alone is one key to IAM.
                if !removed.is_empty() {
                    let untag = aws.$untag().$object(of).set_tag_keys(Some(removed));
                    untag.send().await.during(format!("untag {of}"))?;
                }
                if !set.is_empty() {
                    let tags: fn(Tags) -> _ = $tags;
                    let tag = aws.$tag().$object(of).set_tags(Some(tags(set)));
                    tag.send().await.during(format!("tag {of}"))?;
                }
                Ok(())
            }
        }
    };
}
pub(crate) use retag;

/// `list` of a service: its client and call, what the call takes besides, its token and, where it filters as EC2 does, its
/// filters; the list in the answer, and of an object in it the id and, where the call tells them, the tags.
macro_rules! list {
    (
        $client:ident.$call:ident $(($key:ident = $value:expr))? [$token:ident, $set:ident $(, $filters:ident)?].$all:ident,
        |$each:ident| $id:expr $(, $tags:expr)?
    ) => {
        async fn list(
            cx: &Context,
            _filters: &[pulumi_aws_framework::resource::Filter],
            token: Option<String>,
        ) -> Result<Page> {
            let call = cx.aws.$client().$call().$set(token)$(.$key($value))?;
            $(let call = call.$filters(crate::resources::ec2::filters(_filters));)?
            let found = call.send().await.during(format!("list {}", Self::TOKEN))?;
            let listed = found.$all().iter().filter_map(|$each| {
                crate::resources::sdk::listed($id, [$(from_tags($tags))?])
            });
            let objects = listed.collect();
            Ok(Page { objects, next: found.$token })
        }
    };
}
pub(crate) use list;

/// An object in a list, with the tags that the list shows.
pub(crate) fn listed<'a>(
    id: impl Into<Option<&'a str>>,
    tags: impl IntoIterator<Item = Tags>,
) -> Option<Listed> {
    Some(Listed {
        id: id.into()?.to_owned(),
        tags: tags.into_iter().flatten().collect(),
    })
}

/// Refuses to import what has parts that no property here is for: an update could take them away.
pub(crate) fn importable(
    what: &str,
    parts: impl IntoIterator<Item = (&'static str, bool)>,
) -> Result<()> {
    let there = parts
        .into_iter()
        .filter_map(|(part, is)| is.then_some(part));
    let there: Vec<_> = there.collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(Error::failed(format!(
        "could not import {what}: it has {}, for which there is no property here, so that an update could remove it; manage it where it was made",
        there.join(", ")
    )))
}

/// What AWS says where it may have nothing: absent if it is empty, unless that was given.
pub(crate) fn kept<T: Default + PartialEq>(read: T, known: Option<&Option<T>>) -> Option<T> {
    (read != T::default() || known.is_some_and(Option::is_some)).then_some(read)
}
