//! Clients and runtimes: none when built, gone when called.

use crate::support::{get, has, kind, mocks, serve, settings, text};
use axum::Router;
use futures_util::stream;
use orlop::{
    Endpoint, NoRuntime, Update,
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

/// A list that has ended needs nobody to follow it. The connections that the first runtime's tasks kept are gone, too.
#[test]
fn a_fixed_list_goes_on_serving_with_connections_of_the_new_runtime() {
    let serving =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let serving = serving.unwrap();
    let addr = serving.block_on(serve(Router::new().fallback(async || "here")));
    for http in [Http::One, Http::Two] {
        let plain = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let first = plain();
        let client = first.block_on(async {
            let list = stream::iter([Update::Reset(vec![Endpoint::new("a", addr)])]);
            let client = orlop::client("playback")
                .settings(settings(Some(20_000), None))
                .discover(list)
                .connect(connect::hyper(http))
                .build()
                .unwrap();
            assert_eq!(text(client.send(get("/")).await.unwrap()).await, "here");
            client
        });
        drop(first);
        let second = plain();
        let answer = second.block_on(async { text(client.send(get("/")).await.unwrap()).await });
        assert_eq!(answer, "here", "{http:?}");
    }
}
