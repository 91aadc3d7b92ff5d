//! The manifest of a static pod, from which a restore takes who the member is.
//!
//! ```text
//! text ─> documents ─> pods ─> containers ─> the call of etcd: its flags, its environment ─> Manifest
//! ```

mod config;

use std::{
    collections::BTreeMap,
    fs::{File, metadata},
    io::{self, Read as _},
    path::Path,
};

use serde_json::Value;

use crate::{Error, Result, bytes::excerpt};

/// The member in the manifest of an etcd pod, as kubeadm writes it.
///
/// Each is as etcd gets it, from its flags or, where a flag is not given, from `ETCD_...` variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// `--name`.
    pub name: String,
    /// `--initial-cluster`. When kubeadm made the member, it names those that were there by then: the first member's
    /// manifest names the first alone.
    pub initial_cluster: Option<String>,
    /// `--initial-advertise-peer-urls`.
    pub initial_advertise_peer_urls: Option<String>,
    /// `--initial-cluster-token`.
    pub initial_cluster_token: Option<String>,
    /// `--data-dir`, as the container sees it.
    pub data_dir: Option<String>,
    /// `--wal-dir`, as the container sees it.
    pub wal_dir: Option<String>,
    /// The flags about TLS, such as `--cert-file`, in a fixed order.
    pub tls: Vec<(&'static str, String)>,
    /// etcd's version, such as `3.6.8`, when the image's tag has it.
    pub etcd_version: Option<String>,
}

/// The flags about TLS that an etcd is started with.
const TLS: [&str; 19] = [
    "cert-file",
    "key-file",
    "trusted-ca-file",
    "client-cert-auth",
    "client-crl-file",
    "client-cert-allowed-hostname",
    "auto-tls",
    "peer-cert-file",
    "peer-key-file",
    "peer-trusted-ca-file",
    "peer-client-cert-auth",
    "peer-crl-file",
    "peer-cert-allowed-cn",
    "peer-cert-allowed-hostname",
    "peer-auto-tls",
    "self-signed-cert-validity",
    "cipher-suites",
    "tls-min-version",
    "tls-max-version",
];

/// The flags that may be given without a value.
const SWITCHES: [&str; 4] = ["client-cert-auth", "auto-tls", "peer-client-cert-auth", "peer-auto-tls"];

/// A larger file is no manifest.
const MAX_LEN: u64 = 1 << 20;

const BY_FLAGS: &str =
    "name the member with --name, --initial-cluster and --initial-advertise-peer-urls, or with --member NAME";

/// Why the text is no good, and what to do instead.
type Refusal = (String, &'static str);

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The manifest of an etcd pod, YAML or JSON.
    Pod,
    /// etcd's own configuration: the YAML of `--config-file`, or `ETCD_...` variables.
    Config,
}

impl Manifest {
    /// Reads the file at `path`. Its `--initial-cluster` is left out when another one is `given`.
    ///
    /// # Errors
    /// When it cannot be read, or does not hold the flags with which one etcd is started.
    pub(crate) fn read(path: &Path, form: Form, given: bool) -> Result<Self> {
        let file = path.display().to_string();
        let fault = |doing| {
            let file = file.clone();
            move |source: io::Error| Error::io(file, doing, source)
        };
        let refused = |(what, hint): Refusal| Error::usage(format!("{file}: {what}")).hinted(hint);
        let (what, hint) = match form {
            Form::Pod => ("a manifest", "name the manifest of the etcd pod"),
            Form::Config => ("a configuration", "name the configuration of etcd"),
        };
        // before it is opened, because to open a pipe is to wait for its writer
        if !metadata(path).map_err(fault("open"))?.is_file() {
            return Err(refused(("not a file".to_owned(), hint)));
        }
        let mut bytes = Vec::new();
        let opened = File::open(path).map_err(fault("open"))?;
        opened.take(MAX_LEN.saturating_add(1)).read_to_end(&mut bytes).map_err(fault("read"))?;
        if bytes.len() as u64 > MAX_LEN {
            return Err(refused((format!("more than 1 MiB, so not {what}"), hint)));
        }
        Self::parse(&bytes, form, given).map_err(refused)
    }

