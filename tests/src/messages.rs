//! The engine, as far as a plugin speaks to it.

use pulumi_aws_framework::pulumirpc::{
    self as rpc,
    engine_server::{Engine, EngineServer},
};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// What the provider said.
pub(crate) type Said = Arc<Mutex<Vec<String>>>;

/// The engine's log, kept.
struct Messages(Said);

/// An engine, as far as a plugin speaks to it, and its address.
pub(crate) async fn messages() -> (Said, String) {
    let engine = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = engine.local_addr().expect("an address").to_string();
    let said = Said::default();
    let service = EngineServer::new(Messages(said.clone()));
    tokio::spawn(
        Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(engine)),
    );
    (said, address)
}

#[tonic::async_trait]
impl Engine for Messages {
    async fn log(&self, request: Request<rpc::LogRequest>) -> Result<Response<()>, Status> {
        self.0
            .lock()
            .expect("no panic")
            .push(request.into_inner().message);
        Ok(Response::new(()))
    }

    async fn get_root_resource(
        &self,
        _: Request<rpc::GetRootResourceRequest>,
    ) -> Result<Response<rpc::GetRootResourceResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn set_root_resource(
        &self,
        _: Request<rpc::SetRootResourceRequest>,
    ) -> Result<Response<rpc::SetRootResourceResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn start_debugging(
        &self,
        _: Request<rpc::StartDebuggingRequest>,
    ) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn require_pulumi_version(
        &self,
        _: Request<rpc::RequirePulumiVersionRequest>,
    ) -> Result<Response<rpc::RequirePulumiVersionResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}
