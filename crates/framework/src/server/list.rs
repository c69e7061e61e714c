//! `List`: a page of AWS for each request, or less of it where less is asked for.

use super::process::Provider;
use crate::{
    error::{Error, Result},
    props::Failure,
    pulumirpc::{
        ListRequest,
        list_response::{Computed, Continuation, Response, Result as Item},
    },
    resource::Page,
    urn::Urn,
    value::Value,
    wire::from_struct,
};
use std::time::Duration;

/// The ids of objects, and a continuation unless they are the last: how many of the page were given, and AWS's token
/// for it.
pub(super) async fn list(provider: &Provider, request: ListRequest) -> Result<Vec<Response>> {
    let resource = provider.catalogue.resource(&request.token)?;
    if !resource.is_importable() {
        return Err(Error::failed(format!(
            "could not list {}: only the provider makes it, from other resources",
            request.token
        )));
    }
    let query = from_struct(request.query);
    if query.values().any(Value::has_unknown) {
        return Ok(vec![Response::Computed(Computed {})]);
    }
    if let Some(path) = query.into_keys().next() {
        let reason = "is not known; a list takes no inputs".to_owned();
        return Err(Error::Invalid(vec![Failure { path, reason }]));
    }
    let (mut given, mut token) = position(&request.continuation_token)?;
    let cx = provider.context(Urn::default(), &[], 0.0, Duration::from_secs(120));
    let cx = cx.await?;
    loop {
        let mut page = resource.list(&cx, token.clone()).await?;
        match page.next.take_if(|_| page.objects.len() <= given) {
            // A page may be empty, and others follow.
            Some(next) => (given, token) = (0, Some(next)),
            None => return Ok(part(page, given, token, (request.limit, request.page_size))),
        }
    }
}

/// What follows in the page at a token after the objects that were given, as far as a limit and a size go; 0 is none.
fn part(
    page: Page,
    given: usize,
    token: Option<String>,
    (limit, size): (i64, i64),
) -> Vec<Response> {
    let most = |asked: i64| usize::try_from(asked).ok().filter(|asked| *asked > 0);
    let (limit, size) = (most(limit), most(size));
    let most = limit.into_iter().chain(size).min().unwrap_or(usize::MAX);
    let rest = page.objects.len().saturating_sub(given);
    let next = match rest > most {
        _ if limit.is_some_and(|limit| rest >= limit && most == limit) => None,
        true => Some(format!("{}:{}", given + most, token.unwrap_or_default())),
        false => page.next.map(|next| format!("0:{next}")),
    };
    let rest = page.objects.into_iter().skip(given).take(most);
    let items = rest.map(|mut object| {
        Response::Result(Item {
            id: object.id,
            name: object.tags.remove("Name").unwrap_or_default(),
        })
    });
    let next =
        next.map(|continuation_token| Response::Continuation(Continuation { continuation_token }));
    items.chain(next).collect()
}

/// How many of a page were given, and AWS's token for the page.
fn position(continuation: &str) -> Result<(usize, Option<String>)> {
    if continuation.is_empty() {
        return Ok((0, None));
    }
    let parts = continuation.split_once(':');
    let position = parts.and_then(|(given, token)| {
        let token = (!token.is_empty()).then(|| token.to_owned());
        Some((given.parse().ok()?, token))
    });
    position.ok_or_else(|| {
        Error::failed(
            "could not list: the continuation token is not one of this provider; start without one",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Listed;
    use std::collections::BTreeMap;

    #[test]
    fn a_list_goes_on_where_it_stopped() {
        let page = |next: Option<&str>| Page {
            objects: (0..5)
                .map(|n| Listed {
                    id: format!("vpc-{n}"),
                    tags: BTreeMap::new(),
                })
                .collect(),
            next: next.map(str::to_owned),
        };
        let shown = |at: &str, asked, next| {
            let (given, token) = position(at).expect("a position");
            let answers = part(page(next), given, token, asked).into_iter();
            let texts = answers.map(|answer| match answer {
                Response::Result(item) => item.id,
                Response::Continuation(next) => next.continuation_token,
                Response::Computed(_) => "unknown".to_owned(),
            });
            texts.collect::<Vec<_>>().join(" ")
        };
        for (at, asked, next, expected) in [
            ("", (0, 0), None, "vpc-0 vpc-1 vpc-2 vpc-3 vpc-4"),
            ("", (0, 5), None, "vpc-0 vpc-1 vpc-2 vpc-3 vpc-4"),
            (
                "",
                (0, 5),
                Some("b:c"),
                "vpc-0 vpc-1 vpc-2 vpc-3 vpc-4 0:b:c",
            ),
            ("", (0, 2), Some("b"), "vpc-0 vpc-1 2:"),
            ("2:", (0, 2), Some("b"), "vpc-2 vpc-3 4:"),
            ("4:", (0, 2), Some("b"), "vpc-4 0:b"),
            ("0:b:c", (0, 4), None, "vpc-0 vpc-1 vpc-2 vpc-3 4:b:c"),
            ("", (3, 2), Some("b"), "vpc-0 vpc-1 2:"),
            ("2:", (1, 2), Some("b"), "vpc-2"),
            ("", (5, 0), Some("b"), "vpc-0 vpc-1 vpc-2 vpc-3 vpc-4"),
            ("", (9, 0), Some("b"), "vpc-0 vpc-1 vpc-2 vpc-3 vpc-4 0:b"),
            ("9:", (0, 0), None, ""),
        ] {
            assert_eq!(
                shown(at, asked, next),
                expected,
                "{at:?} {asked:?} {next:?}"
            );
        }
        assert!(position("b").is_err() && position("-1:b").is_err());
    }
}
