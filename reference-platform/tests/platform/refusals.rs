//! What cannot be done is said in one line, with a non-zero exit code, and nothing is left running.

use std::net::TcpListener;
use std::process::Output;

use crate::harness::{Platform, children_of, command, one_line, run};

/// Runs `up` where it must refuse, and checks that it made nothing.
fn up(arguments: &[&str]) -> Output {
    let child = command(&["up"])
        .args(arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let supervisor = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(children_of(supervisor), [0; 0]);
    assert!(output.stdout.is_empty());
    output
}

#[test]
fn taken_port_names_the_port_and_the_way_out() {
    let taken = TcpListener::bind("127.0.2.1:21227").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let output = up(&["--dir", dir.path().to_str().unwrap(), "--port-base", "21220"]);
    assert_eq!(output.status.code(), Some(2));
    let said = one_line(&output);
    assert!(said.contains("port 127.0.2.1:21227 for playback-b is taken"), "{said}");
    assert!(said.contains("--port-base"), "{said}");
    assert!(!dir.path().join("control.json").exists());
    drop(taken);
}

#[test]
fn second_platform_in_one_directory_is_refused_and_the_first_goes_on() {
    let platform = Platform::up(21_240, &[]);
    let output = up(&["--dir", platform.path().to_str().unwrap(), "--port-base", "21260"]);
    assert_eq!(output.status.code(), Some(2));
    let said = one_line(&output);
    assert!(
        said.contains("a platform already runs in") && said.contains("platform down --dir"),
        "{said}"
    );
    assert_eq!(platform.status("gateway-a")[1], "running");
}

#[test]
fn missing_parent_directory_says_mkdir() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no/such");
    let output = up(&["--dir", missing.to_str().unwrap(), "--port-base", "21280"]);
    assert_eq!(output.status.code(), Some(2));
    let said = one_line(&output);
    assert!(said.contains("mkdir -p"), "{said}");
}

#[test]
fn bad_graph_names_the_file_and_the_rule() {
    let dir = tempfile::tempdir().unwrap();
    let graph = dir.path().join("mine.toml");
    let built_in = include_str!("../../graph.toml");
    let broken = built_in.replace("personalization = 2", "personalization = 2\nratings = 1");
    std::fs::write(&graph, broken).unwrap();
    let (path, place) = (graph.to_str().unwrap(), dir.path().join("p"));
    let start = || up(&["--dir", place.to_str().unwrap(), "--port-base", "21300", "--graph", path]);

    let output = start();
    assert_eq!(output.status.code(), Some(2));
    let said = one_line(&output);
    assert!(said.contains("mine.toml: tiers: no service is named `ratings`"), "{said}");

    let critical = built_in.replace("critical = false", "critical = true");
    std::fs::write(&graph, critical).unwrap();
    let said = one_line(&start());
    assert!(said.contains("a critical edge never points to a higher tier"), "{said}");

    std::fs::remove_file(&graph).unwrap();
    let said = one_line(&start());
    assert!(said.contains("--graph: ") && said.contains("mine.toml"), "{said}");
}

#[test]
fn bad_arguments_are_usage_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let output = up(&["--dir", path, "--port-base", "80"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(one_line(&output).contains("must be within 1024..="));
    assert_eq!(up(&["--dir", path, "--resilience", "perhaps"]).status.code(), Some(2));
    assert_eq!(run(&["explode"]).status.code(), Some(2));
    let nowhere = run(&["run", "--service", "nothing", "--zone", "a", "--dir", path]);
    assert_eq!(nowhere.status.code(), Some(2));
}

#[test]
fn command_without_a_platform_says_how_to_start_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for arguments in [&["status"][..], &["kill", "browse-a"], &["down"]] {
        let output = command(arguments).args(["--dir", path]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = one_line(&output);
        assert!(said.contains("platform up --dir"), "{said}");
    }
}

#[test]
fn instance_outside_its_zones_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "00".repeat(32)).unwrap();
    let path = dir.path().to_str().unwrap();
    let output = run(&["run", "--service", "entitlement", "--zone", "c", "--dir", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(one_line(&output).contains("entitlement does not stand in zone c"));
}
