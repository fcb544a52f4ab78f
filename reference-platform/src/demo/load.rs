//! Open-loop load: calls start when they are due, however long earlier ones take.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::recorder::Recorder;
use super::tally::{Call, Path};

/// What a virtual member does on a path.
pub trait Member: Send + Sync + 'static {
    /// One call, judged. `number` counts the calls of all paths.
    fn call(&self, path: Path, number: u64) -> impl Future<Output = Judged> + Send;
}

/// What a member says of a call.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What came of it.
    pub outcome: super::tally::Outcome,
    /// Requests sent; of a path with two steps, for the step that took more.
    pub attempts: u32,
}

/// Calls a second on each path. Live: a change counts from the next call on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// On each of play, search and browse.
    pub critical: f64,
    /// On home.
    pub home: f64,
}

/// A running generator.
#[derive(Debug)]
pub struct Load {
    rates: watch::Sender<Option<Rates>>,
    task: JoinHandle<()>,
}

impl Load {
    /// Starts to call, on the current runtime.
    pub fn start<M: Member>(
        member: Arc<M>,
        recorder: Recorder,
        rates: Rates,
        random: fastrand::Rng,
    ) -> Self {
        let (rates, heard) = watch::channel(Some(rates));
        let task = tokio::spawn(generate(member, recorder, heard, random));
        Self { rates, task }
    }

    /// Stops: no call starts any more. Those in flight end by themselves, within a member's patience.
    pub async fn stop(self) {
        self.rates.send_replace(None);
        // It ends at its next call at the latest; an error would be a panic of its own, which has been printed.
        let _ = self.task.await;
    }
}

async fn generate<M: Member>(
    member: Arc<M>,
    recorder: Recorder,
    rates: watch::Receiver<Option<Rates>>,
    mut random: fastrand::Rng,
) {
    let start = Instant::now();
    let mut next = Path::ALL.map(|path| (path, start));
    let mut number = 0;
    loop {
        let Some(rates) = *rates.borrow() else { return };
        // The path that is due first; a stable order where two are due at once.
        let due = next.iter_mut().min_by_key(|(_, at)| *at);
        let Some((path, at)) = due else { return };
        let (path, intended) = (*path, *at);
        let rate = if path.is_critical() { rates.critical } else { rates.home };
        *at = intended + interval(rate, &mut random);
        sleep_until(intended).await;
        let member = Arc::clone(&member);
        let flight = recorder.start(intended);
        tokio::spawn(async move {
            let late = intended.elapsed();
            let Judged { outcome, attempts } = member.call(path, number).await;
            let ended = Instant::now();
            flight.land(&Call { path, intended, late, ended, outcome, attempts });
        });
        number += 1;
    }
}

/// Exponential: arrivals of many independent members.
fn interval(rate: f64, random: &mut fastrand::Rng) -> Duration {
    let unit = 1.0 - random.f64(); // within (0, 1]: its logarithm is finite
    Duration::from_secs_f64((-unit.ln() / rate.max(0.001)).min(3_600.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::tally::Outcome;

    /// Takes five seconds for everything.
    struct Slow;

    impl Member for Slow {
        async fn call(&self, _: Path, _: u64) -> Judged {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Judged { outcome: Outcome::Right, attempts: 1 }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_start_when_due_however_slow_the_answers_are() {
        let recorder = Recorder::default();
        let start = Instant::now();
        recorder.open(start);
        let rates = Rates { critical: 50.0, home: 5.0 };
        let random = fastrand::Rng::with_seed(11);
        let load = Load::start(Arc::new(Slow), recorder.clone(), rates, random);
        tokio::time::sleep(Duration::from_secs(20)).await;
        recorder.close(Instant::now());
        load.stop().await;
        recorder.landed(Duration::from_secs(6)).await;
        let window = recorder.take().unwrap();
        assert_eq!(window.lost(), 0);
        let play = window.tallies[&Path::Play].requests();
        // Poisson with mean 1000: standard deviation 32; five of them. Seed 11.
        assert!((840..=1_160).contains(&play), "{play} calls");
        let home = window.tallies[&Path::Home].requests();
        assert!((50..=150).contains(&home), "{home} calls");
    }
}
