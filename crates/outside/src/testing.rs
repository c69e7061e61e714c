//! A server for tests, with a certificate for `localhost` of an authority of its own.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, Stream,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// The authority's certificate, as PEM.
pub const AUTHORITY: &str = include_str!("testing/authority.pem");

/// Answers every request with 204 and nothing; the URL to ask.
///
/// # Errors
/// There is no port, or the certificate cannot be used.
pub fn serve() -> Result<String, Box<dyn std::error::Error>> {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("testing/server.pem"))?;
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("testing/server.key.pem"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("https://localhost:{}/", listener.local_addr()?.port());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = config.clone();
            thread::spawn(move || answer(stream, config));
        }
    });
    Ok(url)
}

fn answer(mut stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = Stream::new(&mut connection, &mut stream);
    let _request = stream.read(&mut [0; 16 << 10])?;
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")?;
    stream.conn.send_close_notify();
    stream.flush()
}
