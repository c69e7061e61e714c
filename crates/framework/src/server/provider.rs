//! The RPCs.

use super::{
    process::{Provider, text},
    status,
};
use crate::{
    aws::{Configuration, ambient_region, no_region, unquoted, unusable},
    context::{Log, Severity},
    error::Error,
    identity::ProcessLedger,
    props::{
        Failure, Props,
        diff::{Kind, changes},
    },
    pulumirpc::{self as rpc, resource_provider_server::ResourceProvider},
    reads::Reads,
    resource::{CheckScope, DEFAULT_TAGS, GENERATION, mark_secrets},
    schema,
    urn::Urn,
    value::{Properties, Value},
    wire::{from_struct, to_struct},
};
use futures::{TryFutureExt, stream::Iter};
use std::{
    collections::{BTreeMap, BTreeSet},
    vec::IntoIter,
};
use tokio::task::block_in_place;
use tonic::{Request, Response, Status};

type Reply<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl ResourceProvider for Provider {
    async fn handshake(
        &self,
        _: Request<rpc::ProviderHandshakeRequest>,
    ) -> Reply<rpc::ProviderHandshakeResponse> {
        Ok(Response::new(rpc::ProviderHandshakeResponse {
            accept_secrets: true,
            accept_resources: true,
            accept_outputs: true,
            ..Default::default()
        }))
    }

    async fn get_plugin_info(&self, _: Request<()>) -> Reply<rpc::PluginInfo> {
        Ok(Response::new(rpc::PluginInfo {
            version: self.catalogue.package.version.to_owned(),
        }))
    }

    async fn get_schema(
        &self,
        request: Request<rpc::GetSchemaRequest>,
    ) -> Reply<rpc::GetSchemaResponse> {
        let version = request.into_inner().version;
        if version != 0 {
            return Err(Status::invalid_argument(format!(
                "schema version {version} is not known; ask for version 0"
            )));
        }
        let schema = serde_json::to_string(&schema::package(&self.catalogue))
            .map_err(|e| Error::Bug(e.to_string()))?;
        Ok(Response::new(rpc::GetSchemaResponse { schema }))
    }

    async fn check_config(&self, request: Request<rpc::CheckRequest>) -> Reply<rpc::CheckResponse> {
        let request = request.into_inner();
        let (olds, mut news) = (from_struct(request.olds), from_struct(request.news));
        let mut found = Vec::new();
        if news.get("region").is_none_or(Value::is_null) {
            // The old region stays when none is set: another AWS_REGION in the shell must not replace everything.
            let profile = news.get("profile").and_then(Value::as_str);
            let region = match olds.get("region") {
                Some(old) => Some(old.clone()),
                None => ambient_region(profile).await.map(Value::String),
            };
            match region {
                Some(region) => drop(news.insert("region".to_owned(), region)),
                None => found.push(no_region(self.catalogue.package.name)),
            }
        }
        let mut known = news.clone();
        known.remove("version");
        found.extend(Configuration::failures(&self.catalogue.package, &known));
        found.extend(unusable(&known).await);
        mark_secrets(Configuration::table(), &mut news);
        Ok(Response::new(checked(&news, found)))
    }

    async fn diff_config(&self, request: Request<rpc::DiffRequest>) -> Reply<rpc::DiffResponse> {
        let request = request.into_inner();
        let table = Configuration::table();
        let [old, new] =
            [request.old_inputs, request.news].map(|wire| unquoted(table, &from_struct(wire)));
        let mut found = changes(table, &old, &new);
        // A provider that `pulumi import` made has no region yet: the resources know theirs.
        let moved = old.contains_key("region");
        for change in &mut found {
            change.replace = moved && change.name == "region";
        }
        Ok(Response::new(diffed(crate::resource::Diffed {
            changes: found,
            ..Default::default()
        })))
    }

    async fn configure(
        &self,
        request: Request<rpc::ConfigureRequest>,
    ) -> Reply<rpc::ConfigureResponse> {
        Provider::configure(self, request.into_inner()).await?;
        Ok(Response::new(rpc::ConfigureResponse {
            accept_secrets: true,
            supports_preview: true,
            accept_resources: true,
            accept_outputs: true,
            ..Default::default()
        }))
    }

    async fn check(&self, request: Request<rpc::CheckRequest>) -> Reply<rpc::CheckResponse> {
        let _call = self.calls.begin();
        let request = request.into_inner();
        let urn = Urn::from(request.urn);
        let resource = self.catalogue.resource(urn.token())?;
        let configured = self.configured()?;
        let (olds, news) = (from_struct(request.olds), from_struct(request.news));
        let news = resource.tables().0.without_nulls(news);
        let scope = CheckScope {
            urn: &urn,
            provider_id: configured.id.as_deref(),
            region: configured.aws.region(),
            ledger: &configured.ledger,
            default_tags: &configured.default_tags,
            reads: &Reads::default(),
            rehearsal: false,
        };
        // As a preview, a check may read files.
        let found = block_in_place(|| resource.check(&scope, &olds, news));
        for warning in &found.warnings {
            self.engine().log(&urn, Severity::Warning, warning, false);
        }
        Ok(Response::new(checked(&found.inputs, found.failures)))
    }

    async fn diff(&self, request: Request<rpc::DiffRequest>) -> Reply<rpc::DiffResponse> {
        let _call = self.calls.begin();
        let request = request.into_inner();
        let urn = Urn::from(request.urn);
        let resource = self.catalogue.resource(urn.token())?;
        let (old_inputs, olds) = (from_struct(request.old_inputs), from_struct(request.olds));
        let news = from_struct(request.news);
        note_generation(&self.configured()?.ledger, &urn, &old_inputs);
        let found = resource.diff(&old_inputs, &olds, &news, &request.ignore_changes);
        if let Some((severity, remark)) = &found.remark {
            self.engine().log(&urn, *severity, remark, false);
        }
        Ok(Response::new(diffed(found)))
    }

    async fn create(&self, request: Request<rpc::CreateRequest>) -> Reply<rpc::CreateResponse> {
        let _call = self.calls.begin();
        let request = request.into_inner();
        let urn = Urn::from(request.urn);
        let resource = self.catalogue.resource(urn.token())?;
        let inputs = from_struct(request.properties);
        if request.preview {
            let properties = block_in_place(|| resource.preview_create(&inputs));
            return Ok(Response::new(rpc::CreateResponse {
                properties: Some(to_struct(&properties)),
                ..Default::default()
            }));
        }
        let cx = self
            .context(urn, &[&inputs], request.timeout, resource.timeout())
            .await?;
        let (id, properties) = resource
            .create(&cx, inputs)
            .await
            .map_err(status::partial)?;
        Ok(Response::new(rpc::CreateResponse {
            id,
            properties: Some(to_struct(&properties)),
            ..Default::default()
        }))
    }

    async fn read(&self, request: Request<rpc::ReadRequest>) -> Reply<rpc::ReadResponse> {
        let request = request.into_inner();
        let urn = Urn::from(request.urn);
        let resource = self.catalogue.resource(urn.token())?;
        let imported = request.inputs.is_none();
        let (inputs, state) = (from_struct(request.inputs), from_struct(request.properties));
        note_generation(&self.configured()?.ledger, &urn, &inputs);
        let known = [&state, &inputs];
        let arn = text(&known, "arn");
        let cx = self.unverified_context(urn, &known, request.timeout, resource.timeout());
        let cx = cx.await?;
        let look = async {
            let id = match imported {
                true => resource.find_id(&cx, &request.id).await?,
                false => Some(request.id),
            };
            let Some(id) = id else { return Ok(None) };
            let inputs = (!imported).then_some(inputs);
            let read = resource.read(&cx, &id, inputs, state).await;
            let read = read.map_err(status::partial)?;
            Ok::<_, Status>(read.map(|(properties, inputs)| (id, properties, inputs)))
        };
        let verified = cx
            .account
            .verify_account(arn.as_deref())
            .map_err(Status::from);
        // A refusal ends the look; what the look fails with waits for the refusal.
        let ((), found) = tokio::try_join!(verified, async { Ok(look.await) })?;
        let Some((id, properties, inputs)) = found? else {
            return Ok(Response::new(rpc::ReadResponse::default()));
        };
        Ok(Response::new(rpc::ReadResponse {
            id,
            properties: Some(to_struct(&properties)),
            inputs: Some(to_struct(&inputs)),
            ..Default::default()
        }))
    }

    async fn update(&self, request: Request<rpc::UpdateRequest>) -> Reply<rpc::UpdateResponse> {
        let _call = self.calls.begin();
        let request = request.into_inner();
        let urn = Urn::from(request.urn);
        let resource = self.catalogue.resource(urn.token())?;
        let (old_inputs, olds) = (from_struct(request.old_inputs), from_struct(request.olds));
        let inputs = from_struct(request.news);
        let properties = if request.preview {
            block_in_place(|| resource.preview_update(&old_inputs, &olds, &inputs))
        } else {
            let known = [&olds, &old_inputs, &inputs];
            let mut cx = self
                .context(urn, &known, request.timeout, resource.timeout())
                .await?;
            cx.memory.tagged = Some(tagged(&olds));
            resource
                .update(&cx, &request.id, old_inputs, olds, inputs)
                .await
                .map_err(status::partial)?
        };
        Ok(Response::new(rpc::UpdateResponse {
            properties: Some(to_struct(&properties)),
            ..Default::default()
        }))
    }

    async fn delete(&self, request: Request<rpc::DeleteRequest>) -> Reply<()> {
        let request = request.into_inner();
        let urn = Urn::from(request.urn);
        let resource = self.catalogue.resource(urn.token())?;
        let (inputs, mut state) = (
            from_struct(request.old_inputs),
            from_struct(request.properties),
        );
        // What only inputs have is needed too.
        for (key, value) in inputs {
            state.entry(key).or_insert(value);
        }
        let cx = self
            .context(urn, &[&state], request.timeout, resource.timeout())
            .await?;
        resource.delete(&cx, &request.id, state).await?;
        Ok(Response::new(()))
    }

    async fn construct(
        &self,
        request: Request<rpc::ConstructRequest>,
    ) -> Reply<rpc::ConstructResponse> {
        super::construct::construct(self, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn invoke(&self, request: Request<rpc::InvokeRequest>) -> Reply<rpc::InvokeResponse> {
        let request = request.into_inner();
        let Some(function) = self.catalogue.function(&request.tok) else {
            let name = self.catalogue.package.name;
            return Err(
                Error::failed(format!("{} is not a function of {name}", request.tok)).into(),
            );
        };
        let aws = &self.configured()?.aws.clone();
        let args = function.tables().0.without_nulls(from_struct(request.args));
        let answer = function.call(aws, args).await?;
        Ok(Response::new(match answer {
            Ok(answer) => rpc::InvokeResponse {
                r#return: Some(to_struct(&answer)),
                ..Default::default()
            },
            Err(found) => rpc::InvokeResponse {
                failures: status::check(found, &Properties::new()),
                ..Default::default()
            },
        }))
    }

    type ListStream = Iter<IntoIter<std::result::Result<rpc::ListResponse, Status>>>;

    async fn list(&self, request: Request<rpc::ListRequest>) -> Reply<Self::ListStream> {
        let answer = super::list::list(self, request.into_inner()).await?;
        let answer = answer.into_iter().map(|each| {
            let response = Some(each);
            Ok(rpc::ListResponse { response })
        });
        let answer: Vec<_> = answer.collect();
        Ok(Response::new(futures::stream::iter(answer)))
    }

    async fn call(&self, request: Request<rpc::CallRequest>) -> Reply<rpc::CallResponse> {
        Err(Error::failed(format!(
            "{} is not a method of {}",
            request.into_inner().tok,
            self.catalogue.package.name
        ))
        .into())
    }

    async fn parameterize(
        &self,
        _: Request<rpc::ParameterizeRequest>,
    ) -> Reply<rpc::ParameterizeResponse> {
        Err(Status::unimplemented("this provider takes no parameters"))
    }

    async fn cancel(&self, _: Request<()>) -> Reply<()> {
        self.cancel_all();
        Ok(Response::new(()))
    }

    async fn attach(&self, request: Request<rpc::PluginAttach>) -> Reply<()> {
        self.attach_to(request.into_inner().address);
        Ok(Response::new(()))
    }

    async fn get_mapping(
        &self,
        _: Request<rpc::GetMappingRequest>,
    ) -> Reply<rpc::GetMappingResponse> {
        Ok(Response::new(rpc::GetMappingResponse::default()))
    }

    async fn get_mappings(
        &self,
        _: Request<rpc::GetMappingsRequest>,
    ) -> Reply<rpc::GetMappingsResponse> {
        Ok(Response::new(rpc::GetMappingsResponse::default()))
    }
}

fn checked(inputs: &Properties, found: Vec<Failure>) -> rpc::CheckResponse {
    rpc::CheckResponse {
        inputs: Some(to_struct(inputs)),
        failures: status::check(found, inputs),
    }
}

fn diffed(diffed: crate::resource::Diffed) -> rpc::DiffResponse {
    use rpc::property_diff::Kind as Wire;
    let top = |replaced_only: bool| {
        let names: BTreeSet<_> = diffed
            .changes
            .iter()
            .filter(|c| c.replace || !replaced_only)
            .map(|c| c.name.to_owned())
            .collect();
        names.into_iter().collect::<Vec<_>>()
    };
    let detail = |change: &crate::props::diff::Change| {
        let kind = match (change.kind, change.replace) {
            (Kind::Add, false) => Wire::Add,
            (Kind::Add, true) => Wire::AddReplace,
            (Kind::Delete, false) => Wire::Delete,
            (Kind::Delete, true) => Wire::DeleteReplace,
            (Kind::Update, false) => Wire::Update,
            (Kind::Update, true) => Wire::UpdateReplace,
        };
        (
            change.path.clone(),
            rpc::PropertyDiff {
                kind: kind.into(),
                input_diff: true,
            },
        )
    };
    let detailed: BTreeMap<_, _> = diffed.changes.iter().map(detail).collect();
    let changed = if diffed.changes.is_empty() {
        rpc::diff_response::DiffChanges::DiffNone
    } else {
        rpc::diff_response::DiffChanges::DiffSome
    };
    rpc::DiffResponse {
        replaces: top(true),
        diffs: top(false),
        changes: changed.into(),
        delete_before_replace: diffed.delete_before_replace,
        detailed_diff: detailed.into_iter().collect(),
        has_detailed_diff: true,
        ..Default::default()
    }
}

/// The keys of the tags that the state has of a resource.
fn tagged(state: &Properties) -> BTreeSet<String> {
    let keys = |name| match state.get(name).map(Value::plain) {
        Some(Value::Object(tags)) => tags.into_keys().collect(),
        _ => Vec::new(),
    };
    ["tags", DEFAULT_TAGS].into_iter().flat_map(keys).collect()
}

/// Remembers the generation in properties that the engine knows.
fn note_generation(ledger: &ProcessLedger, urn: &Urn, properties: &Properties) {
    if let Some(generation) = properties.get(GENERATION).and_then(Value::as_str) {
        ledger.generation(urn, generation);
    }
}
