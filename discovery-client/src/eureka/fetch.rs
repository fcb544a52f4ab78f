//! One round: a delta if that will do, else everything.

use std::time::Duration;

use tokio::time::Instant;

use super::{client::Client, error::Error, view::View};

/// The registry's view and when it was last right.
#[derive(Debug, Default)]
pub(super) struct Fetcher {
    view: View,
    fresh_at: Option<Instant>,
}

/// Deltas reach back 180 s. After a longer gap a delta could miss a change that the hash, which only counts, does not
/// show; 30 s are left for the answer's way and for the registry's own sweep.
const DELTA_REACH: Duration = Duration::from_secs(150);

impl Fetcher {
    pub(super) fn view(&self) -> &View {
        &self.view
    }

    /// Asks a registry for news.
    ///
    /// # Cancel safety
    ///
    /// The view changes only when a whole answer is there.
    pub(super) async fn round(&mut self, client: &Client) -> Result<(), Error> {
        let asked_at = Instant::now();
        if !self.try_delta(client, asked_at).await {
            self.view = View::of(client.fetch_all().await?);
        }
        // The time of asking: a change made while the answer was on its way may not be in it.
        self.fresh_at = Some(asked_at);
        Ok(())
    }

    async fn try_delta(&mut self, client: &Client, now: Instant) -> bool {
        let fresh = self.fresh_at.is_some_and(|at| now.duration_since(at) < DELTA_REACH);
        if !fresh {
            return false;
        }
        // Whatever is wrong with the delta, fetching everything is the answer, and its error is the one that counts.
        let Ok(delta) = client.fetch_delta().await else { return false };
        let hashcode = delta.hashcode.clone();
        let mut next = self.view.clone();
        next.apply(delta);
        if next.hashcode() != hashcode {
            return false;
        }
        self.view = next;
        true
    }
}