    fn parse(bytes: &[u8], form: Form, given: bool) -> Result<Self, Refusal> {
        if form == Form::Config {
            let variables = config::variables(bytes);
            let flags = match &variables {
                Some(_) => Vec::new(),
                None => config::flags(&documents(bytes).map_err(|(what, _)| (what, config::HINT))?)?,
            };
            let env = Env { known: variables.unwrap_or_default(), left: 0 };
            return Call { flags, env, etcd_version: None }.manifest(given);
        }
        let documents = documents(bytes)?;
        let pods: Vec<&Value> = objects(&documents).filter(|object| text(object, "kind") == Some("Pod")).collect();
        let containers: Vec<&Value> = pods.iter().flat_map(|pod| list(pod, "/spec/containers")).collect();
        let calls: Vec<Call> = containers.iter().filter_map(|container| Call::of(container)).collect();
        match calls.as_slice() {
            [call] => call.manifest(given),
            [] => Err(without_etcd(&documents, &containers)),
            _ => Err((format!("it holds {} containers that run etcd", calls.len()), "one manifest for each member")),
        }
    }
}

fn documents(bytes: &[u8]) -> Result<Vec<Value>, Refusal> {
    if let Ok(json) = serde_json::from_slice(bytes) {
        return Ok(vec![json]);
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        // no manifest needs one; of a long text, a thousand would fill the memory
        budget: serde_saphyr::budget! { max_aliases: 20 },
    };
    serde_saphyr::from_slice_multiple_with_options(bytes, options)
        .map_err(|error| (format!("neither YAML nor JSON: {error}"), "name the manifest of the etcd pod"))
}

/// The documents, and instead of a list what is in it.
fn objects(documents: &[Value]) -> impl Iterator<Item = &Value> {
    documents.iter().flat_map(|document| {
        let is_list = text(document, "kind").is_some_and(|kind| kind.ends_with("List"));
        if is_list { list(document, "/items") } else { std::slice::from_ref(document) }
    })
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What it is instead.
fn without_etcd(documents: &[Value], containers: &[&Value]) -> Refusal {
    if containers.iter().any(|container| image(container).0.starts_with("etcd-manager")) {
        let what = "the pod of kOps' etcd-manager, which gives etcd its name and its URLs only when it starts it";
        return (what.to_owned(), BY_FLAGS);
    }
    if documents.iter().any(|document| document.get("machine").is_some() && document.get("cluster").is_some()) {
        let hint = "Talos restores by itself: talosctl bootstrap --recover-from=SNAPSHOT";
        return ("a machine configuration of Talos, where etcd is no pod".to_owned(), hint);
    }
    let names: Vec<&str> = containers.iter().filter_map(|container| text(container, "name")).collect();
    let kinds: Vec<&str> = objects(documents).filter_map(|object| text(object, "kind")).collect();
    let what = match (names.as_slice(), kinds.as_slice()) {
        ([], []) => "no Kubernetes object".to_owned(),
        ([], kinds) => format!("no Pod with containers, but {}", excerpt(kinds.join(", ").as_bytes())),
        (names, _) => format!("none of its containers runs etcd: {}", excerpt(names.join(", ").as_bytes())),
    };
    (what, "kubeadm writes the manifest of etcd to /etc/kubernetes/manifests/etcd.yaml")
}

/// The last name and the tag of a container's image: `etcd` and `3.6.8-0` of `registry.k8s.io/etcd:3.6.8-0@sha256:...`.
fn image(container: &Value) -> (&str, &str) {
    let image = text(container, "image").unwrap_or_default();
    let image = image.split_once('@').map_or(image, |(image, _)| image);
    base(image).split_once(':').unwrap_or((base(image), ""))
}

fn base(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, base)| base)
}

/// How etcd is started.
struct Call {
    flags: Vec<String>,
    env: Env,
    etcd_version: Option<String>,
}

