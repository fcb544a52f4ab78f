//! Three registries and a client on a simulated network and clock: the same seed tells the same story.

use std::{
    error::Error,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, client, server};
use hyper_util::rt::TokioIo;
use orlop_registry::{
    Registry, Settings,
    client::eureka::{Client, Registration, RegistrationSettings, wire::InstanceInfo},
};
use tokio::time::sleep;
use tower::{Service, ServiceExt};
use turmoil::net::{TcpListener, TcpStream};

type BoxError = Box<dyn Error + Send + Sync>;
type Trace = Arc<Mutex<Vec<String>>>;

const SECOND: Duration = Duration::from_secs(1);
const NAMES: [&str; 3] = ["a", "b", "c"];
const PORT: u16 = 8761;

fn clock() -> SystemTime {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(1_700_000_000) + elapsed
}

/// One connection for each request.
#[derive(Clone)]
struct Dial;

impl Service<Request<Full<Bytes>>> for Dial {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(async move {
            let host =
                request.uri().host().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
            let stream = TcpStream::connect((host, PORT)).await?;
            let (mut send, connection) =
                client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            Ok(send.send_request(request).await?)
        })
    }
}

fn at(names: &[&str]) -> Client {
    let urls = names.iter().map(|name| format!("http://{name}:{PORT}/eureka/v2"));
    Client::new(Dial, urls).expect("addresses are fine").timeout(SECOND)
}

/// One registry; each request is written down with its answer.
async fn serve(name: &'static str, trace: Trace) -> Result<(), Box<dyn Error>> {
    let peers = NAMES.iter().filter(|peer| **peer != name).map(|peer| at(&[peer]));
    let registry = Registry::new(Settings::new().empty_wait(SECOND * 2), peers, clock);
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (registry, trace) = (registry.clone(), trace.clone());
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (registry, trace) = (registry.clone(), trace.clone());
            async move {
                let asked = format!("{} {}", request.method(), request.uri().path());
                let answer = registry.oneshot(request).await;
                let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
                let elapsed = turmoil::sim_elapsed().unwrap_or_default();
                trace.lock().unwrap().push(format!("{elapsed:?} {name} {asked} {status}"));
                answer
            }
        });
        let connection = server::conn::http1::Builder::new();
        tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
    }
}

async fn story() -> Result<(), Box<dyn Error>> {
    sleep(SECOND * 3).await;
    let instance = InstanceInfo::new("playback", "playback-1", "127.0.1.1", 9110);
    let settings = RegistrationSettings::new().heartbeat(SECOND).lease(SECOND * 10).seed(1);
    let registration = Registration::new(at(&["a"]), instance, settings, clock);
    assert!(registration.registered().await);
    let reader = at(&["c"]);
    let listed = async || Ok::<_, Box<dyn Error>>(reader.fetch_app("playback").await?.is_some());

    sleep(SECOND).await;
    assert!(listed().await?, "registered at a only, read at c");
    turmoil::partition("a", "c");
    turmoil::partition("b", "c");
    sleep(SECOND * 15).await;
    assert!(!listed().await?, "c hears of no heartbeats");
    turmoil::repair("a", "c");
    turmoil::repair("b", "c");
    sleep(SECOND * 4).await;
    assert!(listed().await?, "and again");
    registration.deregister().await?;
    sleep(SECOND).await;
    assert!(!listed().await?, "gone at a, gone at c");
    Ok(())
}

fn run(seed: u64) -> Vec<String> {
    println!("seed {seed}");
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(SECOND * 120)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        .build();
    let trace = Trace::default();
    for name in NAMES {
        let trace = trace.clone();
        sim.host(name, move || serve(name, trace.clone()));
    }
    sim.client("me", story());
    sim.run().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    trace.lock().unwrap().clone()
}

#[test]
fn seeds_1_to_3_converge_and_the_same_seed_tells_the_same_story() {
    let first = run(1);
    assert!(first.len() > 50, "{} requests", first.len());
    for (one, other) in first.iter().zip(&run(1)) {
        assert_eq!(one, other, "the first request that differs");
    }
    assert_eq!(first, run(1));
    assert_ne!(first, run(2), "another seed has other latencies");
    run(3);
}
