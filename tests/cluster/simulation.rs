//! Rehearsals, as their users run them.

use std::path::Path;
use std::process::{Command, Output};

use kabuki::simulation::{Covered, Scenario, Watching, coverage, rehearse};
use serde_json::Value;

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/scenarios");

fn sim(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kabuki")).arg("sim").args(arguments).current_dir(directory).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn scenario(name: &str) -> Scenario {
    Scenario::read(&std::fs::read_to_string(format!("{SCENARIOS}/{name}.yaml")).unwrap()).unwrap()
}

/// What a seed of a scenario breaks.
fn broken(scenario: Scenario, seed: u64) -> Option<String> {
    let name = scenario.name.clone();
    let (outcome, _) = rehearse(&scenario.script(seed), &Watching::default()).unwrap();
    let violation = outcome.violation?;
    Some(format!("{name} seed {seed}: {} of {:?}: {}", violation.invariant, violation.object, violation.what))
}

#[test]
fn every_scenario_that_ships_is_clean() {
    let mut names: Vec<String> = std::fs::read_dir(SCENARIOS)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().unwrap().strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 16, "{names:?}");
    let list = sim(Path::new("/"), &["list"]);
    for name in names {
        assert!(text(&list.stdout).contains(&name), "{name} is not listed");
        let mut scenario = scenario(&name);
        // As large as ships it is for a machine with time.
        scenario.nodes.count = scenario.nodes.count.min(40);
        scenario.pods = scenario.pods.min(400);
        assert_eq!(broken(scenario, 1), None);
    }
}

#[test]
fn days_of_chaos_are_clean() {
    for seed in 1..=6 {
        assert_eq!(broken(scenario("chaos"), seed), None);
    }
}

#[test]
fn every_write_of_the_cast_survives_a_kill_on_either_side_and_a_view_of_the_past() {
    let all = coverage(&scenario("coverage"), 1, 2).unwrap();
    assert!(all.len() > 90, "only {}", all.len());
    let bad: Vec<&Covered> = all.iter().filter(|covered| !covered.hit || covered.violation.is_some()).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn two_processes_live_the_same_day() {
    let elsewhere = tempfile::tempdir().unwrap();
    let run = |directory: &Path, zone: &str, arguments: &[&str]| -> Vec<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kabuki"));
        command.args(["sim", "run", "rolling-scale", "--output", "json"]).args(arguments).env("TZ", zone).current_dir(directory);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        let mut digests: Vec<String> = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|outcome| format!("{} {}", outcome["seed"], outcome["digest"]))
            .collect();
        digests.sort();
        digests
    };
    let one = run(Path::new("/"), "UTC", &["--seeds", "3..4"]);
    assert_eq!(one.len(), 2);
    assert_eq!(one, run(elsewhere.path(), "Asia/Tokyo", &["--seeds", "3..4", "--jobs", "2"]));
}

#[test]
fn the_schema_beside_the_scenarios_is_that_of_what_is_read() {
    let printed = sim(Path::new("/"), &["schema"]);
    let written = std::fs::read_to_string(format!("{SCENARIOS}/scenario.schema.json")).unwrap();
    assert_eq!(text(&printed.stdout), written, "write it anew: kabuki sim schema > examples/scenarios/scenario.schema.json");
}

