//! A play from end to end on turmoil: registries, gateways, playback, entitlement, appliances, and a member.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use orlop::{Body, Client, Endpoint};
use reference_platform::catalogue::{Catalogue, Title};
use reference_platform::ctx::World;
use reference_platform::members::Member;
use reference_platform::services::playback::Play;
use reference_platform::{BoxError, Ctx, PlatformSettings, Service, Zone, signing, simulation};
use tokio::time::{Instant, sleep};

const NEEDED: [Service; 5] = [
    Service::Registry,
    Service::Entitlement,
    Service::Appliance,
    Service::Playback,
    Service::Gateway,
];

/// Long enough for registries, which start alone, to answer, and for everybody to have fetched.
const SETTLED: Duration = Duration::from_secs(10);

/// A member with a token, in front of the platform's gateways.
struct Watcher {
    ctx: Ctx,
    catalogue: Arc<Catalogue>,
    gateway: Client,
    member: Member,
}

type Answer = (StatusCode, HeaderMap, Bytes);

impl Watcher {
    fn new(ctx: Ctx) -> Result<Self, BoxError> {
        let catalogue = Catalogue::of(ctx.settings());
        let seed = ctx.settings().seed;
        let mut members = (0..100).map(|number| Member::numbered(seed, number));
        let member = members.find(|m| m.may_play(&catalogue.titles()[0]).is_ok()).unwrap();
        Ok(Self { gateway: ctx.client(Service::Gateway)?, catalogue, member, ctx })
    }

    async fn put(&self, id: &str, title: &Title) -> Result<Answer, BoxError> {
        let now = self.ctx.wall().unix_seconds();
        let token = signing::token(&self.ctx.settings().secret, &self.member, now);
        let request = Request::put(format!("/plays/{id}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(format!("{{\"title\":\"{}\"}}", title.id())))?;
        read(self.gateway.send(request).await?).await
    }

    async fn play(&self, id: &str, title: &Title) -> Result<Play, BoxError> {
        let (status, _, body) = self.put(id, title).await?;
        assert_eq!(status, 200, "{body:?}");
        Ok(serde_json::from_slice(&body)?)
    }

    /// A segment through one link, checked.
    async fn fetch(&self, url: &str, title: &Title, segment: u32) -> Result<(), BoxError> {
        let url: http::Uri = url.parse()?;
        let addr: std::net::SocketAddr = url.authority().unwrap().as_str().parse()?;
        let name = &self.ctx.topology().at(addr).unwrap().name;
        let client = self.ctx.client_at(Service::Appliance, Endpoint::new(name.as_str(), addr))?;
        let range = title.segment_range(segment).unwrap();
        let request = Request::get(url)
            .header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1))
            .body(Body::empty())?;
        let (status, _, bytes) = read(client.send(request).await?).await?;
        assert_eq!(status, 206, "{name}");
        assert!(self.catalogue.is_segment(title, segment, &bytes), "{name} serves other bytes");
        Ok(())
    }
}

async fn read(response: http::Response<Body>) -> Result<Answer, BoxError> {
    let (head, body) = response.into_parts();
    Ok((head.status, head.headers, body.collect().await?.to_bytes()))
}

/// Turmoil's error has no threads in mind.
async fn says(
    story: impl Future<Output = Result<(), BoxError>>,
) -> Result<(), Box<dyn std::error::Error>> {
    story.await.map_err(|error| -> Box<dyn std::error::Error> { error })
}

/// As fast as one machine's loopback is, within turmoil's millisecond.
fn sim<'a>(world: &World, lasts: Duration) -> turmoil::Sim<'a> {
    let mut builder = simulation::builder(world);
    builder.max_message_latency(Duration::from_millis(2)).simulation_duration(lasts).build()
}

fn world(seed: u64) -> World {
    simulation::world(PlatformSettings::seeded(seed))
}

#[test]
fn a_members_play_is_served_by_two_zones() {
    let world = world(1);
    let mut sim = sim(&world, SETTLED * 3);
    simulation::add_hosts(&mut sim, &world, |i| NEEDED.contains(&i.service));
    let member = world.ctx(world.topology().member(Zone::A));
    sim.client(
        member.me().addr.ip(),
        says(async move {
            let watcher = Watcher::new(member)?;
            sleep(SETTLED).await;
            let catalogue = Arc::clone(&watcher.catalogue);
            let title = &catalogue.titles()[0];
            let play = watcher.play("p1", title).await?;
            assert_eq!(play.zones, 2);
            assert_ne!(play.links[0].zone, play.links[1].zone);
            for link in &play.links {
                for segment in 0..title.segments() {
                    watcher.fetch(&link.url, title, segment).await?;
                }
            }
            let refused = catalogue.titles().iter().find(|t| watcher.member.may_play(t).is_err());
            if let Some(title) = refused {
                let (status, _, body) = watcher.put("p2", title).await?;
                assert_eq!(status, 403, "{body:?}");
            }
            Ok(())
        }),
    );
    sim.run().unwrap();
}

