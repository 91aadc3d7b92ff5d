//! The kinds of store.

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// S3, and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
    /// A web server.
    Web,
}

impl Kind {
    /// The kind of a scheme.
    pub(super) fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "s3" => Some(Self::S3),
            "gs" => Some(Self::Google),
            "az" => Some(Self::Azure),
            "http" | "https" => Some(Self::Web),
            _ => None,
        }
    }

    /// The variables of the environment that most users give the credentials in.
    pub(super) fn credentials(self) -> &'static [&'static str] {
        match self {
            Self::S3 => &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
            Self::Google => &["GOOGLE_APPLICATION_CREDENTIALS"],
            Self::Azure => &["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"],
            Self::Web => &[],
        }
    }
}
