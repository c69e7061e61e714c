//! What a file of a resource or component needs.

pub use crate::{
    aws::During,
    context::{Context, Progress, Tags},
    error::{Error, Gone, Result},
    formats,
    handle::Handle,
    identity::Naming,
    output::Output,
    props::{Cidr, Failure, Json, Payload, Property, Props, SecretText, Set, check::Check},
    resource::{
        CheckScope, Created, CustomResource, Filter, Form, Given, Ids, Listed, Page, State, Tagged,
        Tagging, Untagged,
    },
    value::{Properties, Value},
    words,
};
pub use std::{collections::BTreeMap, time::Duration};
