//! What AWS lists of a kind, and what follows from it.

use super::{Created, CustomResource, State};
use crate::{
    context::{Context, Tags},
    error::{Error, Gone, Result},
    props::Props,
};
use futures::future::try_join_all;

/// An object as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The id that the state has.
    pub id: String,
    /// Its tags, as far as the list shows them.
    pub tags: Tags,
}

/// A part of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Listed>,
    /// AWS's token for what follows.
    pub next: Option<String>,
}

/// A condition on an object, as EC2 takes it: the name of what is compared, such as `vpc-id` or `tag:team`, and a value, in
/// which `*` stands for any text.
pub type Filter = (String, String);

impl<R: CustomResource> Created<R> {
    /// What an interrupted create of this very resource and generation left, for a kind of which AWS would make a second
    /// one. Found by the marker.
    ///
    /// # Errors
    /// AWS refuses to list.
    pub async fn interrupted(cx: &Context) -> Result<Option<Self>> {
        let key = cx.identity.marker_key();
        let marker = cx.identity.marker();
        let ours = |each: &Listed| each.tags.get(&key) == Some(&marker);
        let found = list::<R>(cx, &[cx.identity.marked()], ours).await?;
        Ok(found.into_iter().next().map(Self::Adopted))
    }
}

/// The ids of the listed objects that fit. A service that cannot filter lists all.
///
/// # Errors
/// AWS refuses to list.
pub async fn list<R: CustomResource>(
    cx: &Context,
    filters: &[Filter],
    fits: impl Fn(&Listed) -> bool,
) -> Result<Vec<String>> {
    let (mut ids, mut token) = (Vec::new(), None);
    loop {
        let page = page::<R>(cx, filters, token).await?;
        let fitting = page.objects.into_iter().filter(&fits);
        ids.extend(fitting.map(|each| each.id));
        match page.next {
            Some(next) => token = Some(next),
            None => return Ok(ids),
        }
    }
}

/// The part of a list at a token.
pub(super) async fn page<R: CustomResource>(
    cx: &Context,
    filters: &[Filter],
    token: Option<String>,
) -> Result<Page> {
    let listed = R::list(cx, filters, token.clone());
    let mut page = cx.in_time("listing", Box::pin(listed)).await?;
    // A token that leads nowhere ends a list.
    page.next
        .take_if(|next| next.is_empty() || token.as_ref() == Some(next));
    Ok(page)
}

/// The ids of the objects that were made with the seed of `cx.identity` and are still there.
pub(super) async fn orphans<R: CustomResource>(cx: &Context) -> Result<Vec<String>> {
    let ours = |each: &Listed| cx.identity.named(&each.id) || cx.identity.shares_seed(&each.tags);
    let found = list::<R>(cx, &[cx.identity.seeded()], ours).await?;
    // Lists of AWS show for a while what has gone, and SQS's reads do so too.
    let found = found
        .into_iter()
        .filter(|id| !cx.ledger.is_gone(R::TOKEN, id));
    let taggable = R::Inputs::table().field("tags").is_some();
    let looks = found.map(|id| async move {
        let read = cx.in_time("reading", Box::pin(R::read(cx, &id, None)));
        let read = read.await.gone()?.flatten();
        // What was retained on delete has lost its marker.
        let marked = |state: &State<R>| {
            let tags = state.inputs.tags();
            !taggable || tags.is_some_and(|tags| cx.identity.shares_seed(tags))
        };
        Ok::<_, Error>(read.filter(marked).map(|_| id))
    });
    let there = try_join_all(looks).await?;
    Ok(there.into_iter().flatten().collect())
}
