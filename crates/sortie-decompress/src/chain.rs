//! All codings of a body being undone, within the limits.

use bytes::Bytes;

use crate::stage::Stage;
use crate::{Coding, Decoded, DecompressError, DecompressOptions};

/// More codings than this are not undone: each of them can multiply what the one before yields (CVE-2025-66418).
pub const MAX_CODINGS: usize = 5;

/// What is decoded counts against `max_ratio` from here on.
const RATIO_FROM: u64 = 16 * 1024 * 1024;

/// How often a stage yields something before the task lets others run, even if nothing has come out at the end: what goes
/// from one coding to the next can be a thousand times what was received.
const STEPS: usize = 16;

/// What comes of a step.
pub(crate) enum Step {
    /// Decoded octets.
    Data(Bytes),
    /// All input is decoded.
    Hungry,
    /// There is more to do, at another time.
    Busy,
}

/// The stages, the coding that was applied last in front.
pub(crate) struct Chain {
    stages: Vec<Counted>,
    wire: u64,
    limits: Limits,
    decoded: Decoded,
}

struct Counted {
    stage: Stage,
    /// How many octets came of it.
    yielded: u64,
}

#[derive(Clone, Copy)]
struct Limits {
    size: Option<u64>,
    ratio: Option<u32>,
}

impl Chain {
    /// For these codings, in the order in which they were applied.
    pub(crate) fn new(applied: &[Coding], options: &DecompressOptions, decoded: Decoded) -> Self {
        let counted = |coding: &Coding| Counted { stage: Stage::new(*coding), yielded: 0 };
        let limits = Limits { size: options.max_size, ratio: options.max_ratio };
        Self { stages: applied.iter().rev().map(counted).collect(), wire: 0, limits, decoded }
    }

    /// Gives it what was received, once it is hungry.
    pub(crate) fn feed(&mut self, received: Bytes) {
        self.wire += received.len() as u64;
        if let Some(first) = self.stages.first_mut() {
            first.stage.feed(received);
        }
        self.count();
    }

    /// Decodes some more.
    pub(crate) fn step(&mut self) -> Result<Step, DecompressError> {
        let last = self.stages.len().saturating_sub(1);
        // From the end: what is under way comes out before more goes in, so that no stage keeps more than a block.
        let (mut at, mut steps) = (last, 0);
        while steps < STEPS {
            let Some(counted) = self.stages.get_mut(at) else { return Ok(Step::Hungry) };
            let chunk = counted.stage.decode()?;
            if chunk.is_empty() {
                if at == 0 {
                    return Ok(Step::Hungry);
                }
                at -= 1;
                continue;
            }
            steps += 1;
            counted.yielded += chunk.len() as u64;
            self.limits.check(counted.yielded, self.wire, at == last)?;
            if at == last {
                self.count();
                return Ok(Step::Data(chunk));
            }
            at += 1;
            self.stages[at].stage.feed(chunk);
        }
        Ok(Step::Busy)
    }

    /// What it means that nothing more is received, once it is hungry.
    pub(crate) fn end(&self) -> Result<(), DecompressError> {
        match self.stages.iter().find(|counted| !counted.stage.may_end()) {
            Some(counted) => Err(DecompressError::Truncated { coding: counted.stage.coding() }),
            None => Ok(()),
        }
    }

    fn count(&self) {
        self.decoded.count(self.wire, self.stages.last().map_or(0, |last| last.yielded));
    }
}

impl Limits {
    /// Whether a stage may have yielded so many octets. What lies between two codings is not held to the size: it may be
    /// a little more than what it stands for.
    fn check(self, yielded: u64, wire: u64, is_last: bool) -> Result<(), DecompressError> {
        if let Some(limit) = self.size.filter(|limit| is_last && yielded > *limit) {
            return Err(DecompressError::TooLarge { limit });
        }
        match self.ratio {
            Some(limit) if yielded > RATIO_FROM && yielded / u64::from(limit).max(1) > wire => {
                Err(DecompressError::TooDense { limit })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_the_last_octet_that_passes() {
        let too_large = |result| matches!(result, Err(DecompressError::TooLarge { limit: 100 }));
        let too_dense = |result| matches!(result, Err(DecompressError::TooDense { limit: 10 }));
        let limits = Limits { size: Some(100), ratio: Some(10) };
        assert!(limits.check(100, 1, true).is_ok());
        assert!(too_large(limits.check(101, 1, true)));
        assert!(limits.check(101, 1, false).is_ok());
        let limits = Limits { size: None, ratio: Some(10) };
        assert!(limits.check(RATIO_FROM, 1, true).is_ok());
        assert!(too_dense(limits.check(RATIO_FROM + 1, 1, true)));
        assert!(too_dense(limits.check(RATIO_FROM + 1, 1, false)));
        assert!(limits.check(10 * RATIO_FROM, RATIO_FROM, true).is_ok());
        assert!(too_dense(limits.check(10 * RATIO_FROM + 10, RATIO_FROM, true)));
        assert!(Limits { size: None, ratio: None }.check(u64::MAX, 1, true).is_ok());
    }
}
