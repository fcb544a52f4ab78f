//! A platform on simulated hosts, and a story that is told on a member's.

use std::error::Error;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::TryFutureExt;
use orlop::breaker::State;
use reference_platform::demo::load::Member as _;
use reference_platform::demo::member::Members;
use reference_platform::demo::tally::{Call, Outcome, Path, Tally};
use reference_platform::simulation::{self, Hosts};
use reference_platform::trace::Trace;
use reference_platform::{BoxError, Ctx, PlatformSettings, Service, Zone};
use tokio::time::{Instant, sleep};

/// What a play needs, and who is where.
pub const PLAY: [Service; 5] = [
    Service::Registry,
    Service::Entitlement,
    Service::Appliance,
    Service::Playback,
    Service::Gateway,
];

pub const SECOND: Duration = Duration::from_secs(1);
/// A message on this network takes at most so long: about what one machine's loopback takes, in turmoil's milliseconds.
pub const LATENCY: Duration = Duration::from_millis(2);
/// Fewer than the demo's: a debug build makes them in each of the many instances of each test.
const TITLES: u32 = 300;

/// How a story ends.
pub type Told = Result<(), BoxError>;

/// Where a story is told. Clones are the same.
#[derive(Clone)]
pub struct Stage {
    /// The member's host, on which the story runs.
    pub ctx: Ctx,
    pub hosts: Hosts,
    wanted: Arc<[Service]>,
    orders: Arc<Mutex<Vec<Order>>>,
    calls: Arc<AtomicU64>,
}

/// What only the simulation itself can do, between two steps.
enum Order {
    Crash(IpAddr),
    Bounce(IpAddr),
}

/// Runs the instances of `wanted`, and a story on the host of a member in `zone`.
///
/// # Panics
///
/// When the story fails, with the seed and the end of the trace.
pub fn tell<F>(
    seed: u64,
    wanted: &[Service],
    zone: Zone,
    story: impl FnOnce(Stage) -> F + 'static,
) -> Trace
where
    F: Future<Output = Told> + 'static,
{
    let mut settings = PlatformSettings::seeded(seed);
    settings.titles = TITLES;
    let world = simulation::world(settings);
    let mut sim = simulation::builder(&world)
        .max_message_latency(LATENCY)
        .simulation_duration(SECOND * 180)
        .build();

    let ctx = world.ctx(world.topology().member(zone));
    let orders = Arc::new(Mutex::new(Vec::new()));
    let (told, heard) = tokio::sync::oneshot::channel::<Stage>();
    // The member's host comes first, so that a link can be cut before anything was sent on it.
    let story = async move { story(heard.await?).await };
    // Turmoil's error has no threads in mind.
    let story = story.map_err(|error| -> Box<dyn Error> { error });
    sim.client(ctx.me().addr.ip(), story);
    let hosts = simulation::add_hosts(&mut sim, &world, |i| wanted.contains(&i.service));
    let stage = Stage {
        ctx,
        hosts,
        wanted: wanted.into(),
        orders: Arc::clone(&orders),
        calls: Arc::default(),
    };
    assert!(told.send(stage).is_ok(), "the member waits for it");

    loop {
        match sim.step() {
            Ok(true) => return world.trace().clone(),
            Ok(false) => {}
            Err(error) => {
                let lines = world.trace().lines();
                let last = lines[lines.len().saturating_sub(40)..].join("\n");
                panic!("seed {seed}: {error}\nthe last that happened:\n{last}");
            }
        }
        for order in orders.lock().unwrap().drain(..) {
            match order {
                Order::Crash(ip) => sim.crash(ip),
                Order::Bounce(ip) => sim.bounce(ip),
            }
        }
    }
}

