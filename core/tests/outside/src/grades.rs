use crate::Graded;
use orlop_core::{Classify, Head, Outcome, Verdict, local_verdict};
use std::{convert::Infallible, error::Error};

/// A classifier: a grade of 5 or worse is a failure, whatever the protocol says.
#[derive(Clone, Copy, Debug)]
pub struct Grades;

impl<Req: ?Sized> Classify<Req> for Grades {
    type Call = Self;

    fn begin(&self, _: &Req) -> Self {
        Self
    }
}

impl Outcome<Graded> for Grades {
    type AtEnd = Infallible;

    fn head(self, res: &Graded) -> Head<Infallible> {
        Head::Known(if res.grade >= 5 { Verdict::FAILURE } else { Verdict::SUCCESS })
    }

    fn error(self, error: &(dyn Error + 'static)) -> Verdict {
        local_verdict(error).unwrap_or(Verdict::BROKEN)
    }
}
