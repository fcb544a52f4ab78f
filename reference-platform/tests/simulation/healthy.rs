//! Nothing is wrong: everything is answered right, at the first attempt.

use std::sync::Arc;
use std::time::Duration;

use reference_platform::demo::member::Members;
use reference_platform::demo::tally::Path;
use reference_platform::supervisor::ready;
use reference_platform::{Net, Service, Zone};
use tokio::time::sleep;

use crate::stage::{SECOND, all_right, tell, until};

#[test]
fn every_path_is_answered_right_at_the_first_attempt_seed_11() {
    tell(11, &Service::ALL, Zone::C, async |stage| {
        let members = Arc::new(Members::new(&stage.ctx)?);
        stage.settled().await;
        // Caches have met their nodes, and personalization has written the popular rows.
        sleep(SECOND * 3).await;
        for path in Path::ALL {
            let tally = stage.calls(&members, |_| path, 40, Duration::from_millis(20)).await;
            all_right(path.as_str(), &tally);
            assert_eq!(tally.attempts_per_call(), 1.0, "{}", path.as_str());
            assert_eq!(tally.degraded(), 0.0, "{}", path.as_str());
        }
        Ok(())
    });
}

#[test]
fn crashed_host_refuses_and_comes_back_seed_3() {
    tell(3, &[Service::Registry, Service::Playback], Zone::A, async |stage| {
        let playback = stage.ctx.topology().named("playback-b").unwrap().clone();
        let probe = async || ready::probe(Net::Simulated, &playback).await;
        sleep(SECOND).await;
        probe().await?;
        stage.crash("playback-b").await;
        assert!(probe().await.is_err(), "a crashed host answers");
        stage.bounce("playback-b").await;
        until("it answers", SECOND, async || probe().await.is_ok()).await;
        Ok(())
    });
}
