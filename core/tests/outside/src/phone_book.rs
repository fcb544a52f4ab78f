use futures_util::stream::{self, Stream};
use orlop_core::{Endpoint, Update};
use tokio::sync::mpsc;

/// A source of endpoints: whoever holds it adds and removes them by hand.
#[derive(Debug)]
pub struct PhoneBook {
    to: mpsc::UnboundedSender<Update>,
}

impl PhoneBook {
    /// A book that lists these, and the stream that a balancer reads.
    pub fn new(listed: Vec<Endpoint>) -> (Self, impl Stream<Item = Update> + Send + 'static) {
        let (to, from) = mpsc::unbounded_channel();
        let book = Self { to };
        book.tell(Update::Reset(listed));
        (book, stream::unfold(from, async |mut from| Some((from.recv().await?, from))))
    }

    pub fn tell(&self, update: Update) {
        // An error only says that nobody reads any more.
        let _ = self.to.send(update);
    }
}
