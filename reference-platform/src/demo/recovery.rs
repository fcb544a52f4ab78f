//! After a fault: each instance serves again, is listed, and the circuits have closed.

use std::time::Duration;

use futures_util::future::try_join_all;
use http::Request;
use http_body_util::{BodyExt, Limited};
use orlop::Body;
use orlop::connect::{Http, hyper_over};
use orlop::core::Endpoint;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tower::ServiceExt;

use super::fault::Fault;
use crate::circuits::Circuits;
use crate::ctx::Ctx;
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

/// Waits until nothing of the fault is left, and tells how long that took.
///
/// # Errors
///
/// What is still missing after 10 s.
pub async fn recovered(
    fault: &Fault,
    since: Instant,
    supervisor: &Supervisor,
    member: &Ctx,
) -> Result<Duration, Failure> {
    let deadline = since + RECOVERY;
    let mut missing = String::from("nothing was looked at");
    loop {
        let look = timeout_at(deadline, look(fault, supervisor, member)).await;
        match look {
            Ok(Ok(())) => return Ok(since.elapsed()),
            Ok(Err(why)) => missing = why.to_string(),
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            let (name, within) = (fault.name, RECOVERY.as_secs());
            return Err(Failure::failed(format!(
                "{within} s after \"{name}\" was taken back: {missing}"
            )));
        }
        sleep(LOOK).await;
    }
}

async fn look(fault: &Fault, supervisor: &Supervisor, member: &Ctx) -> Result<(), BoxError> {
    let net = supervisor.world().net();
    let topology = supervisor.world().topology();
    let serving = fault.whom().iter().map(|instance| async move {
        ready::probe(net, instance)
            .await
            .map_err(|e| format!("{} does not serve: {e}", instance.name))
    });
    try_join_all(serving).await?;

    let registries = topology.of(Service::Registry).map(|registry| lists_all(member, registry));
    try_join_all(registries).await?;

    let own = Circuits::of(member);
    closed("the members", &own)?;
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
    let client = crate::discovery::registries(member, |i| i.name == registry.name)?;
    let listed = client.fetch_all().await.map_err(|e| format!("{}: {e}", registry.name))?;
    for instance in member.topology().instances() {
        if instance.service == Service::Registry {
            continue;
        }
        let here = listed.instances().any(|info| {
            info.instance_id == instance.name && orlop::discovery::eureka::endpoint(info).is_some()
        });
        if !here {
            return Err(format!("{} does not list {}", registry.name, instance.name).into());
        }
    }
    Ok(())
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
    let request = Request::get(path).body(Body::empty())?;
    let whole = async {
        let response = connection.oneshot(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), 1 << 20).collect().await?.to_bytes();
        if status.is_success() { Ok(body) } else { Err(BoxError::from(status.to_string())) }
    };
    timeout(ASK, whole).await.map_err(|_| "no answer")?
}