#[test]
fn plays_go_on_while_a_zone_is_gone() {
    let world = world(2);
    let mut sim = sim(&world, SETTLED * 6);
    simulation::add_hosts(&mut sim, &world, |i| NEEDED.contains(&i.service));
    let member = world.ctx(world.topology().member(Zone::B));
    let phase = Arc::new(AtomicU32::new(0));
    let said = Arc::clone(&phase);
    sim.client(
        member.me().addr.ip(),
        says(async move {
            let watcher = Watcher::new(member)?;
            sleep(SETTLED).await;
            watcher.play("before", &watcher.catalogue.titles()[0]).await?;
            said.store(1, SeqCst);
            // From the first moment on: nobody waits for a lease to run out.
            sleep(Duration::from_millis(1)).await;
            let begun = Instant::now();
            let mut plays = 0;
            while begun.elapsed() < SETTLED * 2 {
                let title = &watcher.catalogue.titles()[0];
                let play = watcher.play(&format!("p{plays}"), title).await?;
                let mut served = 0;
                for link in &play.links {
                    served += u32::from(watcher.fetch(&link.url, title, 1).await.is_ok());
                }
                assert!(served > 0, "play {plays} has no link that works: {:?}", play.links);
                plays += 1;
                sleep(Duration::from_millis(100)).await;
            }
            assert!(plays > 100, "{plays}");
            Ok(())
        }),
    );
    // Only what was added: the rest of the zone is not needed here.
    let in_a = world.topology().in_zone(Zone::A).filter(|i| NEEDED.contains(&i.service));
    let gone: Vec<_> = in_a.map(|i| i.addr.ip()).collect();
    let mut crashed = false;
    while !sim.step().unwrap() {
        if phase.load(SeqCst) == 1 && !crashed {
            crashed = true;
            gone.iter().for_each(|ip| sim.crash(*ip));
        }
    }
    assert!(crashed);
}

#[test]
fn without_entitlement_a_play_is_refused_in_time_and_comes_back_with_it() {
    let world = world(3);
    let mut sim = sim(&world, SETTLED * 6);
    simulation::add_hosts(&mut sim, &world, |i| NEEDED.contains(&i.service));
    let member = world.ctx(world.topology().member(Zone::B));
    let phase = Arc::new(AtomicU32::new(0));
    let said = Arc::clone(&phase);
    sim.client(
        member.me().addr.ip(),
        says(async move {
            let watcher = Watcher::new(member)?;
            let catalogue = Arc::clone(&watcher.catalogue);
            let title = &catalogue.titles()[0];
            sleep(SETTLED).await;
            said.store(1, SeqCst);
            sleep(Duration::from_millis(1)).await;
            let mut refused = 0;
            for number in 0..20 {
                let asked = Instant::now();
                let answer = watcher.put(&format!("n{number}"), title).await;
                let took = asked.elapsed();
                assert!(took <= Duration::from_secs(1), "call {number} took {took:?}");
                // Or no answer at all, while nobody knows yet, and where its probe was the one that asked.
                if let Ok((status, headers, body)) = answer {
                    assert!([503, 504].contains(&status.as_u16()), "{status} {body:?}");
                    assert!(status != 503 || headers.contains_key(header::RETRY_AFTER));
                    refused += u32::from(status == 503);
                }
                sleep(Duration::from_millis(100)).await;
            }
            assert!(refused > 0, "nobody was told when to come back");
            said.store(2, SeqCst);
            // Circuits are open for 2 s at most; half-open ones need two good probes.
            sleep(SETTLED).await;
            for number in 0..10 {
                watcher.play(&format!("y{number}"), title).await?;
            }
            Ok(())
        }),
    );
    let entitlements: Vec<_> =
        world.topology().of(Service::Entitlement).map(|i| i.addr.ip()).collect();
    let mut done = 0;
    while !sim.step().unwrap() {
        let wanted = phase.load(SeqCst);
        if wanted == done {
            continue;
        }
        done = wanted;
        for ip in &entitlements {
            if done == 1 { sim.crash(*ip) } else { sim.bounce(*ip) }
        }
    }
    assert_eq!(done, 2);
}