/// Waits until it holds.
///
/// # Panics
///
/// When it does not within the limit.
pub async fn until(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

impl Stage {
    // ===== faults =====

    /// Its process is gone, its port refuses. Holds when this returns.
    pub async fn crash(&self, name: &str) {
        self.order(Order::Crash(self.ip(name)), "crash", name).await;
    }

    /// Starts it again, from nothing.
    pub async fn bounce(&self, name: &str) {
        self.order(Order::Bounce(self.ip(name)), "bounce", name).await;
    }

    async fn order(&self, order: Order, kind: &str, name: &str) {
        self.ctx.event(kind, &[("whom", &name)]);
        self.orders.lock().unwrap().push(order);
        // Orders are obeyed at the end of this step.
        sleep(Duration::from_millis(1)).await;
    }

    /// Nothing reaches it or leaves it until it is released; then all of it does, late: what a frozen process looks like.
    pub fn hold(&self, name: &str) {
        self.ctx.event("hold", &[("whom", &name)]);
        self.others(name).for_each(|other| turmoil::hold(self.ip(name), other));
    }

    pub fn release(&self, name: &str) {
        self.ctx.event("release", &[("whom", &name)]);
        self.others(name).for_each(|other| turmoil::release(self.ip(name), other));
    }

    /// Messages between the two are lost.
    pub fn partition(&self, one: &str, other: &str) {
        self.ctx.event("partition", &[("one", &one), ("other", &other)]);
        turmoil::partition(self.ip(one), self.ip(other));
    }

    pub fn repair(&self, one: &str, other: &str) {
        self.ctx.event("repair", &[("one", &one), ("other", &other)]);
        turmoil::repair(self.ip(one), self.ip(other));
    }

    fn ip(&self, name: &str) -> IpAddr {
        self.ctx.topology().named(name).unwrap().addr.ip()
    }

    /// All hosts but one, the member's too.
    fn others(&self, name: &str) -> impl Iterator<Item = IpAddr> {
        let all = self.ctx.topology().instances().iter();
        let all = all.filter(move |i| self.wanted.contains(&i.service) && i.name != name);
        all.map(|i| i.addr.ip()).chain([self.ctx.me().addr.ip()])
    }

    /// Names of the instances of a service.
    pub fn names(&self, of: Service) -> Vec<String> {
        self.ctx.topology().of(of).map(|i| i.name.clone()).collect()
    }

    // ===== what is known =====

    /// Waits until everybody lists everybody.
    pub async fn settled(&self) {
        sleep(Duration::from_millis(100)).await;
        let everybody_knows = || {
            let mut all = self.hosts.all();
            // Registries are asked, they do not ask.
            all.retain(|ctx| ctx.me().service != Service::Registry);
            all.push(self.ctx.clone());
            all.iter().all(|ctx| self.lists_all(ctx))
        };
        until("everybody lists everybody", SECOND * 20, async || everybody_knows()).await;
    }

    fn lists_all(&self, ctx: &Ctx) -> bool {
        let discovery = ctx.discovery().unwrap();
        let listed = self.wanted.iter().filter(|service| **service != Service::Registry);
        listed
            .into_iter()
            .all(|service| discovery.list(*service).len() == ctx.topology().of(*service).count())
    }

    /// Calls in flight in any client of any host: who, to whom, how many.
    pub fn in_flight(&self) -> Vec<(String, String, u64)> {
        let mut all = self.hosts.all();
        all.push(self.ctx.clone());
        let mut found = Vec::new();
        for ctx in all {
            for client in ctx.catalogue().clients() {
                for endpoint in client.endpoints.iter().filter(|e| e.in_flight > 0) {
                    let (who, whom) = (ctx.me().name.clone(), endpoint.id.to_string());
                    found.push((who, whom, endpoint.in_flight));
                }
            }
        }
        found
    }

    /// The circuit of one instance's calls to another.
    pub fn circuit(&self, from: &str, to: &str) -> Option<State> {
        let clients = self.hosts.named(from)?.catalogue().clients();
        let mut endpoints = clients.iter().flat_map(|client| &client.endpoints);
        endpoints.find(|endpoint| endpoint.id.as_str() == to)?.circuit
    }

    /// How often something was sent since the trace had `mark` lines: from and to names that begin so.
    pub fn sends(&self, mark: u64, from: &str, to: &str) -> usize {
        let lines = self.ctx.trace().lines();
        assert_eq!(lines.len() as u64, self.ctx.trace().len(), "the trace holds all of it");
        let to = format!("send to={to}");
        let of = |line: &&String| {
            let what = line.split_once(' ').map_or("", |(_, what)| what);
            what.starts_with(from) && what.contains(&to)
        };
        lines[mark as usize..].iter().filter(of).count()
    }

    /// Where the trace is now.
    pub fn mark(&self) -> u64 {
        self.ctx.trace().len()
    }

    // ===== members =====

    /// Calls that begin at these intervals, however long earlier ones take; judged as the demo does.
    pub async fn calls(
        &self,
        members: &Arc<Members>,
        path: impl Fn(u64) -> Path,
        count: u64,
        every: Duration,
    ) -> Tally {
        let mut running = Vec::new();
        for _ in 0..count {
            let number = self.calls.fetch_add(1, Relaxed);
            let (members, ctx, path) = (Arc::clone(members), self.ctx.clone(), path(number));
            running.push(tokio::spawn(async move {
                let intended = Instant::now();
                let judged = members.call(path, number).await;
                let ended = Instant::now();
                let said = match &judged.outcome {
                    Outcome::Right => "right",
                    Outcome::Degraded => "degraded",
                    Outcome::Wrong(why) => why,
                };
                let (path_name, took) = (path.as_str(), (ended - intended).as_micros());
                ctx.event(
                    "call",
                    &[("n", &number), ("path", &path_name), ("us", &took), ("is", &said)],
                );
                let (outcome, attempts) = (judged.outcome, judged.attempts);
                Call { path, intended, late: Duration::ZERO, ended, outcome, attempts }
            }));
            sleep(every).await;
        }
        let mut tally = Tally::new();
        for call in running {
            tally.add(&call.await.expect("a member does not panic"));
        }
        tally
    }

    /// Plays at 25 a second.
    pub async fn plays(&self, members: &Arc<Members>, lasts: Duration) -> Tally {
        let every = SECOND / 25;
        let count = (lasts.as_millis() / every.as_millis()) as u64;
        self.calls(members, |_| Path::Play, count, every).await
    }
}

/// Every call was answered right within a member's patience, and none of the layers asked much more than once.
pub fn all_right(what: &str, tally: &Tally) {
    assert!(tally.requests() > 0, "{what}: nothing was asked");
    let (available, attempts) = (tally.available(), tally.attempts_per_call());
    assert!(available == 1.0, "{what}: {available} of {}: {:?}", tally.requests(), tally.wrongs());
    assert!(attempts <= 1.2, "{what}: {attempts} attempts per call");
}
