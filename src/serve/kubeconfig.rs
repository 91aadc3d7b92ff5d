//! The kubeconfig by which clients find the server.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::{Error, Result, k8s::Value};

/// A context: a backup, and where it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The name of the context.
    pub name: String,
    /// The address of the served API.
    pub endpoint: Endpoint,
}

/// Where an API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The URL, with the secret path where there is one.
    pub url: String,
    /// The name in the server's certificate, where it is not the host of the URL.
    pub server_name: Option<String>,
}

/// What a client needs to be let in, where that is not the secret path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The certificates to verify the server by, in PEM and base64.
    pub authority: String,
    /// The bearer token.
    pub token: String,
}

/// The text of a kubeconfig with these contexts, the first one current.
#[must_use]
pub(crate) fn kubeconfig(contexts: &[Context], credentials: Option<&Credentials>) -> String {
    let text = |text: &str| Value::str(text).to_json();
    let mut out = String::from("apiVersion: v1\nkind: Config\nclusters:\n");
    for Context { name, endpoint } in contexts {
        out.push_str(&format!("- name: {}\n  cluster:\n    server: {}\n", text(name), text(&endpoint.url)));
        if let Some(name) = &endpoint.server_name {
            out.push_str(&format!("    tls-server-name: {}\n", text(name)));
        }
        if let Some(credentials) = credentials {
            out.push_str(&format!("    certificate-authority-data: {}\n", credentials.authority));
        }
    }
    out.push_str("users:\n- name: etcdsnap\n  user:");
    match credentials {
        Some(credentials) => out.push_str(&format!("\n    token: {}\n", text(&credentials.token))),
        None => out.push_str(" {}\n"),
    }
    out.push_str("contexts:\n");
    for context in contexts {
        let name = text(&context.name);
        out.push_str(&format!("- name: {name}\n  context:\n    cluster: {name}\n    user: etcdsnap\n"));
    }
    let current = contexts.first().map_or("", |context| &context.name);
    out.push_str(&format!("current-context: {}\n", text(current)));
    out
}

/// A kubeconfig on disk, which only its owner can read; it is removed when this is dropped.
#[derive(Debug)]
pub struct KubeconfigFile(PathBuf);

impl KubeconfigFile {
    /// Writes it to a file that is not there yet.
    ///
    /// # Errors
    /// When there is something at `path`, or it cannot be written.
    pub fn create(path: PathBuf, contexts: &[Context], credentials: Option<&Credentials>) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::usage(format!("{name}: there is a file already"))
                .hinted("--kubeconfig takes the name of a new file, which is removed at the end"),
            _ => Error::io(&name, "create", source),
        })?;
        // removed again where it cannot be written
        let created = Self(path);
        let text = kubeconfig(contexts, credentials);
        file.write_all(text.as_bytes()).map_err(|source| Error::io(&name, "write", source))?;
        Ok(created)
    }

    /// The path of the kubeconfig file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for KubeconfigFile {
    fn drop(&mut self) {
        // the server that it names is gone either way
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_its_owner_reads_it_and_it_goes_with_the_server() {
        let path = std::env::temp_dir().join(format!("etcdsnap-test-{}.kubeconfig", std::process::id()));
        let endpoint = Endpoint { url: "http://127.0.0.1:1/x".to_owned(), server_name: None };
        let context = |name: &str| Context { name: name.to_owned(), endpoint: endpoint.clone() };
        let contexts = [context("a: b"), context("c")];
        let file = KubeconfigFile::create(path.clone(), &contexts, None).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(text.contains("- name: \"a: b\"\n") && text.ends_with("current-context: \"a: b\"\n"), "{text}");
        assert!(KubeconfigFile::create(path.clone(), &contexts, None).is_err());
        drop(file);
        assert!(!path.exists());
    }
}
