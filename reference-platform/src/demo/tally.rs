//! What members saw on one path during one row of the table.

use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

/// A path that members take through the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// Start a play and fetch bytes of it.
    Play,
    /// Find a title by a word of its name.
    Search,
    /// Rows that are the same for all.
    Browse,
    /// Rows made for the member.
    Home,
}

/// One member's call, over.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which path.
    pub path: Path,
    /// When it was to start. Latency counts from here, so that a generator that falls behind does not hide a stall.
    pub intended: Instant,
    /// How late it did start.
    pub late: Duration,
    /// When it ended.
    pub ended: Instant,
    /// What came of it.
    pub outcome: Outcome,
    /// Requests that the member's client sent for it; of a path with two steps, for the step that took more.
    pub attempts: u32,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The right answer.
    Right,
    /// An answer that says of itself that it is less than usual.
    Degraded,
    /// A wrong answer, an error, or none in time.
    Wrong(String),
}

/// The sum over many calls of one path.
#[derive(Debug, Clone)]
pub struct Tally {
    requests: u64,
    right: u64,
    degraded: u64,
    attempts: u64,
    latency: Histogram<u64>,
    /// The first few reasons, to print when a bar is missed.
    wrongs: Vec<String>,
}

/// Reasons kept for each path and row.
const KEPT: usize = 3;
/// Latencies are kept in microseconds up to a minute, to three digits.
const HIGHEST: u64 = 60_000_000;

impl Path {
    /// All of them, as the table lists them.
    pub const ALL: [Self; 4] = [Self::Play, Self::Search, Self::Browse, Self::Home];

    /// Its name in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Play => "play",
            Self::Search => "search",
            Self::Browse => "browse",
            Self::Home => "home",
        }
    }

    /// Whether the platform has failed when this path does.
    pub const fn is_critical(self) -> bool {
        !matches!(self, Self::Home)
    }
}

impl Tally {
    /// Nothing yet.
    pub fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, HIGHEST, 3);
        Self {
            requests: 0,
            right: 0,
            degraded: 0,
            attempts: 0,
            latency: latency.expect("1..=60 s to three digits is within what a histogram can hold"),
            wrongs: Vec::new(),
        }
    }

    /// Adds a call.
    pub fn add(&mut self, call: &Call) {
        self.requests += 1;
        self.attempts += u64::from(call.attempts);
        match &call.outcome {
            Outcome::Right => self.right += 1,
            Outcome::Degraded => {
                self.right += 1;
                self.degraded += 1;
            }
            Outcome::Wrong(why) if self.wrongs.len() < KEPT => self.wrongs.push(why.clone()),
            Outcome::Wrong(_) => {}
        }
        let micros = call.ended.saturating_duration_since(call.intended).as_micros();
        self.latency.saturating_record(u64::try_from(micros).unwrap_or(HIGHEST).max(1));
    }

    /// How many calls.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// The share of right answers, degraded ones included; 0 without calls.
    pub fn available(&self) -> f64 {
        share(self.right, self.requests)
    }

    /// The lower bound of the 95 % Wilson interval of [`available`](Self::available).
    pub fn available_at_least(&self) -> f64 {
        wilson_lower(self.right, self.requests)
    }

    /// The share of right answers that were not degraded; 0 without calls.
    pub fn undegraded(&self) -> f64 {
        share(self.right - self.degraded, self.requests)
    }

    /// The share of degraded answers.
    pub fn degraded(&self) -> f64 {
        share(self.degraded, self.requests)
    }

    /// Requests sent for each call.
    pub fn attempts_per_call(&self) -> f64 {
        share(self.attempts, self.requests)
    }

    /// A latency quantile.
    pub fn latency(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.latency.value_at_quantile(quantile))
    }

    /// Some of the reasons of wrong answers.
    pub fn wrongs(&self) -> &[String] {
        &self.wrongs
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The lower bound of Wilson's score interval, two-sided 95 % (z = 1.96): what a share seen in so many calls is at least.
///
/// Source: E. B. Wilson, "Probable inference", JASA 22 (1927). 0 without calls.
pub fn wilson_lower(good: u64, calls: u64) -> f64 {
    const Z: f64 = 1.96;
    if calls == 0 {
        return 0.0;
    }
    let (n, p) = (calls as f64, good as f64 / calls as f64);
    let z2 = Z * Z;
    let centre = p + z2 / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - spread) / (1.0 + z2 / n)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_bound_is_the_published_one() {
        // 81 of 263: the textbook example (Newcombe 1998, method 3): 0.2553.
        assert!((wilson_lower(81, 263) - 0.2553).abs() < 5e-5);
        // Newcombe 1998: 15 of 148 gives 0.0624; 1 of 29 gives 0.0061.
        assert!((wilson_lower(15, 148) - 0.0624).abs() < 5e-5);
        assert!((wilson_lower(1, 29) - 0.0061).abs() < 5e-5);
        assert_eq!(wilson_lower(0, 0), 0.0);
    }

    #[test]
    fn two_wrong_answers_in_a_row_of_the_demo_pass_and_three_do_not() {
        // 450 calls a second for 17 s; the bar is 99.9 %.
        let n = 450 * 17;
        assert!(wilson_lower(n - 2, n) >= 0.999);
        assert!(wilson_lower(n - 3, n) < 0.999);
    }

    #[tokio::test(start_paused = true)]
    async fn latency_counts_from_the_intended_start() {
        let intended = Instant::now();
        let call = |outcome| Call {
            path: Path::Play,
            intended,
            late: Duration::from_millis(90),
            ended: intended + Duration::from_millis(100),
            outcome,
            attempts: 2,
        };
        let mut tally = Tally::new();
        tally.add(&call(Outcome::Right));
        tally.add(&call(Outcome::Degraded));
        tally.add(&call(Outcome::Wrong("404".into())));
        assert_eq!(tally.requests(), 3);
        assert!((tally.available() - 2.0 / 3.0).abs() < 1e-9);
        assert!((tally.undegraded() - 1.0 / 3.0).abs() < 1e-9);
        assert!((tally.attempts_per_call() - 2.0).abs() < 1e-9);
        let p50 = tally.latency(0.5).as_secs_f64();
        assert!((p50 - 0.1).abs() < 0.001, "{p50}");
        assert_eq!(tally.wrongs(), ["404"]);
    }
}