#[test]
fn what_cannot_happen_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let head = "name: x\nabout: x\n";
    let cases = [
        ("nodes: {count: 3}\ntimelime: []\n", "at line 4, column 1"),
        ("timeline:\n- {at: 1s, do: {explode: {}}}\n", "explode"),
        ("timeline:\n- {at: soon, do: {fail-fsync: {}}}\n", "\"soon\" is no duration"),
        ("timeline:\n- {at: 1s, do: {lose-answers: {rate: 2, for: 1s}}}\n", "timeline[0]: lose-answers: rate is 2"),
        ("nodes: {count: 0}\n", "nodes.count is 0"),
        ("nodes: {memory: much}\n", "nodes.memory"),
        ("chaos: {during: 1m, among: [thunder]}\n", "there is no deed \"thunder\""),
        ("invariants: [{name: r, on: pods, rule: 'object.'}]\n", "invariant \"r\""),
        ("invariants: [{name: r, on: pigs, rule: 'true'}]\n", "there is no kind \"pigs\""),
    ];
    for (rest, expected) in cases {
        std::fs::write(directory.path().join("s.yaml"), format!("{head}{rest}")).unwrap();
        let output = sim(directory.path(), &["run", "s.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{rest}");
        let error = text(&output.stderr);
        assert!(error.starts_with("error: s.yaml: ") && error.contains(expected), "{rest}: {error}");
    }
    std::fs::write(directory.path().join("f.json"), r#"{"version": 99}"#).unwrap();
    let output = sim(directory.path(), &["replay", "f.json"]);
    assert_eq!((output.status.code(), text(&output.stderr).contains("version 99")), (Some(2), true));
}

#[test]
fn what_fails_is_written_down_replayed_made_smaller_and_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let scenario = "
name: too-many
about: a rule of one's own is broken
nodes: {count: 4}
pods: 6
timeline:
- {at: 1s, do: {delete-pod: {pick: 1}}}
- {at: 5s, do: {reboot: {node: 1}}}
- {at: 9s, do: {scale: {pick: 0, replicas: 9}}}
- {at: 20s, do: {crash: {down: 1s}}}
invariants:
- {name: at-most-eight, on: replicationcontrollers, rule: object.spec.replicas <= 8}
";
    std::fs::write(directory.path().join("s.yaml"), scenario).unwrap();
    let run = sim(directory.path(), &["run", "s.yaml", "--seed", "3", "--output", "json"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stderr));
    let first: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(first["violation"]["invariant"], "at-most-eight");
    assert_eq!(first["violation"]["object"], "controllers/default/load-0");
    assert!(!first["lastEvents"].as_array().unwrap().is_empty());

    let replay = sim(directory.path(), &["replay", "too-many-3.json", "--output", "json"]);
    assert_eq!(replay.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Value>(&replay.stdout).unwrap()["digest"], first["digest"]);

    let stopped = sim(directory.path(), &["replay", "too-many-3.json", "--break-on", "rc/default/load-0", "--verbose", "scheduler"]);
    let shown = text(&stopped.stdout);
    assert_eq!(stopped.status.code(), Some(0), "{shown}{}", text(&stopped.stderr));
    assert!(shown.contains("stopped at ") && shown.contains("\"kind\": \"ReplicationController\""), "{shown}");
    assert!(shown.contains(" asks     create-subresource pods/default/load-"), "{shown}");
    let controllers = sim(directory.path(), &["replay", "too-many-3.json", "--until", "5s", "--verbose", "controllers"]);
    assert!(text(&controllers.stdout).contains("is shown pods: ADDED"), "{}", text(&controllers.stdout));
    let until = sim(directory.path(), &["replay", "too-many-3.json", "--until", "30s", "--output", "json"]);
    let halted = serde_json::from_slice::<Value>(&until.stdout).unwrap()["halted"].clone();
    assert_eq!((&halted["time"], halted["lastEvents"].as_array().unwrap().len()), (&"2026-01-01T00:00:30Z".into(), 20));
    assert!(text(&sim(directory.path(), &["replay", "too-many-3.json", "--until", "1y"]).stderr).contains("\"1y\" is no time"));

    let shrink = sim(directory.path(), &["shrink", "too-many-3.json"]);
    assert!(text(&shrink.stdout).starts_with("1 of 4 deeds are left"), "{}", text(&shrink.stdout));
    assert_eq!(sim(directory.path(), &["replay", "too-many-3.min.json"]).status.code(), Some(1));

    assert!(sim(directory.path(), &["report", "too-many-3.json", "--html", "out.html"]).status.success());
    let page = std::fs::read_to_string(directory.path().join("out.html")).unwrap();
    assert!(page.contains("at-most-eight") && page.contains("controllers/default/load-0") && !page.contains("/*DATA*/"));
}
