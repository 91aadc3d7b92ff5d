//! Requests and limits of the pods on a node, as `kubectl describe node` counts them (`describeNodeResource`, and
//! `PodRequests` and `PodLimits` of `component-helpers/resource`).

use std::{collections::BTreeMap, fmt};

use super::Cluster;
use crate::{
    k8s::{Key, Map, Object, Value, sprint},
    select::Quantity,
};

/// An amount of a resource, in billionths (`resource.Quantity`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    nanos: i128,
    /// Whether it is printed with `Ki`, `Mi` and so on.
    binary: bool,
}

/// Amounts by the names of their resources, such as `cpu`.
pub type Amounts = BTreeMap<String, Amount>;

/// A pod on a node, with its requests and limits.
#[derive(Debug, Clone)]
pub struct PodOnNode {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The pod's creation time, as stored.
    pub created: String,
    /// The pod's requests, as far as its containers have them by now.
    pub requests: Amounts,
    /// The pod's limits.
    pub limits: Amounts,
}

/// The pods on a node that have not ended, with the sums of their requests and limits.
#[derive(Debug, Clone, Default)]
pub struct Allocation {
    /// The pods, in the order of their keys.
    pub pods: Vec<PodOnNode>,
    /// The sum of the requests in their specs.
    pub requests: Amounts,
    /// The sum of the limits in their specs.
    pub limits: Amounts,
    /// The amounts that the node can allocate, or else its capacity.
    pub allocatable: Amounts,
    /// Number of pods that cannot be read, and may be on the node.
    pub unreadable: usize,
}

impl Amount {
    fn parse(value: &Value<'_>) -> Option<Self> {
        let text = sprint(value);
        Some(Self { nanos: Quantity::parse(&text)?.nanos(), binary: text.ends_with('i') })
    }

    fn plus(self, other: Self) -> Self {
        let binary = if self.nanos == 0 { other.binary } else { self.binary };
        Self { nanos: self.nanos.saturating_add(other.nanos), binary }
    }

    /// Percentage of `whole`, both in whole units, or thousandths of `cpu`; 0 where `whole` is 0.
    fn percent(self, whole: Self, resource: &str) -> i64 {
        let unit: i128 = if resource == "cpu" { 1_000_000 } else { 1_000_000_000 };
        let units = |amount: Self| amount.nanos.saturating_add(unit.saturating_sub(1)) / unit;
        match units(whole) {
            0 => 0,
            whole => (units(self) as f64 / whole as f64 * 100.0) as i64,
        }
    }
}

/// `Quantity.CanonicalizeBytes`
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNIT: i128 = 1_000_000_000;
        let whole = self.nanos / UNIT;
        let (mut number, base, suffixes): (_, _, &[&str]) = match self.binary {
            true if self.nanos % UNIT == 0 && !(-1024 < whole && whole < 1024) => {
                (whole, 1024, &["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
            }
            _ => (self.nanos, 1000, &["n", "u", "m", "", "k", "M", "G", "T", "P", "E"]),
        };
        if number == 0 {
            return f.write_str("0");
        }
        let (mut suffix, mut larger) = ("", suffixes.iter());
        while let Some(next) = larger.next() {
            suffix = next;
            if number % base != 0 || larger.len() == 0 {
                break;
            }
            number /= base;
        }
        write!(f, "{number}{suffix}")
    }
}

impl Allocation {
    /// The amount of `resource` in `amounts`, and its percentage of what the node can allocate.
    #[must_use]
    pub fn share(&self, amounts: &Amounts, resource: &str) -> (Amount, i64) {
        let get = |amounts: &Amounts| amounts.get(resource).copied().unwrap_or_default();
        let amount = get(amounts);
        (amount, amount.percent(get(&self.allocatable), resource))
    }

    /// The resources that `kubectl describe node` lists.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        const ALWAYS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
        let all = self.allocatable.keys().map(String::as_str);
        ALWAYS.into_iter().chain(all.filter(|name| !ALWAYS.contains(name) && *name != "pods"))
    }
}

