//! Gates as middleware of a reqwest client, over real sockets.

use crate::support::{nobody, serve};
use axum::{Router, extract::Path, routing};
use http::StatusCode;
use http_body_util::StreamBody;
use orlop::{
    BoxError, CallContext, Rejected, SettingsFile,
    breaker::{Circuit, Circuits, Settings, State},
    bulkhead::Limit,
    core::{Again, Attempt, End, Gate, Handle, Kind, Note, Now, Settle, Verdict, by_result},
    reqwest_middleware::GateMiddleware,
};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    task::Waker,
    time::Duration,
};
use tokio::{sync::Notify, time::advance};

async fn server() -> SocketAddr {
    let answer = async |Path(status): Path<u16>| {
        (StatusCode::from_u16(status).expect("a status"), [("retry-after", "7")], "text")
    };
    let app = Router::new()
        .route("/{status}", routing::get(answer))
        .route("/elsewhere", routing::get(async || axum::response::Redirect::to("/200")));
    serve(app).await
}

fn settings() -> Settings {
    let text = "[clients.a.circuit]\ntrip = [{ consecutive_failures = 2 }]\nopen = { fixed = \"5s\" }\nsuccesses = 1";
    SettingsFile::parse(text).unwrap().client("a").unwrap().circuit
}

fn client(middleware: impl Middleware) -> ClientWithMiddleware {
    ClientBuilder::new(reqwest::Client::new()).with(middleware).build()
}

#[track_caller]
fn refusal(result: Result<reqwest::Response, reqwest_middleware::Error>) -> Rejected {
    let error = result.expect_err("a refusal");
    Rejected::find(&error).unwrap_or_else(|| panic!("no refusal in {error:?}")).clone()
}

