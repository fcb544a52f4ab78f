//! What the commands do to instances, seen from outside.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;

use crate::harness::{Platform, eventually, kernel_state, one_line, signal, who};

#[test]
fn killed_instance_is_refused_and_comes_back_by_restart() {
    let platform = Platform::up(21_100, &[]);
    let browse = platform.addr("browse-a");
    assert_eq!(browse.port(), platform.port_base + 6);
    assert_eq!(who(browse).as_deref(), Some("browse-a"));

    assert_eq!(platform.told(&["kill", "browse-a"]).trim(), "browse-a is dead");
    assert_eq!(who(browse), None, "refused as soon as the command returns");
    assert_eq!(platform.status("browse-a")[1], "dead");
    assert!(platform.told(&["status"]).contains("signal 9"));
    assert_eq!(who(platform.addr("browse-b")).as_deref(), Some("browse-b"));

    let again = platform.tell(&["kill", "browse-a"]);
    assert_eq!(again.status.code(), Some(1));
    let said = one_line(&again);
    assert!(said.contains("browse-a is dead: `platform restart browse-a` starts it"), "{said}");

    platform.told(&["restart", "browse-a"]);
    assert_eq!(who(browse).as_deref(), Some("browse-a"), "it answers when the command returns");
    assert_eq!(platform.status("browse-a")[4], "2", "started twice");
}

#[test]
fn frozen_instance_keeps_its_port_and_says_nothing() {
    let platform = Platform::up(21_120, &[]);
    let (pid, addr) = (platform.pid("playback-a"), platform.addr("playback-a"));
    platform.told(&["freeze", "playback-a"]);
    assert_eq!(kernel_state(pid), Some('T'));
    assert_eq!(platform.status("playback-a")[1], "frozen");
    TcpStream::connect(addr).expect("the kernel still accepts");
    assert_eq!(who(addr), None);

    platform.told(&["thaw", "playback-a"]);
    assert_eq!(platform.status("playback-a")[1], "running");
    assert_eq!(who(addr).as_deref(), Some("playback-a"));

    // SIGKILL works on what is frozen, and a restart is a kill first.
    platform.told(&["freeze", "playback-a"]);
    platform.told(&["restart", "playback-a"]);
    assert_ne!(platform.pid("playback-a"), pid);
    assert_eq!(who(addr).as_deref(), Some("playback-a"));
}

#[test]
fn what_is_done_by_hand_is_seen() {
    let platform = Platform::up(21_140, &[]);
    signal(platform.pid("search-b"), Signal::SIGKILL);
    eventually("the death is seen", || platform.status("search-b")[1] == "dead");
    signal(platform.pid("search-c"), Signal::SIGSTOP);
    eventually("the freeze is seen", || platform.status("search-c")[1] == "frozen");
    assert_eq!(platform.status("search-a")[1], "running");
}

#[test]
fn unknown_instance_lists_the_known_ones() {
    let platform = Platform::up(21_160, &[]);
    let output = platform.tell(&["kill", "playback-d"]);
    assert_eq!(output.status.code(), Some(2));
    let said = one_line(&output);
    assert!(said.contains("no instance is named `playback-d`; there are registry-a,"), "{said}");
    assert!(said.contains("entitlement-b") && !said.contains("entitlement-c"), "{said}");
}

#[test]
fn control_refuses_a_wrong_token_and_noise() {
    let platform = Platform::up(21_180, &[]);
    let file = platform.path().join("control.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the token is for its owner only");
    let text = std::fs::read_to_string(&file).unwrap();
    let control: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ask = |line: &str| {
        let mut stream = TcpStream::connect(control["address"].as_str().unwrap()).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let kill = |token: &str| {
        let request =
            serde_json::json!({"token": token, "command": "kill", "instance": "browse-b"});
        ask(&format!("{request}\n"))
    };
    assert!(kill(&"0".repeat(64)).contains("the token is wrong"));
    assert!(kill("").contains("the token is wrong"));
    assert!(ask("GET / HTTP/1.1\r\n\r\n").contains("not one line of JSON"));
    assert_eq!(platform.status("browse-b")[1], "running", "nothing was done");

    let unknown = serde_json::json!({"token": control["token"], "command": "explode"});
    assert!(ask(&format!("{unknown}\n")).contains("there are status, kill"));
    assert!(kill(control["token"].as_str().unwrap()).contains("browse-b is dead"));
}

#[test]
fn in_one_process_a_kill_closes_everything_and_a_freeze_is_refused() {
    let mut platform = Platform::up(21_200, &["--in-process", "--flat"]);
    assert_eq!(platform.children(), [0; 0]);
    let search = platform.addr("search-c");
    assert_eq!(search.to_string(), "127.0.0.1:23205");
    assert_eq!(who(search).as_deref(), Some("search-c"));
    let mut open = TcpStream::connect(search).unwrap();
    open.write_all(b"GET /who HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut first = [0; 12];
    open.read_exact(&mut first).unwrap();

    platform.told(&["kill", "search-c"]);
    assert_eq!(who(search), None);
    // The open connection ended with its instance: what was sent, then the end.
    let _ = open.read_to_end(&mut Vec::new());
    assert_eq!(platform.status("search-c")[1], "dead");

    platform.told(&["restart", "search-c"]);
    assert_eq!(who(search).as_deref(), Some("search-c"));
    let refused = platform.tell(&["freeze", "search-c"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(one_line(&refused).contains("start without --in-process"));

    platform.told(&["down"]);
    assert!(platform.ended().success());
}
