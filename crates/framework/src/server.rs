//! The plugin's process: it serves the `ResourceProvider` service until the engine is gone. Wire types stop here.

mod calls;
mod construct;
mod dependencies;
mod engine;
mod list;
mod process;
mod provider;
mod status;

use self::{engine::Engine, process::Provider};
use crate::{catalogue::Catalogue, pulumirpc::resource_provider_server::ResourceProviderServer};
use std::{io::Write, net::Ipv4Addr, process::ExitCode, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};

/// The largest message, as the engine sets it.
const MESSAGE_LIMIT: usize = 400 * 1024 * 1024;

/// Serves a package until the engine is gone: all that a plugin's `main` does.
///
/// The engine is at the address that the last argument names; without one, an engine attaches later.
#[must_use]
pub fn run(catalogue: Catalogue) -> ExitCode {
    let name = catalogue.package.name;
    // Before it the engine gives `--logtostderr`, `-v=N` and `--tracing X`.
    let engine = std::env::args().skip(1).rfind(|a| !a.starts_with('-'));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let served = match runtime {
        Ok(runtime) => runtime.block_on(serve(catalogue, engine)),
        Err(error) => Err(format!("could not start the runtime: {error}").into()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pulumi-resource-{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves on a free port of the loopback interface, prints it, and returns when the engine is gone.
async fn serve(
    catalogue: Catalogue,
    engine: Option<String>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let provider = Arc::new(Provider::new(Arc::new(catalogue), engine));
    let started_by = provider.engine();
    let service = ResourceProviderServer::from_arc(provider.clone())
        .max_decoding_message_size(MESSAGE_LIMIT)
        .max_encoding_message_size(MESSAGE_LIMIT);
    let (health, health_service) = tonic_health::server::health_reporter();
    health
        .set_serving::<ResourceProviderServer<Arc<Provider>>>()
        .await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(include_bytes!("pulumirpc.bin"))
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    writeln!(std::io::stdout(), "{port}")?;
    std::io::stdout().flush()?;
    // Without TCP_NODELAY every small call waits 40 ms for an acknowledgement.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        .add_service(service)
        .add_service(health_service)
        .add_service(reflection)
        .serve_with_incoming_shutdown(incoming, async move {
            tokio::select! {
                () = interrupted(&provider) => {}
                () = gone(started_by) => {}
            }
        })
        .await?;
    Ok(())
}

/// Resolves when the engine that started this process no longer answers; never, if none did.
async fn gone(engine: Arc<Engine>) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        if engine.is_gone().await {
            return;
        }
    }
}

/// The first interrupt cancels what is under way; the process ends when its calls have ended.
async fn interrupted(provider: &Provider) {
    let _ = tokio::signal::ctrl_c().await;
    provider.cancel_all();
}