#[tokio::test(start_paused = true)]
async fn a_circuit_trips_refuses_and_recovers() {
    let addr = server().await;
    let circuit = Circuit::new(settings()).named("titles");
    let client = client(GateMiddleware::new(circuit.clone()));
    let get = |status: u16| client.get(format!("http://{addr}/{status}")).send();

    assert_eq!(get(200).await.unwrap().text().await.unwrap(), "text");
    for _ in 0..2 {
        assert_eq!(circuit.state(), State::Closed);
        assert_eq!(get(500).await.unwrap().status(), 500, "the server's own answer");
    }
    assert_eq!(circuit.state(), State::Open);
    let rejected = refusal(get(200).await);
    assert_eq!((rejected.kind(), rejected.name()), (Kind::Circuit, Some("titles")));
    let wait = rejected.retry_after().expect("it says when to come back");
    advance(wait).await;
    assert_eq!(get(200).await.unwrap().text().await.unwrap(), "text", "the probe");
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_503_is_taken_at_its_word() {
    let addr = server().await;
    let circuit = Circuit::new(settings());
    let client = client(GateMiddleware::new(circuit));
    for _ in 0..2 {
        client.get(format!("http://{addr}/503")).send().await.unwrap();
    }
    let rejected = refusal(client.get(format!("http://{addr}/200")).send().await);
    let wait = rejected.retry_after().unwrap();
    assert!(wait > Duration::from_secs(5), "its Retry-After is 7 s, the setting 5 s: {wait:?}");
}

#[tokio::test]
async fn a_slot_is_held_to_the_end_of_the_body_or_of_the_head() {
    let addr = server().await;
    let limit = Limit::new(1);
    let url = format!("http://{addr}/200");
    let whole = client(GateMiddleware::new(limit.clone()));
    let res = whole.get(&url).send().await.unwrap();
    assert_eq!(limit.in_flight(), 1);
    assert_eq!(res.url().as_str(), url, "the way through `http` keeps it");
    assert_eq!(res.content_length(), Some(4));
    assert_eq!(res.remote_addr(), Some(addr));
    assert_eq!(refusal(whole.get(&url).send().await).kind(), Kind::Limit);
    assert_eq!(res.text().await.unwrap(), "text");
    assert_eq!(limit.in_flight(), 0);

    drop(whole.get(&url).send().await.unwrap());
    assert_eq!(limit.in_flight(), 0, "a body that is dropped gives its slot back");

    let head = client(GateMiddleware::new(limit.clone()).until_head());
    let res = head.get(&url).send().await.unwrap();
    assert_eq!(limit.in_flight(), 0);
    assert_eq!(res.url().as_str(), url);
    assert_eq!(res.text().await.unwrap(), "text");
}

/// Admits all, and hears how each call ended.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Verdict>>>);

impl Handle for Heard {}

impl Settle for Heard {
    type Ticket = ();

    fn note(&self, _: Option<&mut ()>, _: Note<'_>, _: &Now) {}

    fn end(&self, (): (), end: End<'_>, _: &Now) {
        if let End::Verdict(verdict) = end {
            self.0.lock().unwrap().push(*verdict);
        }
    }
}

impl Gate<reqwest::Request> for Heard {
    fn enter(
        &self,
        _: &reqwest::Request,
        _: Option<&CallContext>,
        _: &Now,
    ) -> Result<(), Rejected> {
        Ok(())
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        None
    }

    fn wake(&self, _: &Waker, _: &Now) -> Again {
        Again::Never
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_and_a_connection_refused_are_failures() {
    // Breaks off when its head has arrived.
    let arrived = Arc::new(Notify::new());
    let heard = arrived.clone();
    let halting = async move || {
        let frames = futures_util::stream::unfold(false, move |begun| {
            let heard = heard.clone();
            async move {
                if begun {
                    heard.notified().await;
                    return Some((Err("gone".into()), true));
                }
                Some((Ok::<_, BoxError>(http_body::Frame::data(bytes::Bytes::from("te"))), true))
            }
        });
        axum::body::Body::new(StreamBody::new(frames))
    };
    let addr = serve(Router::new().route("/", routing::get(halting))).await;
    let heard = Heard::default();
    let broken = client(GateMiddleware::new((heard.clone(), Limit::new(1))));
    for _ in 0..2 {
        let res = broken.get(format!("http://{addr}/")).send().await.unwrap();
        arrived.notify_one();
        res.text().await.unwrap_err();
    }
    assert_eq!(*heard.0.lock().unwrap(), [Verdict::BROKEN; 2]);

    let (circuit, nobody) = (Circuit::new(settings()), nobody());
    let alone = client(GateMiddleware::new(circuit.clone()));
    for _ in 0..2 {
        let error = alone.get(format!("http://{}/", nobody.addr)).send().await.unwrap_err();
        assert!(error.is_connect(), "reqwest's own error comes through: {error:?}");
    }
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test]
async fn each_host_has_a_circuit_of_its_own() {
    let (one, other) = (server().await, server().await);
    let hosts: Circuits<String> = Circuits::new(settings());
    let gate = hosts.keyed(|req: &reqwest::Request| req.url().authority().to_owned());
    let client = client(GateMiddleware::new(gate));
    for _ in 0..2 {
        client.get(format!("http://{one}/500")).send().await.unwrap();
    }
    let rejected = refusal(client.get(format!("http://{one}/200")).send().await);
    assert_eq!(rejected.kind(), Kind::Circuit);
    assert_eq!(client.get(format!("http://{other}/200")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_gate_behind_another_says_nothing_to_it() {
    let addr = server().await;
    let (circuit, limit) = (Circuit::new(settings()), Limit::new(0));
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(GateMiddleware::new(circuit.clone()))
        .with(GateMiddleware::new(limit))
        .build();
    for _ in 0..3 {
        let rejected = refusal(client.get(format!("http://{addr}/200")).send().await);
        assert_eq!(rejected.kind(), Kind::Limit);
    }
    assert_eq!(circuit.state(), State::Closed, "this process refused, not the server");
}

#[tokio::test]
async fn a_refusal_carries_the_attempt_and_answers_are_judged_as_one_says() {
    let addr = server().await;
    let judge = by_result(|result: Result<&http::Response<reqwest::Body>, _>| match result {
        Ok(res) if res.status() != 404 => Verdict::SUCCESS,
        _ => Verdict::FAILURE,
    });
    let circuit = Circuit::new(settings());
    let client = client(GateMiddleware::new(circuit.clone()).classify(judge));
    for _ in 0..2 {
        client.get(format!("http://{addr}/500")).send().await.unwrap();
    }
    assert_eq!(circuit.state(), State::Closed);
    for _ in 0..2 {
        client.get(format!("http://{addr}/404")).send().await.unwrap();
    }
    let attempt = Attempt::single();
    let id = attempt.id();
    let get = client.get(format!("http://{addr}/200"));
    let call = CallContext::new().with_attempt(attempt);
    let error = get.with_extension(call).send().await.unwrap_err();
    assert!(Rejected::unsent(&error, id), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_part_of_the_call_and_names_the_url_that_answered() {
    let addr = server().await;
    let limit = Limit::new(1);
    let client = client(GateMiddleware::new(limit.clone()));
    let res = client.get(format!("http://{addr}/elsewhere")).send().await.unwrap();
    assert_eq!(res.url().path(), "/200");
    assert_eq!(limit.in_flight(), 1);
    drop(res);
    assert_eq!(limit.in_flight(), 0);
}
