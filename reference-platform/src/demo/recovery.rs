//! After a fault: each instance serves again, is listed, and the circuits have closed.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::try_join_all;
use http::{Request, header};
use http_body_util::{BodyExt, Limited};
use orlop::Body;
use orlop::connect::{Http, hyper_over};
use orlop::core::Endpoint;
use orlop::discovery::eureka::{self, wire::Applications};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tower::ServiceExt;

use crate::circuits::Circuits;
use crate::ctx::Ctx;
use crate::discovery::BASE_PATH;
use crate::failure::Failure;
use crate::supervisor::{Supervisor, ready};
use crate::topology::{Instance, Service};
use crate::{BoxError, Net};

/// How long recovery may take.
pub const RECOVERY: Duration = Duration::from_secs(10);
/// How long one question may take.
const ASK: Duration = Duration::from_secs(1);
/// How long between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until the platform is whole, and tells how long that took: every instance serves, every registry lists every
/// instance, every circuit is closed.
///
/// # Errors
///
/// What is still missing 10 s after `since`; `what` says after what.
pub async fn settled(
    what: &str,
    since: Instant,
    supervisor: &Supervisor,
    member: &Ctx,
) -> Result<Duration, Failure> {
    let deadline = since + RECOVERY;
    let mut missing = String::from("nothing was looked at");
    loop {
        match timeout_at(deadline, look(supervisor, member)).await {
            Ok(Ok(())) => return Ok(since.elapsed()),
            Ok(Err(why)) => missing = why.to_string(),
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            let within = RECOVERY.as_secs();
            return Err(Failure::failed(format!("{within} s after {what}: {missing}")));
        }
        sleep(LOOK).await;
    }
}

async fn look(supervisor: &Supervisor, member: &Ctx) -> Result<(), BoxError> {
    let net = supervisor.world().net();
    let topology = supervisor.world().topology();
    let serving = topology.instances().iter().map(|instance| async move {
        let served = ready::probe(net, instance).await;
        served.map_err(|error| format!("{} does not serve: {error}", instance.name))
    });
    try_join_all(serving).await?;

    let registries = topology.of(Service::Registry).map(|registry| lists_all(member, registry));
    try_join_all(registries).await?;

    closed("the members", &Circuits::of(member))?;
    let circuits = topology.instances().iter().filter(|i| i.service.speaks_http());
    let circuits = circuits.map(|instance| async move {
        let page = get(net, instance, "/circuits").await;
        let page =
            page.map_err(|e| format!("{} does not show its circuits: {e}", instance.name))?;
        closed(&instance.name, &serde_json::from_slice(&page)?)
    });
    try_join_all(circuits).await?;
    Ok(())
}

/// Whether a registry lists every instance but the registries themselves, which nobody looks up there.
async fn lists_all(member: &Ctx, registry: &Instance) -> Result<(), BoxError> {
    let page = get(member.net(), registry, &format!("{BASE_PATH}/apps/")).await;
    let page = page.map_err(|error| format!("{}: {error}", registry.name))?;
    let listed = Applications::from_json(&page)?;
    let up: BTreeSet<_> = listed
        .instances()
        .filter(|info| eureka::endpoint(info).is_some())
        .map(|info| info.instance_id.as_str())
        .collect();
    let wanted = member.topology().instances().iter().filter(|i| i.service != Service::Registry);
    match wanted.map(|i| i.name.as_str()).find(|name| !up.contains(name)) {
        Some(missing) => Err(format!("{} does not list {missing}", registry.name).into()),
        None => Ok(()),
    }
}

fn closed(whose: &str, circuits: &Circuits) -> Result<(), BoxError> {
    match circuits.not_closed().next() {
        None => Ok(()),
        Some((to, state)) => Err(format!("the circuit of {whose} to {to} is {state}").into()),
    }
}

/// Fetches a page of an instance, past every gate: this is the one who watches, not a service.
async fn get(net: Net, instance: &Instance, path: &str) -> Result<bytes::Bytes, BoxError> {
    let addr = instance.addr;
    let connect = hyper_over(Http::One, move |_: &Endpoint| async move { net.dial(addr).await });
    let connection = connect(&Endpoint::new(instance.name.as_str(), addr))?;
    let request = Request::get(path).header(header::ACCEPT, "application/json");
    let request = request.body(Body::empty())?;
    let whole = async {
        let response = connection.oneshot(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), 1 << 20).collect().await?.to_bytes();
        if status.is_success() { Ok(body) } else { Err(BoxError::from(status.to_string())) }
    };
    timeout(ASK, whole).await.map_err(|_| "no answer")?
}
