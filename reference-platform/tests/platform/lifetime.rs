//! However a platform ends, nothing of it is left.

use std::net::TcpListener;

use nix::sys::signal::Signal;

use crate::harness::{Platform, children_of, command, eventually, kernel_state, signal};

#[test]
fn killed_supervisor_takes_its_children_along_frozen_or_not() {
    let mut platform = Platform::up(21_000, &[]);
    assert_eq!(platform.children().len(), 25);
    platform.told(&["freeze", "playback-b"]);
    let frozen = platform.pid("playback-b");
    assert_eq!(kernel_state(frozen), Some('T'));

    platform.supervisor.kill().unwrap();
    platform.ended();
    eventually("no child is left", || platform.children().is_empty());
    assert!(!matches!(kernel_state(frozen), Some('T' | 'S' | 'R')));
}

#[test]
fn down_returns_when_everything_has_ended() {
    let mut platform = Platform::up(21_020, &[]);
    platform.told(&["freeze", "search-c"]);
    let gateway = platform.addr("gateway-a");

    let said = platform.told(&["down"]);
    assert_eq!(said.trim(), "every instance has ended");
    assert_eq!(platform.children(), [0; 0]);
    assert!(platform.ended().success());
    assert!(!platform.path().join("control.json").exists());
    TcpListener::bind(gateway).expect("the port is free again");
}

#[test]
fn ctrl_c_and_sigterm_end_frozen_children_too() {
    for (port_base, which) in [(21_040, Signal::SIGINT), (21_060, Signal::SIGTERM)] {
        let mut platform = Platform::up(port_base, &[]);
        platform.told(&["freeze", "entitlement-a"]);
        signal(platform.supervisor.id(), which);
        assert!(platform.ended().success(), "{which}");
        assert_eq!(platform.children(), [0; 0], "{which}");
    }
}

#[test]
fn ctrl_c_during_the_start_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let mut starting = command(&["up", "--dir", path, "--port-base", "21080"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let supervisor = starting.id();
    eventually("the first child is there", || !children_of(supervisor).is_empty());
    signal(supervisor, Signal::SIGINT);
    assert!(starting.wait().unwrap().success());
    assert_eq!(children_of(supervisor), [0; 0]);
}

#[test]
fn child_with_another_parent_than_it_was_told_ends_at_once() {
    let orphan = command(&["run", "--supervisor=1", "--service", "search", "--zone", "a"]);
    let mut orphan = { orphan }.spawn().unwrap();
    assert_eq!(orphan.wait().unwrap().code(), Some(75));
}
