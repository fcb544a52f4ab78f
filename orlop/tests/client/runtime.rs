//! Clients and runtimes: none when built, gone when called.

use crate::support::{get, has, kind, mocks, settings, text};
use orlop::{
    NoRuntime,
    connect::{self, Http},
    core::Kind,
    discovery,
};
use orlop_testkit::MockPool;

#[test]
fn outside_a_runtime_there_is_no_client() {
    let built = orlop::client("playback")
        .discover(discovery::fixed([]))
        .connect(connect::hyper(Http::One))
        .build();
    assert_eq!(built.unwrap_err(), NoRuntime);
    assert_eq!(NoRuntime.to_string(), "a client must be built within a tokio runtime");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

#[test]
fn a_client_whose_runtime_has_gone_gets_an_error() {
    let pool = MockPool::new(["a"]);
    let first = runtime();
    let client = first.block_on(async {
        let client = orlop::client("playback")
            .settings(settings(None, None))
            .discover(discovery::fixed(pool.endpoints()))
            .connect(mocks(&pool))
            .build()
            .unwrap();
        assert_eq!(text(client.send(get("/")).await.unwrap()).await, "a");
        client
    });
    drop(first);
    let error = runtime().block_on(client.send(get("/"))).unwrap_err();
    assert!(has::<orlop::lb::Orphaned>(&error), "{error:?}");
    assert_eq!(kind(&error), Some(Kind::NoEndpoints));
    assert_eq!(pool.calls("a"), 1);
}
