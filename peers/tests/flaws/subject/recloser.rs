use crate::call::{Answer, Breaker, Going, Went};
use recloser::{AsyncRecloser, Error, RecloserBuilder};

/// It tells nobody its state.
pub(crate) struct Recloser(AsyncRecloser);

impl Recloser {
    pub(crate) fn new(config: RecloserBuilder) -> Self {
        Self(AsyncRecloser::from(config.build()))
    }
}

impl Breaker for Recloser {
    fn call(&self, answer: Answer) -> Going {
        let call = self.0.call(answer);
        Box::pin(async {
            match call.await {
                Ok(()) => Went::Well,
                Err(Error::Rejected) => Went::Refused,
                Err(Error::Inner(_)) => Went::Badly,
            }
        })
    }
}
