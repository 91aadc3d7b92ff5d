//! What lets other machines read a backup: a certificate with its key, and a token.

use std::{
    fs::File,
    io::Read as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper::{HeaderMap, header::AUTHORIZATION};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
        version::TLS13,
    },
};
use webpki::EndEntityCert;

use super::{kubeconfig::Credentials, websocket};
use crate::{
    Error, Result,
    hash::{hmac_sha256, random},
};

/// The largest certificate, key or token file.
const FILE: u64 = 1 << 20;
/// The shortest token, in bytes.
const TOKEN: usize = 16;

/// A certificate with its key, and the token that each request has to show.
pub struct Access {
    pub(super) acceptor: TlsAcceptor,
    certificate: CertificateDer<'static>,
    credentials: Credentials,
    /// The token under a key of the run, so that no comparison takes a time that depends on it.
    token: [u8; 32],
    key: [u8; 32],
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

impl Access {
    /// Reads a certificate with those that issued it, its private key (both in PEM), and a file that holds a token.
    ///
    /// # Errors
    /// When a file cannot be read or used, or the key is not that of the certificate.
    pub fn read(certificate: &Path, key: &Path, token: &Path) -> Result<Self> {
        let (pem, chain) = (read(certificate)?, name(certificate));
        let bad = |file: &str, why: String| Error::usage(format!("{file}: {why}"));
        let certificates = CertificateDer::pem_slice_iter(&pem).collect::<std::result::Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|why| bad(&chain, format!("not a certificate in PEM: {why}")))?;
        let first = certificates.first().cloned();
        let first = first.ok_or_else(|| bad(&chain, "it holds no certificate in PEM".to_owned()))?;
        EndEntityCert::try_from(&first).map_err(|why| bad(&chain, format!("not a usable certificate: {why}")))?;
        let private = PrivateKeyDer::from_pem_slice(&read(key)?)
            .map_err(|why| bad(&name(key), format!("not a private key in PEM: {why}")))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, private));
        let mut config = config.map_err(|why| bad(&name(key), format!("not the key of {chain}: {why}")))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let token = secret(token)?;
        let key = random::<32>()?;
        let under_key = hmac_sha256(&key, &[token.as_bytes()]);
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate: first,
            credentials: Credentials { authority: BASE64_STANDARD.encode(&pem), token },
            token: under_key,
            key,
        })
    }

    /// What clients need besides the URL.
    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Whether a request shows the token.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.split_once(' '));
        let token = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = token.map(|(_, token)| token.trim().to_owned()).or_else(|| websocket::token(headers));
        token.is_some_and(|token| hmac_sha256(&self.key, &[token.as_bytes()]) == self.token)
    }

    /// The host and port by which clients reach `address`, and the name that they have to look for in the certificate
    /// where it is another one.
    ///
    /// # Errors
    /// When clients could not verify the certificate.
    pub(super) fn host(&self, address: SocketAddr) -> Result<(String, Option<String>)> {
        // that it can be read was seen when it was opened
        let certificate = EndEntityCert::try_from(&self.certificate).map_err(|why| Error::usage(why.to_string()))?;
        let name = certificate.valid_dns_names().find(|name| !name.starts_with('*')).map(str::to_owned);
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let ip = if address.ip().is_unspecified() { local } else { address.ip() };
        let fits = certificate.verify_is_valid_for_subject_name(&ServerName::from(ip)).is_ok();
        match name {
            Some(name) if address.ip().is_unspecified() => Ok((format!("{name}:{}", address.port()), None)),
            _ if fits => Ok((SocketAddr::new(ip, address.port()).to_string(), None)),
            Some(name) => Ok((SocketAddr::new(ip, address.port()).to_string(), Some(name))),
            None => Err(Error::usage(format!("the certificate is not for {ip}, and has no DNS name"))
                .hinted("clients verify one of them: make a certificate with a subjectAltName")),
        }
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|source| Error::io(name(path), "open", source))?;
    let mut content = Vec::new();
    file.take(FILE + 1).read_to_end(&mut content).map_err(|source| Error::io(name(path), "read", source))?;
    if content.len() as u64 > FILE {
        return Err(Error::usage(format!("{}: it is longer than {FILE} bytes", name(path))));
    }
    Ok(content)
}

/// The token in a file, without the line's end.
fn secret(path: &Path) -> Result<String> {
    let bad = |what: &str| {
        let hint = "make one: head -c 24 /dev/urandom | base64 > FILE";
        Error::usage(format!("{}: {what}", name(path))).hinted(hint)
    };
    let text = String::from_utf8(read(path)?).map_err(|_| bad("the token is not text"))?;
    let token = text.trim();
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad("the token has to be one word"));
    }
    if token.len() < TOKEN {
        return Err(bad("the token is too short: it takes at least 16 characters"));
    }
    Ok(token.to_owned())
}
