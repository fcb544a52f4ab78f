//! Who is where, while registries and instances lose each other.

use std::sync::Arc;

use reference_platform::demo::member::Members;
use reference_platform::discovery::registries;
use reference_platform::{BoxError, Ctx, Service, Zone};
use tokio::time::sleep;

use crate::stage::{PLAY, SECOND, all_right, tell, until};

/// What this registry, and no other, lists of playback; nothing where it does not answer.
async fn listed_at(ctx: &Ctx, registry: &str) -> Result<Vec<String>, BoxError> {
    let only = registries(ctx, |instance| instance.name == registry)?;
    let app = only.fetch_app(Service::Playback.as_str()).await?;
    let instances = app.map(|app| app.instances).unwrap_or_default();
    Ok(instances.into_iter().map(|info| info.instance_id).collect())
}

async fn lists(ctx: &Ctx, registry: &str, name: &str) -> bool {
    listed_at(ctx, registry).await.is_ok_and(|all| all.iter().any(|listed| listed == name))
}

#[test]
fn registered_at_a_only_is_read_at_c_and_leaves_there_too_seed_31() {
    tell(31, &PLAY, Zone::C, async |stage| {
        let ctx = &stage.ctx;
        for registry in ["registry-b", "registry-c"] {
            stage.partition("playback-a", registry);
        }
        let name = "playback-a";
        until("read at c", SECOND * 8, async || lists(ctx, "registry-c", name).await).await;
        // Longer than a lease: c hears of its heartbeats, too.
        for _ in 0..15 {
            sleep(SECOND).await;
            assert!(lists(ctx, "registry-c", name).await, "it is there, and a says so");
        }
        stage.crash(name).await;
        let gone = async || !lists(ctx, "registry-c", name).await;
        until("gone at c when its lease is over", SECOND * 14, gone).await;
        assert_eq!(listed_at(ctx, "registry-c").await?.len(), 2, "the others stay");
        Ok(())
    });
}

#[test]
fn bounced_registry_is_told_everything_and_nobody_notices_seed_32() {
    tell(32, &PLAY, Zone::A, async |stage| {
        let ctx = &stage.ctx;
        let members = Arc::new(Members::new(ctx)?);
        stage.settled().await;
        stage.crash("registry-a").await;
        assert!(listed_at(ctx, "registry-a").await.is_err(), "it is gone");
        // Longer than a lease: those who renewed theirs at a have gone elsewhere in time.
        all_right("a registry less", &stage.plays(&members, SECOND * 15).await);
        assert_eq!(listed_at(ctx, "registry-c").await?.len(), 3);
        stage.bounce("registry-a").await;
        let whole = async || listed_at(ctx, "registry-a").await.is_ok_and(|all| all.len() == 3);
        until("copied from its peers", SECOND * 3, whole).await;
        all_right("three again", &stage.plays(&members, SECOND * 2).await);
        Ok(())
    });
}

#[test]
fn plays_go_on_without_any_registry_and_after_all_come_back_empty_seed_33() {
    tell(33, &PLAY, Zone::B, async |stage| {
        let ctx = &stage.ctx;
        let members = Arc::new(Members::new(ctx)?);
        stage.settled().await;
        let registries = stage.names(Service::Registry);
        for registry in &registries {
            stage.crash(registry).await;
        }
        // More than two leases: the last known good lists stay in force.
        all_right("no registry", &stage.plays(&members, SECOND * 21).await);
        let stale = ctx.catalogue().clients().iter().find_map(|client| client.stale_for);
        assert!(stale.is_some_and(|age| age > SECOND * 20), "the list says its age: {stale:?}");
        // And gates do what lists cannot.
        stage.crash("playback-a").await;
        all_right("nor one playback", &stage.plays(&members, SECOND * 5).await);
        stage.bounce("playback-a").await;
        for registry in &registries {
            stage.bounce(registry).await;
        }
        all_right("empty registries fill", &stage.plays(&members, SECOND * 6).await);
        for registry in &registries {
            let full = async || listed_at(ctx, registry).await.is_ok_and(|all| all.len() == 3);
            until("all instances are listed again", SECOND * 6, full).await;
        }
        let fresh = async || ctx.catalogue().clients().iter().all(|c| c.stale_for.is_none());
        until("lists are fresh again", SECOND * 6, fresh).await;
        Ok(())
    });
}
