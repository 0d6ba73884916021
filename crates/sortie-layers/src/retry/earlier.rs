//! Whether a call that failed had been answered before. A pure function of its error.

use std::error::Error;

use sortie_core::{Fault, causes};

use super::{AttemptEnd, Failed};
use crate::redirect;

/// Whether an error, or one of its causes, says that its call had other exchanges before the one that failed, on which a
/// server may have acted: a redirect that was answered, an attempt that was not certainly in vain.
///
/// Then the [`Outcome`](sortie_core::Outcome) that stands below it, of the last exchange, is not that of the call: though no
/// connection was made to where a redirect led, what led there was processed. What stands below that exchange's [`Fault`]
/// is not asked: it is about exchanges of others, a resolver's, say.
#[must_use]
pub fn tells_of_earlier_exchanges(error: &(dyn Error + 'static)) -> bool {
    causes(error).take_while(|cause| !cause.is::<Fault>()).any(lists_earlier_exchanges)
}

fn lists_earlier_exchanges(cause: &(dyn Error + 'static)) -> bool {
    if let Some(redirects) = cause.downcast_ref::<redirect::Failed>() {
        return !redirects.history().is_empty() || redirects.unfollowed().is_some();
    }
    let Some(failed) = cause.downcast_ref::<Failed>() else { return false };
    let earlier = failed.attempts().split_last().map_or(&[][..], |(_, earlier)| earlier);
    earlier.iter().any(|attempt| match attempt.end() {
        AttemptEnd::Answered(_) => true,
        AttemptEnd::Failed { failure, .. } => !failure.is_some_and(|failure| failure.is_unprocessed()),
    })
}
