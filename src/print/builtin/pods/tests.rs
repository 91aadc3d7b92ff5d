//! The cases are those of `TestPrintPod` and its neighbours in `printers_test.go`.

use super::super::testing::row;

/// Ready, status and restarts of a Pod with `n` containers.
fn shown(containers: usize, init: &str, meta: &str, status: &str) -> Vec<String> {
    let containers = vec!["{}"; containers].join(",");
    let pod = format!(
        r#"{{"metadata":{{"name":"p"{meta}}},"spec":{{"containers":[{containers}],"initContainers":[{init}]}},
        "status":{{{status}}}}}"#
    );
    row("pods", &pod)[1..4].to_vec()
}

/// The status of a container: whether it is ready, its restarts, its state, and its last end.
fn container(ready: bool, restarts: usize, state: &str, ended: &str) -> String {
    let last = match ended {
        "" => String::new(),
        at => format!(r#","lastState":{{"terminated":{{"finishedAt":"{at}"}}}}"#),
    };
    format!(r#"{{"name":"c","ready":{ready},"restartCount":{restarts},"state":{{{state}}}{last}}}"#)
}

const RUNNING: &str = r#""running":{}"#;
const WAITING: &str = r#""waiting":{}"#;
const BACK_OFF: &str = r#""waiting":{"reason":"CrashLoopBackOff"}"#;
const COMPLETED: &str = r#""terminated":{"reason":"Completed","exitCode":0}"#;
const CRASHED: &str = r#""terminated":{"reason":"podCrash","exitCode":1}"#;
const TEN_SECONDS_AGO: &str = "2026-01-01T23:59:50Z";
const FIVE_DAYS_AGO: &str = "2025-12-28T00:00:00Z";

#[test]
fn containers_decide() {
    let two = |phase: &str, first: String, second: String| {
        shown(2, "", "", &format!(r#""phase":"{phase}","containerStatuses":[{first},{second}]"#))
    };
    let running = || container(true, 3, RUNNING, "");
    assert_eq!(two("Odd", running(), container(false, 3, "", "")), ["1/2", "Odd", "6"]);
    assert_eq!(two("Odd", running(), container(true, 3, "", "")), ["1/2", "Odd", "6"]);
    assert_eq!(two("Odd", running(), container(false, 3, BACK_OFF, "")), ["1/2", "CrashLoopBackOff", "6"]);
    assert_eq!(
        two("Odd", container(false, 3, BACK_OFF, ""), container(false, 3, CRASHED, "")),
        ["0/2", "CrashLoopBackOff", "6"]
    );
    assert_eq!(two("Running", container(true, 3, COMPLETED, ""), running()), ["1/2", "NotReady", "6"]);
    assert_eq!(
        two("Failed", container(false, 0, CRASHED, ""), container(true, 0, RUNNING, "")),
        ["1/2", "podCrash", "0"]
    );
    assert_eq!(
        two("Failed", container(true, 0, RUNNING, ""), container(false, 0, CRASHED, "")),
        ["1/2", "podCrash", "0"]
    );
    let signal = r#""terminated":{"signal":9,"exitCode":137}"#;
    assert_eq!(two("Failed", container(false, 0, signal, ""), container(false, 0, "", ""))[1], "Signal:9");
    let code = r#""terminated":{"exitCode":137}"#;
    assert_eq!(two("Failed", container(false, 0, code, ""), container(false, 0, "", ""))[1], "ExitCode:137");

    let ready = r#""conditions":[{"type":"Ready","status":"True"}]"#;
    let (done, running) = (container(true, 3, COMPLETED, ""), container(true, 3, RUNNING, ""));
    let status = format!(r#""phase":"Running",{ready},"containerStatuses":[{done},{running}]"#);
    assert_eq!(shown(2, "", "", &status), ["1/2", "Running", "6"]);
    let status = format!(r#""phase":"Odd","reason":"podReason","containerStatuses":[{running}]"#);
    assert_eq!(shown(1, "", "", &status)[1], "podReason");
    // the error is shown when another container completed
    let crashed = container(false, 0, CRASHED, "");
    let status = format!(r#""phase":"Failed","containerStatuses":[{done},{running},{crashed}]"#);
    assert_eq!(shown(3, "", "", &status)[..2], ["1/3", "podCrash"]);
}

#[test]
fn restarts_say_when_the_last_was() {
    let status = |first: &str, second: &str| {
        let (first, second) = (container(true, 6, RUNNING, first), container(true, 3, RUNNING, second));
        shown(2, "", "", &format!(r#""phase":"Running","containerStatuses":[{first},{second}]"#))
    };
    assert_eq!(status(FIVE_DAYS_AGO, ""), ["2/2", "Running", "9 (5d ago)"]);
    assert_eq!(status(FIVE_DAYS_AGO, "2025-12-01T00:00:00Z")[2], "9 (5d ago)");
    assert_eq!(status(FIVE_DAYS_AGO, TEN_SECONDS_AGO)[2], "9 (10s ago)");
    let none = container(true, 0, RUNNING, FIVE_DAYS_AGO);
    assert_eq!(shown(1, "", "", &format!(r#""containerStatuses":[{none}]"#))[2], "0");
}

#[test]
fn init_containers_come_first() {
    let status = |init: &[String]| {
        let waiting = container(false, 0, WAITING, "");
        let all = init.join(",");
        let init = vec!["{}"; init.len()].join(",");
        shown(
            1,
            &init,
            "",
            &format!(r#""phase":"Odd","initContainerStatuses":[{all}],"containerStatuses":[{waiting}]"#),
        )
    };
    let restarting = || container(false, 3, RUNNING, TEN_SECONDS_AGO);
    let waiting = || container(false, 0, WAITING, "");
    let done = || container(false, 2, r#""terminated":{}"#, "2026-01-01T23:58:00Z");
    assert_eq!(status(&[restarting()]), ["0/1", "Init:0/1", "3 (10s ago)"]);
    assert_eq!(status(&[restarting(), waiting()]), ["0/1", "Init:0/2", "3 (10s ago)"]);
    assert_eq!(status(&[done(), restarting()]), ["0/1", "Init:1/2", "5 (10s ago)"]);
    assert_eq!(status(&[container(false, 1, BACK_OFF, "")])[1], "Init:CrashLoopBackOff");
    assert_eq!(status(&[container(false, 1, r#""waiting":{"reason":"PodInitializing"}"#, "")])[1], "Init:0/1");
    assert_eq!(status(&[container(false, 1, CRASHED, "")])[1], "Init:podCrash");
    assert_eq!(status(&[container(false, 1, r#""terminated":{"exitCode":3}"#, "")])[1], "Init:ExitCode:3");
    assert_eq!(status(&[container(false, 1, r#""terminated":{"signal":9,"exitCode":3}"#, "")])[1], "Init:Signal:9");
    assert_eq!(status(&[done()]), ["0/1", "Odd", "0"]);
}

#[test]
fn sidecars_count_as_containers() {
    let init = r#"{"name":"a","restartPolicy":"Always"},{"name":"b","restartPolicy":"Always"}"#;
    let sidecar = |name: &str, started: bool, restarts: usize, ended: &str| {
        let status = container(false, restarts, RUNNING, ended);
        status.replacen(r#""name":"c""#, &format!(r#""name":"{name}","started":{started}"#), 1)
    };
    let status = |first: &str, second: &str, initialized: &str, main: &str| {
        let conditions = format!(r#""conditions":[{{"type":"Initialized","status":"{initialized}"}}]"#);
        let statuses = format!(r#""initContainerStatuses":[{first},{second}],"containerStatuses":[{main}]"#);
        shown(1, init, "", &format!(r#""phase":"Running",{conditions},{statuses}"#))
    };
    let waiting = container(false, 0, WAITING, "");
    let (on, off) = (sidecar("a", true, 3, TEN_SECONDS_AGO), sidecar("a", false, 3, TEN_SECONDS_AGO));
    assert_eq!(status(&off, &sidecar("b", false, 0, ""), "False", &waiting), ["0/3", "Init:0/2", "3 (10s ago)"]);
    assert_eq!(status(&on, &sidecar("b", false, 0, ""), "False", &waiting), ["0/3", "Init:1/2", "3 (10s ago)"]);
    let main = container(true, 4, RUNNING, "2026-01-01T23:59:40Z");
    assert_eq!(status(&on, &sidecar("b", true, 0, ""), "True", &main), ["1/3", "Running", "7 (10s ago)"]);
    // statuses of containers that are not in the spec
    let strange = r#""initContainerStatuses":[{"name":"strange"}],"containerStatuses":[{"name":"stranger"}]"#;
    assert_eq!(shown(1, init, "", strange), ["0/3", "Init:0/2", "0"]);
}

#[test]
fn what_is_deleted_is_terminating_unless_it_has_ended() {
    let going = r#","deletionTimestamp":"2026-01-01T00:00:00Z""#;
    assert_eq!(shown(1, "", going, r#""phase":"Running""#)[1], "Terminating");
    assert_eq!(shown(1, "", going, r#""phase":"Pending""#)[1], "Terminating");
    assert_eq!(shown(1, "", going, r#""phase":"Succeeded""#)[1], "Succeeded");
    let done = container(false, 0, COMPLETED, "");
    let status = format!(r#""phase":"Succeeded","containerStatuses":[{done}]"#);
    assert_eq!(shown(1, "", going, &status)[1], "Completed");
    assert_eq!(shown(1, "", going, r#""phase":"Running","reason":"NodeLost""#)[1], "Unknown");
    let gated =
        r#""phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"SchedulingGated"}]"#;
    assert_eq!(shown(2, "", "", gated), ["0/2", "SchedulingGated", "0"]);
}

#[test]
fn where_a_pod_is() {
    let wide = |spec: &str, status: &str| {
        row("pods", &format!(r#"{{"spec":{{{spec}}},"status":{{{status}}}}}"#))[5..].to_vec()
    };
    assert_eq!(wide("", ""), ["<none>"; 4]);
    let gates =
        r#""nodeName":"n1","readinessGates":[{"conditionType":"a"},{"conditionType":"b"},{"conditionType":"c"}]"#;
    let status = r#""podIPs":[{"ip":"1.1.1.1"},{"ip":"::1"}],"nominatedNodeName":"n2",
        "conditions":[{"type":"a","status":"True"},{"type":"b","status":"False"},{"type":"b","status":"True"}]"#;
    assert_eq!(wide(gates, status), ["1.1.1.1", "n1", "n2", "1/3"]);
    assert_eq!(wide("", r#""podIP":"2.2.2.2""#)[0], "2.2.2.2");
    assert_eq!(wide(r#""nodeName":7"#, r#""podIPs":{}"#), ["<none>"; 4]);
}
