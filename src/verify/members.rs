//! Several members of one cluster, by their logs.

use serde::{Serialize, Serializer};

use crate::{
    document::Id,
    wal::{Agreement, Held},
};

/// Several members of one cluster, and what their logs prove together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// The cluster's id, as the logs have it.
    pub cluster_id: Id,
    /// Paths of the data directories.
    pub paths: Vec<String>,
    /// The logs compared, or why they cannot be.
    pub agreement: Result<Agreement, String>,
}

impl Members {
    /// What the logs prove, in lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.agreement.as_ref().map_or_else(|why| vec![why.clone()], |agreement| agreement.lines(&self.paths))
    }
}

/// Places in the comparison are written as paths.
impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'m> {
            #[serde(rename = "clusterID")]
            cluster_id: Id,
            paths: &'m [String],
            voters: Option<usize>,
            compared: Option<usize>,
            keep: Option<&'m str>,
            entries: Option<&'m [Held]>,
            overruled: Option<Vec<Overruled<'m>>>,
            damaged: Option<Vec<&'m str>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'m str>,
        }
        #[derive(Serialize)]
        struct Overruled<'m> {
            path: Option<&'m str>,
            first: u64,
        }
        let path = |at: usize| self.paths.get(at).map(String::as_str);
        let agreement = self.agreement.as_ref().ok();
        let overruled = |of: &Agreement| {
            of.overruled.iter().map(|(at, first)| Overruled { path: path(*at), first: *first }).collect()
        };
        Document {
            cluster_id: self.cluster_id,
            paths: &self.paths,
            voters: agreement.map(|of| of.voters),
            compared: agreement.map(|of| of.here),
            keep: agreement.and_then(|of| path(of.keep)),
            entries: agreement.map(|of| of.held.as_slice()),
            overruled: agreement.map(overruled),
            damaged: agreement.map(|of| of.damaged.iter().filter_map(|at| path(*at)).collect()),
            error: self.agreement.as_ref().err().map(String::as_str),
        }
        .serialize(serializer)
    }
}
