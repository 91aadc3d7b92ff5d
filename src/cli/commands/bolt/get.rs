use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use clap::{Args, ValueEnum};
use etcdsnap::{Error, bytes::escape};

use super::{
    file::{File, Metas, bucket},
    format::{Format, hex},
};
use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// Print the value of a key in a bucket
///
/// As `bbolt get`. The value is printed as it is stored, also a Secret.
#[derive(Debug, Args)]
#[command(override_usage = "etcdsnap bolt get [OPTIONS] <SNAPSHOT> <BUCKET>... <KEY>")]
#[command(after_help = "\
Examples:
  etcdsnap bolt get backup.db cluster clusterVersion
  etcdsnap bolt get backup.db meta consistent_index --format hex
  etcdsnap bolt get backup.db key --parse-format hex 00000000000000045f0000000000000000

Exit status: 1 when there is no such bucket or key")]
pub(super) struct Get {
    #[command(flatten)]
    file: File,
    /// The bucket (for a nested bucket, all names from the outermost to the innermost), and the key
    #[arg(required = true, num_args = 2.., value_names = ["BUCKET", "KEY"])]
    path: Vec<OsString>,
    /// How KEY is written
    #[arg(long, value_enum, default_value_t = ParseFormat::AsciiEncoded)]
    parse_format: ParseFormat,
    /// How the value is printed
    #[arg(short, long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    #[command(flatten)]
    metas: Metas,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ParseFormat {
    /// As it is
    AsciiEncoded,
    /// As hex
    Hex,
}

impl ParseFormat {
    fn key(self, word: &OsStr) -> Result<Vec<u8>, Error> {
        let key = match self {
            Self::AsciiEncoded => word.as_bytes().to_vec(),
            Self::Hex => {
                unhex(word).ok_or_else(|| Error::usage(format!("KEY is not hex: {}", escape(word.as_bytes()))))?
            }
        };
        if key.is_empty() { Err(Error::usage("KEY is empty")) } else { Ok(key) }
    }
}

/// Bytes from hex.
fn unhex(word: &OsStr) -> Option<Vec<u8>> {
    let digit = |b: &u8| char::from(*b).to_digit(16);
    let (pairs, rest) = word.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[a, b]| u8::try_from((digit(a)? << 4) | digit(b)?).ok()).collect();
    if rest.is_empty() { bytes } else { None }
}

impl Get {
    pub(super) fn run(mut self, session: &mut Session) -> Result<Exit, Failure> {
        let key = self.parse_format.key(&self.path.pop().unwrap_or_default())?;
        let source = self.metas.source(session, &self.file)?;
        let (walk, mut findings) = self.metas.walk(&source)?;
        let path: Vec<_> = self.path.into_iter().map(OsString::into_vec).collect();
        let bucket = match bucket(&walk, &path, &mut findings) {
            Ok(bucket) => bucket,
            Err(error) => return Err(session.without(&source, &findings, error)),
        };
        match walk.get(&bucket, &key, &mut findings) {
            Some(item) if !item.bucket => {
                self.format.line(&mut session.out, item.value)?;
                session.close(&source, &findings)
            }
            found => {
                let mut digits = Vec::new();
                hex(&mut digits, &key)?;
                let digits = String::from_utf8_lossy(&digits);
                let what = format!("key not found: {} (hex {digits})", escape(&key));
                let hint = found.map(|_| "it is a bucket: `etcdsnap bolt keys` lists what is in it");
                Err(session.without(&source, &findings, Error::not_found(what).hinted_if(hint)))
            }
        }
    }
}
