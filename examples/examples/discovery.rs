//! A registry, an instance that registers, and a client that watches: Eureka's protocol in both directions.

use axum::Router;
use futures_util::StreamExt;
use orlop::Body;
use orlop::connect::{self, Http};
use orlop::core::{BoxError, Endpoint, Update};
use orlop::discovery::eureka::{
    Client, Discovery, Registration, RegistrationSettings, Settings, wire::InstanceInfo,
};
use orlop_registry::Registry;
use std::time::{Duration, SystemTime};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // The registry is a service: any server mounts it.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let settings = orlop_registry::Settings::new().empty_wait(Duration::ZERO);
    let registry = Registry::new(settings, [], SystemTime::now);
    let app = Router::new().fallback_service(registry);
    tokio::spawn(axum::serve(listener, app).into_future());

    // Any HTTP client will do for the discovery client; here hyper's.
    let connection = connect::hyper(Http::One)(&Endpoint::new("registry", addr))?;
    let client = Client::new::<_, Body, _, _>(connection, [format!("http://{addr}/eureka/v2")])?;

    let every = Duration::from_millis(50);
    let discovery = Discovery::new(client.clone(), Settings::new().interval(every));
    let mut playback = discovery.watch("playback");

    let instance = InstanceInfo::new("playback", "playback-1", "127.0.0.1", 9110).zone("a");
    let settings = RegistrationSettings::new().heartbeat(every).lease(Duration::from_secs(5));
    let registration = Registration::new(client, instance, settings, SystemTime::now);

    while let Some(update) = playback.next().await {
        println!("{update:?}");
        match update {
            Update::Upsert(endpoint) => assert_eq!(endpoint.zone(), Some("a")),
            Update::Reset(list) if list.is_empty() => continue,
            _ => {}
        }
        break;
    }
    registration.deregister().await?;
    println!("deregistered");
    Ok(())
}
