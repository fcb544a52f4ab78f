//! Fixed lists and files, in paused time.
#![cfg(all(feature = "eureka", feature = "file"))]

mod common;

use std::time::Duration;

use common::drain;
use futures_util::{FutureExt, StreamExt};
use orlop_discovery_client::{
    core::{Addr, Endpoint, Update},
    file, fixed,
};

#[tokio::test]
async fn a_fixed_list_is_told_once_and_does_not_end() {
    let mut stream = fixed([Endpoint::new("p1", ([127, 0, 0, 1], 9110))]);
    assert_eq!(drain(&mut stream).await, ["=p1"]);
    assert!(stream.next().now_or_never().is_none(), "pending, which is not ended");
}

const TWO: &str = r#"
    [[endpoint]]
    id = "p1"
    addr = "127.0.0.1:9110"
    zone = "a"
    weight = 3
    authority = "playback.example"
    meta.version = "1"
    [[endpoint]]
    addr = "playback.example:80"
"#;

#[tokio::test(start_paused = true)]
async fn a_file_is_told_as_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("playback.toml");
    let mut watch = file::watch(&path).every(Duration::from_secs(1));

    let Some(Update::Failed(error)) = watch.next().await else { panic!("the file is missing") };
    assert!(error.to_string().ends_with("playback.toml: cannot be read"), "{error}");

    std::fs::write(&path, TWO).unwrap();
    let Some(Update::Reset(list)) = watch.next().await else { panic!("the file is there") };
    assert_eq!(list.len(), 2);
    assert_eq!((list[0].zone(), list[0].weight().get()), (Some("a"), 3));
    assert_eq!((list[0].authority(), &*list[0].meta()["version"]), ("playback.example", "1"));
    assert_eq!(list[1].id().as_str(), "playback.example:80");
    assert_eq!(list[1].addr(), &Addr::Name("playback.example".into(), 80));

    std::fs::write(&path, "[[endpoint]]\naddr = \"unix:/run/p.sock\"").unwrap();
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(common::short(&watch.next().await.unwrap()));
    }
    assert_eq!(told, ["-p1", "-playback.example:80", "+unix:/run/p.sock"]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_file_is_told_once_and_the_old_list_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("playback.toml");
    std::fs::write(&path, TWO).unwrap();
    let mut watch = file::watch(&path).every(Duration::from_secs(1));
    assert_eq!(common::short(&watch.next().await.unwrap()), "=p1,playback.example:80");
    for (bad, text) in [
        ("endpoint = 1", "not a list of endpoints"),
        ("[[endpoint]]\naddr = \"nowhere\"", "must be ip:port, name:port or unix:path"),
        (
            "[[endpoint]]\naddr = \"h:1\"\n[[endpoint]]\naddr = \"h:1\"",
            "endpoint h:1 is listed twice",
        ),
        ("[[endpoint]]\naddr = \"h:1\"\nwieght = 2", "not a list of endpoints"),
    ] {
        std::fs::write(&path, bad).unwrap();
        let Some(Update::Failed(error)) = watch.next().await else { panic!("{bad}") };
        assert!(error.to_string().contains(text), "{error}");
    }
    std::fs::write(&path, TWO.replace("9110", "9111")).unwrap();
    assert_eq!(
        common::short(&watch.next().await.unwrap()),
        "+p1",
        "only what differs from the old"
    );
}
