//! What comes of registrations.

use super::*;
use crate::prelude::{Context, Created, State};

/// A lamp, which is on or off.
struct Lamp<const ON: bool>;

/// A lamp is made of nothing.
#[derive(Clone, Props)]
struct LampInputs {}

/// A lamp answers nothing.
#[derive(Clone, Props)]
struct LampOutputs {}

impl<const ON: bool> CustomResource for Lamp<ON> {
    const TOKEN: &'static str = if ON { "acme:lamp:On" } else { "acme:lamp:Off" };
    const DOC: &'static str = "A lamp.";
    type Inputs = LampInputs;
    type Outputs = LampOutputs;
    type Tagging = crate::resource::Untagged;

    async fn create(_: &Context, _: &LampInputs) -> Result<Created<Self>> {
        Ok("lamp".into())
    }

    async fn read(_: &Context, _: &str, _: Option<&LampInputs>) -> Result<Option<State<Self>>> {
        Ok(None)
    }

    async fn delete(_: &Context, _: &str, _: &State<Self>) -> Result<()> {
        Ok(())
    }
}

struct Refusing;

impl Monitor for Refusing {
    fn register(&self, registration: Registration) -> BoxFuture<'_, Registered> {
        let reason =
            (registration.token == Lamp::<true>::TOKEN).then(|| "no such provider".to_owned());
        std::future::ready(Registered::failed(reason)).boxed()
    }
}

#[tokio::test]
async fn what_the_engine_refuses_says_why() {
    let scope = Scope::new(
        "acme",
        ("shop", &"urn:shop".into()),
        false,
        Arc::new(Refusing),
        Reads::default(),
    );
    scope.child::<Lamp<true>>("on", Default::default());
    scope.child::<Lamp<false>>("off", Default::default());
    let error = scope.finish().await.expect_err("fails").to_string();
    assert_eq!(
        error,
        "3 of the resources of shop could not be made or were skipped (shop-seed, shop-on: no such provider, \
         shop-off); see their own messages"
    );
}