impl Call {
    /// Of a container; `None` when it does not run etcd.
    fn of(container: &Value) -> Option<Self> {
        let mut env = Env::of(container);
        let words: Vec<String> = ["/command", "/args"]
            .into_iter()
            .flat_map(|pointer| list(container, pointer))
            .filter_map(|word| Some(env.expand(word.as_str()?, Syntax::Kubernetes)))
            .collect();
        let (name, tag) = image(container);
        let flags = match behind_wrappers(&words) {
            _ if name == "etcd" && words.first().is_none_or(|word| word.starts_with('-')) => words,
            [program, flags @ ..] if base(program) == "etcd" => flags.to_vec(),
            [shell, rest @ ..] if ["sh", "ash", "bash", "dash"].contains(&base(shell)) => env.run(script(rest)?)?,
            _ => return None,
        };
        let version: String =
            tag.trim_start_matches('v').chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        Some(Self { flags, env, etcd_version: version.contains('.').then_some(version) })
    }

    fn manifest(&self, given: bool) -> Result<Manifest, Refusal> {
        let name = self.value("name")?.ok_or_else(|| match self.value("config-file") {
            Ok(Some(file)) => (format!("its etcd reads its flags from a file, {}", excerpt(file.as_bytes())), BY_FLAGS),
            _ => ("its etcd gets no --name".to_owned(), BY_FLAGS),
        })?;
        Ok(Manifest {
            name,
            // Where another cluster is given, that has the URLs too.
            initial_cluster: if given { None } else { self.value("initial-cluster")? },
            initial_advertise_peer_urls: if given { None } else { self.value("initial-advertise-peer-urls")? },
            initial_cluster_token: self.value("initial-cluster-token")?,
            data_dir: self.value("data-dir")?,
            wal_dir: self.value("wal-dir")?,
            tls: TLS.iter().filter_map(|name| Some((*name, self.value(name).ok()??))).collect(),
            etcd_version: self.etcd_version.clone(),
        })
    }

    /// The value that etcd takes for the flag: the last one given, or else the variable.
    fn value(&self, name: &str) -> Result<Option<String>, Refusal> {
        let following = self.flags.iter().skip(1).map(Some).chain([None]);
        let given = self.flags.iter().zip(following).filter_map(|(word, next)| {
            let flag = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
            match flag.split_once('=') {
                Some((flag, value)) => (flag == name).then_some(value),
                None if flag == name => Some(match next {
                    Some(value) if !value.starts_with('-') => value.as_str(),
                    // Of a flag that may be given without a value.
                    _ if SWITCHES.contains(&name) => "true",
                    Some(value) => value.as_str(),
                    None => return None,
                }),
                None => None,
            }
        });
        let variable = format!("ETCD_{}", name.to_uppercase().replace('-', "_"));
        let value = given.last().or_else(|| self.env.known.get(&variable).map(String::as_str));
        match value.filter(|value| !value.is_empty()) {
            Some(value) if value.contains(['$', '`']) => {
                let value = excerpt(value.as_bytes());
                Err((
                    format!("its etcd's --{name} is {value}, which is known only where the pod runs"),
                    match name {
                        "initial-cluster" | "initial-advertise-peer-urls" => {
                            "add --initial-cluster NAME=URL,... to give them"
                        }
                        _ => BY_FLAGS,
                    },
                ))
            }
            value => Ok(value.map(str::to_owned)),
        }
    }
}

/// Without the programs that only start another one, their flags and numbers, and variables set before it.
fn behind_wrappers(words: &[String]) -> &[String] {
    const WRAPPERS: [&str; 10] =
        ["exec", "export", "nice", "ionice", "env", "nohup", "time", "tini", "dumb-init", "catatonit"];
    let wraps = |word: &String| {
        WRAPPERS.contains(&base(word))
            || word.starts_with('-')
            || word.bytes().all(|b| b.is_ascii_digit())
            || assignment(word).is_some()
    };
    let at = words.iter().take_while(|word| wraps(word)).count();
    words.get(at..).unwrap_or_default()
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(name, _)| is_variable(name))
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// The text after a shell's `-c`, which may be among other letters.
fn script(args: &[String]) -> Option<&str> {
    let is_c = |arg: &String| arg.starts_with('-') && !arg.starts_with("--") && arg.contains('c');
    let at = args.iter().position(is_c)?;
    args.get(at.saturating_add(1)).map(String::as_str)
}

