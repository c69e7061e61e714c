//! All that a package has.

use crate::{
    component::{DynamicComponent, seed},
    context::{Context, Orphans},
    error::{Error, Result},
    function::DynamicFunction,
    package::Package,
    resource::DynamicResource,
};
use futures::{
    FutureExt,
    future::{BoxFuture, join_all},
};

/// A package with all its kinds of components, resources and functions.
pub struct Catalogue {
    /// The package.
    pub package: Package,
    /// The components.
    pub components: Vec<Box<dyn DynamicComponent>>,
    /// The resources that a program can use.
    pub resources: Vec<Box<dyn DynamicResource>>,
    /// The functions.
    pub functions: Vec<Box<dyn DynamicFunction>>,
    seed: Box<dyn DynamicResource>,
}

impl Catalogue {
    /// A package that has nothing yet.
    #[must_use]
    pub fn new(package: Package) -> Self {
        Self {
            seed: seed::erased(package.name),
            package,
            components: Vec::new(),
            resources: Vec::new(),
            functions: Vec::new(),
        }
    }

    /// The kind of component of that token.
    #[must_use]
    pub fn component(&self, token: &str) -> Option<&dyn DynamicComponent> {
        let found = self.components.iter().find(|c| c.token() == token);
        found.map(AsRef::as_ref)
    }

    /// The kind of resource of that token.
    ///
    /// # Errors
    /// There is none.
    pub fn resource(&self, token: &str) -> Result<&dyn DynamicResource> {
        let all = self.resources.iter().chain([&self.seed]);
        let found = all.map(AsRef::as_ref).find(|r| r.token() == token);
        found.ok_or_else(|| {
            let Package { name, version, .. } = self.package;
            Error::failed(format!(
                "{token} is not a resource of {name} {version}; see its list of resources"
            ))
        })
    }

    /// The function of that token.
    #[must_use]
    pub fn function(&self, token: &str) -> Option<&dyn DynamicFunction> {
        let found = self.functions.iter().find(|f| f.token() == token);
        found.map(AsRef::as_ref)
    }
}

impl Orphans for Catalogue {
    fn list<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, (Vec<String>, Vec<Error>)> {
        let mut parents = cx.identity.urn.type_tokens();
        let component = parents.find_map(|token| self.component(token));
        let kinds = component
            .map(DynamicComponent::may_orphan)
            .unwrap_or_default();
        let all = self.resources.iter();
        let looks = all
            .filter(|r| kinds.contains(&r.token()))
            .map(|resource| async {
                let (_, kind) = resource.token().split_once(':').unwrap_or_default();
                let ids = resource.list_orphans(cx).await?.into_iter();
                Ok::<_, Error>(ids.map(|id| format!("{kind} {id}")).collect::<Vec<_>>())
            });
        let looks = join_all(looks.collect::<Vec<_>>());
        async {
            let (mut left, mut unknown) = (Vec::new(), Vec::new());
            for found in looks.await {
                match found {
                    Ok(ids) => left.extend(ids),
                    Err(error) => unknown.push(error),
                }
            }
            (left, unknown)
        }
        .boxed()
    }
}
