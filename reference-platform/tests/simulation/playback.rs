//! One playback of three is gone, frozen or unreachable: plays go on, and hardly anything is asked twice.

use std::sync::Arc;
use std::time::Duration;

use orlop::breaker::State;
use reference_platform::demo::member::Members;
use reference_platform::{Service, Zone};

use crate::stage::{PLAY, SECOND, Stage, all_right, tell, until};

const LASTS: Duration = Duration::from_secs(8);

/// Plays while something is wrong, from the first moment on, and what the gateways made of them.
async fn plays_during(stage: &Stage, members: &Arc<Members>, name: &str, what: &str) {
    let mark = stage.mark();
    let tally = stage.plays(members, LASTS).await;
    all_right(what, &tally);
    let asked = stage.sends(mark, "gateway-", "playback-") as f64 / tally.requests() as f64;
    assert!((1.0..=1.2).contains(&asked), "{what}: gateways asked {asked} times a play");
    // Nobody knew before: the fault was met, and what met it was mended.
    assert!(stage.sends(mark, "gateway-", name) > 0, "{what}: nobody asked {name}");
}

/// The fault is over: with calls to probe with, every gateway uses the instance again within ten seconds, and from then on
/// nothing is asked twice.
///
/// How large its share is says nothing at this load: with nothing wrong at all it is between 4 and 40 of 75 plays, as the
/// last few response times have it.
async fn is_used_again(stage: &Stage, members: &Arc<Members>, name: &str) {
    let mark = stage.mark();
    let used = async || {
        all_right("afterwards", &stage.plays(members, SECOND).await);
        stage.names(Service::Gateway).iter().all(|gateway| {
            stage.circuit(gateway, name) == Some(State::Closed)
                && stage.sends(mark, gateway, name) > 0
        })
    };
    until("every gateway uses it again", SECOND * 10, used).await;

    let mark = stage.mark();
    let tally = stage.plays(members, SECOND * 3).await;
    all_right("recovered", &tally);
    let asked = stage.sends(mark, "gateway-", "playback-") as u64;
    assert_eq!(asked, tally.requests(), "recovered: something was asked twice");
}

async fn start(stage: &Stage) -> Arc<Members> {
    let members = Arc::new(Members::new(&stage.ctx).unwrap());
    stage.settled().await;
    // Connections and estimates are there, as they are when something breaks in earnest.
    all_right("before", &stage.plays(&members, SECOND * 2).await);
    members
}

#[test]
fn plays_go_on_while_a_playback_is_crashed_seed_21() {
    tell(21, &PLAY, Zone::A, async |stage| {
        let members = start(&stage).await;
        stage.crash("playback-a").await;
        plays_during(&stage, &members, "playback-a", "crashed").await;
        stage.bounce("playback-a").await;
        is_used_again(&stage, &members, "playback-a").await;
        Ok(())
    });
}

#[test]
fn plays_go_on_while_a_playback_is_held_seed_22() {
    tell(22, &PLAY, Zone::B, async |stage| {
        let members = start(&stage).await;
        stage.hold("playback-b");
        plays_during(&stage, &members, "playback-b", "held").await;
        stage.release("playback-b");
        is_used_again(&stage, &members, "playback-b").await;
        Ok(())
    });
}

#[test]
fn plays_go_on_while_a_playback_is_cut_off_from_the_gateways_seed_23() {
    tell(23, &PLAY, Zone::C, async |stage| {
        let members = start(&stage).await;
        let gateways = stage.names(Service::Gateway);
        gateways.iter().for_each(|gateway| stage.partition("playback-c", gateway));
        plays_during(&stage, &members, "playback-c", "cut off").await;
        gateways.iter().for_each(|gateway| stage.repair("playback-c", gateway));
        is_used_again(&stage, &members, "playback-c").await;
        Ok(())
    });
}

#[test]
fn plays_go_on_while_one_playback_is_crashed_and_another_is_held_seed_24() {
    tell(24, &PLAY, Zone::A, async |stage| {
        let members = start(&stage).await;
        stage.crash("playback-a").await;
        plays_during(&stage, &members, "playback-a", "one crashed").await;
        stage.hold("playback-b");
        // One of three is left. What is refused at once is sent again elsewhere for nothing, so only the answers count.
        let tally = stage.plays(&members, LASTS).await;
        assert_eq!(tally.available(), 1.0, "{:?}", tally.wrongs());
        stage.release("playback-b");
        stage.bounce("playback-a").await;
        is_used_again(&stage, &members, "playback-a").await;
        Ok(())
    });
}