/// Who writes `$`: Kubernetes puts a value for `$(NAME)`, a shell for `${NAME}` and `$NAME`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    Kubernetes,
    Shell,
}

impl Syntax {
    /// The name of the variable after a `$`, and the text that follows it.
    fn variable(self, text: &str) -> Option<(&str, &str)> {
        let [open, close] = if self == Self::Shell { ['{', '}'] } else { ['(', ')'] };
        let bracketed = text.strip_prefix(open);
        let text = bracketed.unwrap_or(text);
        let in_name =
            |c: char| c == '_' || c.is_ascii_alphanumeric() || self == Self::Kubernetes && matches!(c, '-' | '.');
        let (name, after) = text.split_at_checked(text.find(|c| !in_name(c)).unwrap_or(text.len()))?;
        match bracketed {
            Some(_) => Some((name, after.strip_prefix(close)?)),
            None => (self == Self::Shell).then_some((name, after)),
        }
    }
}

/// The variables whose values are known. What is not, keeps its `$`.
struct Env {
    known: BTreeMap<String, String>,
    /// So many bytes may still be put in: values that hold others, twice each, grow without end.
    left: usize,
}

impl Env {
    fn of(container: &Value) -> Self {
        let mut env = Self { known: BTreeMap::new(), left: 1 << 20 };
        for variable in list(container, "/env") {
            let Some(name) = text(variable, "name") else { continue };
            let value = match (variable.get("valueFrom"), text(variable, "value")) {
                (Some(_), _) => format!("$({name})"),
                (None, value) => env.expand(value.unwrap_or_default(), Syntax::Kubernetes),
            };
            env.known.insert(name.to_owned(), value);
        }
        env
    }

    fn expand(&mut self, text: &str, syntax: Syntax) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let known = syntax.variable(after).and_then(|(name, after)| Some((self.known.get(name)?.as_str(), after)));
            let (value, after) = known.filter(|(value, _)| value.len() <= self.left).unwrap_or(("$", after));
            self.left = self.left.saturating_sub(value.len());
            expanded.push_str(value);
            rest = after;
        }
        expanded + rest
    }

    /// Follows a shell script through its assignments to the call of etcd, and gives that its flags.
    fn run(&mut self, script: &str) -> Option<Vec<String>> {
        for words in statements(script) {
            let words: Vec<String> = words.iter().map(|word| self.expand(word, Syntax::Shell)).collect();
            let call = behind_wrappers(&words);
            if let [program, flags @ ..] = call
                && base(program) == "etcd"
            {
                return Some(flags.to_vec());
            }
            if call.is_empty() {
                let assigned = words.iter().filter_map(|word| assignment(word));
                self.known.extend(assigned.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
        }
        None
    }
}

/// The words of each simple command of a shell script. Quotes are gone; what is to be put in at run time, `$...`,
/// stays.
fn statements(script: &str) -> Vec<Vec<String>> {
    let mut statements = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut chars = script.chars().peekable();
    let mut quote = None;
    let mut depth = 0usize; // of command substitutions, whose blanks do not end a word
    while let Some(c) = chars.next() {
        let blank = c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')');
        match c {
            '\\' if quote != Some('\'') => match chars.next() {
                Some('\n') | None => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            '\'' | '"' if quote == Some(c) => quote = None,
            '\'' | '"' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            '(' if quote != Some('\'') && (depth > 0 || word.as_ref().is_some_and(|word| word.ends_with('$'))) => {
                depth = depth.saturating_add(1);
                word.get_or_insert_default().push(c);
            }
            ')' if quote != Some('\'') && depth > 0 => {
                depth = depth.saturating_sub(1);
                word.get_or_insert_default().push(c);
            }
            '#' if quote.is_none() && depth == 0 && word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            _ if quote.is_none() && depth == 0 && blank => {
                if let (Some(word), Some(statement)) = (word.take(), statements.last_mut()) {
                    statement.push(word);
                }
                if !matches!(c, ' ' | '\t') {
                    statements.push(Vec::new());
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    if let (Some(word), Some(statement)) = (word, statements.last_mut()) {
        statement.push(word);
    }
    statements
}

#[cfg(test)]
mod tests;
