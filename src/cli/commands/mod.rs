//! One command, one file: its arguments with their help, and what it does.

mod analyze;
mod bolt;
mod catalog;
mod completions;
mod copy;
mod decode;
mod defrag;
mod describe;
mod diff;
mod directory;
mod evidence;
mod export;
mod force_new_cluster;
mod get;
mod grep;
mod hashkv;
mod history;
mod impact;
mod kv;
mod man;
mod members;
mod migrate;
mod node;
mod object;
mod redact;
mod report;
mod restore;
mod rows;
mod salvage;
#[cfg(feature = "serve")]
mod serve;
mod snap;
mod snapshot;
mod status;
mod timeline;
mod trust;
mod unknown;
mod verify;
mod wal;
mod which;

use clap::Subcommand;

use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// Makes [`Command`] of the list of commands.
macro_rules! commands {
    ($($(#[$attribute:meta])* $name:ident($arguments:ty) $(if $feature:literal)?,)+) => {
        /// Every command with its arguments.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($(#[cfg(feature = $feature)])? $(#[$attribute])* $name($arguments),)+
        }

        impl Command {
            /// Runs the command.
            pub(crate) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
                match self {
                    $($(#[cfg(feature = $feature)])? Self::$name(command) => command.run(session),)+
                }
            }
        }
    };
}

impl Command {
    /// Whether `--evidence-key` is for what is read.
    pub(crate) fn reads_evidence(&self) -> bool {
        matches!(self, Self::Evidence(_))
    }
}

// In the order of `--help`.
commands! {
    Status(status::Status),
    Verify(verify::Verify),
    Hashkv(hashkv::HashKv),
    Members(members::Members),
    Analyze(analyze::Analyze),
    Report(report::ReportCommand),
    Kv(kv::Kv),
    Get(Box<get::Get>),
    Describe(describe::Describe),
    Grep(grep::Grep),
    Diff(diff::Compare),
    History(history::History),
    Timeline(timeline::Timeline),
    Impact(impact::ImpactCommand),
    Serve(serve::Serve) if "serve",
    Export(export::Export),
    Rows(rows::Rows),
    Restore(Box<restore::Restore>),
    Salvage(salvage::Salvage),
    Defrag(defrag::Defrag),
    Redact(redact::Redact),
    Catalog(catalog::Catalog),
    Wal(wal::Wal),
    Snap(snap::Snaps),
    ForceNewCluster(force_new_cluster::ForceNewCluster),
    Migrate(migrate::Migrate),
    Bolt(bolt::Bolt),
    Decode(decode::Decode),
    Evidence(evidence::EvidenceArgs),
    Completions(completions::Completions),
    Man(man::Man),
    #[command(hide = true)]
    Snapshot(snapshot::Snapshot),
}