impl Cluster<'_> {
    /// The pods on a node that have not ended.
    #[must_use]
    pub fn allocation(&self, node: &Object<'_>) -> Allocation {
        let mut allocation =
            Allocation { allocatable: amounts(&node.value, &["status", "allocatable"]), ..Default::default() };
        if allocation.allocatable.is_empty() {
            allocation.allocatable = amounts(&node.value, &["status", "capacity"]);
        }
        let is_pod = |key| Key::new(key).object().is_some_and(|key| key.resource == "pods");
        for kv in self.view.matching(is_pod) {
            let Ok(pod) = self.object(&kv) else {
                allocation.unreadable = allocation.unreadable.saturating_add(1);
                continue;
            };
            let text = |path: &[&str]| pod.value.at(path).and_then(Value::as_str).unwrap_or_default();
            if text(&["spec", "nodeName"]) != node.name()
                || matches!(text(&["status", "phase"]), "Succeeded" | "Failed")
            {
                continue;
            }
            add(&mut allocation.requests, &of_pod(&pod.value, "requests", false));
            add(&mut allocation.limits, &of_pod(&pod.value, "limits", false));
            allocation.pods.push(PodOnNode {
                namespace: pod.namespace().to_owned(),
                name: pod.name().to_owned(),
                created: text(&["metadata", "creationTimestamp"]).to_owned(),
                requests: of_pod(&pod.value, "requests", true),
                limits: of_pod(&pod.value, "limits", true),
            });
        }
        allocation
    }
}

/// The amounts in a `ResourceList`.
fn amounts(value: &Value<'_>, path: &[&str]) -> Amounts {
    let list = value.at(path).and_then(Value::as_object).into_iter().flat_map(Map::iter);
    list.filter_map(|(name, amount)| Some((name.to_string(), Amount::parse(amount)?))).collect()
}

fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let have = sum.entry(name.clone()).or_default();
        *have = have.plus(*amount);
    }
}

fn raise(most: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let have = most.entry(name.clone()).or_insert(*amount);
        if amount.nanos > have.nanos {
            *have = *amount;
        }
    }
}

/// The requests or limits (`what`) of a pod: those of its containers together, or of an init container and
/// the sidecars before it where that is more; those of the pod itself where it has some; and its overhead.
fn of_pod(pod: &Value<'_>, what: &str, with_status: bool) -> Amounts {
    let list = |path: &[&str]| pod.at(path).and_then(Value::as_list).unwrap_or_default();
    let container = |container: &Value<'_>, with_status| of_container(pod, container, what, with_status);
    let (mut sum, mut sidecars, mut initial) = (Amounts::new(), Amounts::new(), Amounts::new());
    for one in list(&["spec", "containers"]) {
        add(&mut sum, &container(one, with_status));
    }
    for one in list(&["spec", "initContainers"]) {
        let stays = one.get("restartPolicy").and_then(Value::as_str) == Some("Always");
        let mut needed = container(one, with_status && stays);
        if stays {
            add(&mut sum, &needed);
            add(&mut sidecars, &needed);
            raise(&mut initial, &sidecars);
        } else {
            add(&mut needed, &sidecars);
            raise(&mut initial, &needed);
        }
    }
    raise(&mut sum, &initial);
    let whole = |name: &str| matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
    sum.extend(amounts(pod, &["spec", "resources", what]).into_iter().filter(|(name, _)| whole(name)));
    let mut overhead = amounts(pod, &["spec", "overhead"]);
    overhead.retain(|name, _| what == "requests" || sum.get(name).is_some_and(|limit| limit.nanos != 0));
    add(&mut sum, &overhead);
    sum
}

