use std::fmt;

use serde::Serialize;

/// A figure that has to keep within a limit.
#[derive(Serialize)]
pub(crate) struct Budget {
    figure: String,
    measured: f64,
    limit: Limit,
    met: bool,
}

#[derive(Clone, Copy, Serialize)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Budget {
    pub(crate) fn new(figure: impl Into<String>, measured: f64, limit: Limit) -> Self {
        // A figure that was not measured meets nothing.
        let met = match limit {
            Limit::AtMost(limit) => measured <= limit,
            Limit::AtLeast(limit) => measured >= limit,
        };
        Self { figure: figure.into(), measured, limit, met }
    }

    pub(crate) fn met(&self) -> bool {
        self.met
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.met { "met  " } else { "SHORT" };
        let (words, limit) = match self.limit {
            Limit::AtMost(limit) => ("at most", limit),
            Limit::AtLeast(limit) => ("at least", limit),
        };
        write!(f, "  {verdict}  {}: {:.2}, {words} {limit}", self.figure, self.measured)
    }
}
