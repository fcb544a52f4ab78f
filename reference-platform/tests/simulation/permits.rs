//! Who is dropped in the middle of a call gives back what the call held, at each hop, without waiting for a time-out.

use std::sync::Arc;
use std::time::Duration;

use reference_platform::demo::load::Member as _;
use reference_platform::demo::member::Members;
use reference_platform::demo::tally::Path;
use reference_platform::{Service, Zone};
use tokio::time::sleep;

use crate::stage::{LATENCY, PLAY, SECOND, Stage, all_right, tell, until};

/// Four messages one after the other: member to gateway to playback to entitlement, and one for good measure. Below every
/// time-out of the graph, of which the shortest is 60 ms.
const HOPS: Duration = LATENCY.saturating_mul(4 * 2);

/// Twenty plays that no entitlement answers, in flight at every hop.
async fn stuck(
    stage: &Stage,
    members: &Arc<Members>,
    first: u64,
) -> Vec<tokio::task::JoinHandle<()>> {
    let start = |number| {
        let members = Arc::clone(members);
        tokio::spawn(async move { drop(members.call(Path::Play, number).await) })
    };
    let calls = (first..first + 20).map(start).collect();
    sleep(Duration::from_millis(30)).await;
    let held = stage.in_flight();
    for (from, to) in [("member", "gateway"), ("gateway", "playback"), ("playback", "entitlement")]
    {
        let of =
            |(who, whom, _): &&(String, String, u64)| who.starts_with(from) && whom.starts_with(to);
        let calls: u64 = held.iter().filter(of).map(|(_, _, calls)| calls).sum();
        assert_eq!(calls, 20, "{from} to {to}: {held:?}");
    }
    calls
}

/// Playback's calls to entitlement get no answer; nobody else notices.
fn freeze_entitlement(stage: &Stage) {
    stage.names(Service::Entitlement).iter().for_each(|name| stage.hold(name));
}

#[test]
fn dropped_member_frees_every_hop_seed_41() {
    tell(41, &PLAY, Zone::A, async |stage| {
        let members = Arc::new(Members::new(&stage.ctx)?);
        stage.settled().await;
        all_right("before", &stage.plays(&members, SECOND).await);
        assert_eq!(stage.in_flight(), []);
        freeze_entitlement(&stage);
        for round in 1..=3 {
            let calls = stuck(&stage, &members, round * 1_000).await;
            calls.iter().for_each(tokio::task::JoinHandle::abort);
            sleep(HOPS).await;
            assert_eq!(stage.in_flight(), [], "round {round}");
        }
        stage.names(Service::Entitlement).iter().for_each(|name| stage.release(name));
        sleep(SECOND).await;
        all_right("afterwards", &stage.plays(&members, SECOND).await);
        assert_eq!(stage.in_flight(), []);
        Ok(())
    });
}

#[test]
fn crashed_gateway_frees_those_before_and_behind_it_seed_42() {
    tell(42, &PLAY, Zone::B, async |stage| {
        let gateway = stage.ctx.topology().named("gateway-a").unwrap().clone();
        let members = Arc::new(Members::at(&stage.ctx, &gateway)?);
        stage.settled().await;
        all_right("before", &stage.plays(&members, SECOND).await);
        freeze_entitlement(&stage);
        let calls = stuck(&stage, &members, 1_000).await;
        stage.crash("gateway-a").await;
        sleep(HOPS).await;
        assert_eq!(stage.in_flight(), []);
        assert!(calls.iter().all(tokio::task::JoinHandle::is_finished), "the member was told");

        stage.names(Service::Entitlement).iter().for_each(|name| stage.release(name));
        stage.bounce("gateway-a").await;
        // Its circuit, if it tripped, probes within two seconds.
        let serves = async || stage.plays(&members, SECOND / 2).await.available() == 1.0;
        until("the gateway serves again", SECOND * 10, serves).await;
        all_right("afterwards", &stage.plays(&members, SECOND).await);
        assert_eq!(stage.in_flight(), []);
        Ok(())
    });
}