/// Requests of a container, or those in effect while its pod is resized (`determineEffectiveRequests`).
fn of_container(pod: &Value<'_>, container: &Value<'_>, what: &str, with_status: bool) -> Amounts {
    let list = |path: &[&str]| pod.at(path).and_then(Value::as_list).unwrap_or_default();
    let spec = amounts(container, &["resources", what]);
    let statuses = list(&["status", "containerStatuses"]).iter().chain(list(&["status", "initContainerStatuses"]));
    let mut resized = statuses.filter(|status| with_status && status.get("resources").is_some());
    let Some(status) = resized.find(|status| status.get("name") == container.get("name")) else { return spec };
    let text = |value: &Value<'_>, name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let pending = list(&["status", "conditions"]).iter().find(|of| text(of, "type") == "PodResizePending");
    let mut most = match pending {
        Some(pending) if text(pending, "reason") == "Infeasible" => Amounts::new(),
        _ => spec,
    };
    raise(&mut most, &amounts(status, &["resources", what]));
    if what == "requests" {
        raise(&mut most, &amounts(status, &["allocatedResources"]));
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    fn amount(text: &str) -> Amount {
        Amount::parse(&Value::str(text)).unwrap()
    }

    #[test]
    fn amounts_are_printed_as_go_does() {
        for (a, b, sum) in [
            ("250m", "1", "1250m"),
            ("500m", "500m", "1"),
            ("64Mi", "1Gi", "1088Mi"),
            ("0", "128Mi", "128Mi"),
            ("1Gi", "1Gi", "2Gi"),
            ("1Ki", "500", "1524"),
            ("500", "524", "1024"),
            ("1M", "1M", "2M"),
            ("100", "900", "1k"),
            ("1n", "0", "1n"),
            ("1.5Gi", "0", "1536Mi"),
            ("0", "0", "0"),
            ("10Ei", "1", "8Ei"),
        ] {
            assert_eq!(amount(a).plus(amount(b)).to_string(), sum, "{a} {b}");
        }
        assert_eq!(amount("250m").percent(amount("4"), "cpu"), 6);
        assert_eq!(amount("64Mi").percent(amount("1Gi"), "memory"), 6);
        assert_eq!(amount("1").percent(amount("0"), "memory"), 0);
    }

    #[test]
    fn a_share_is_of_what_the_node_can_allocate() {
        let all = |list: [(&str, &str); 2]| list.map(|(name, text)| (name.to_owned(), amount(text))).into();
        let (allocatable, requests): (Amounts, Amounts) =
            (all([("cpu", "2"), ("pods", "110")]), all([("cpu", "500m"), ("memory", "1Gi")]));
        let allocation = Allocation { allocatable, requests, ..Default::default() };
        let share = |name| allocation.share(&allocation.requests, name);
        assert_eq!([share("cpu"), share("memory")], [(amount("500m"), 25), (amount("1Gi"), 0)]);
        assert!(allocation.resources().eq(["cpu", "memory", "ephemeral-storage"]));
    }

    #[test]
    fn a_pod_asks_for_what_its_containers_do() {
        let pod = decode(
            br#"{"spec":{"containers":[{"name":"a","resources":{"requests":{"cpu":"1"}}},{"name":"b"}],
            "initContainers":[{"name":"s","restartPolicy":"Always","resources":{"requests":{"cpu":"500m"}}},
            {"name":"i","resources":{"requests":{"cpu":"2","memory":"1Gi"}}}],"overhead":{"cpu":"100m"}},
            "status":{"containerStatuses":[{"name":"a","resources":{"requests":{"cpu":"3"}}}]}}"#,
        )
        .unwrap()
        .value;
        let cpu = |with_status| of_pod(&pod, "requests", with_status).get("cpu").unwrap().to_string();
        // the init container and the sidecar, or all that runs later; and the overhead
        assert_eq!((cpu(false), cpu(true)), ("2600m".to_owned(), "3600m".to_owned()));
        assert!(of_pod(&pod, "limits", true).is_empty());
    }
}
