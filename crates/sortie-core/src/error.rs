use std::error::Error;

/// Any error, as tower's own layers pass it on.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// The first error of type `E` in the chain that starts at `error` and goes on through [`Error::source`].
///
/// Layers wrap what failed beneath them; this is how a layer above, or a user, finds the typed cause whatever stands
/// between. `std::io::Error` hides a custom error from `source()`, so it is opened here.
///
/// ```
/// use sortie_core::{BoxError, Elapsed, Phase, find};
/// use std::time::Duration;
///
/// let error: BoxError = std::io::Error::other(Elapsed::new(Phase::Read, Duration::from_secs(60))).into();
/// assert_eq!(find::<Elapsed>(&*error).map(Elapsed::phase), Some(Phase::Read));
/// ```
pub fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// `error` and its causes, as [`find`] goes through them: what has failed furthest in comes last.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        // `io::Error::source` is the source of the custom error inside, not that error itself.
        match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner as _),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Wrap(BoxError);

    impl fmt::Display for Wrap {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl Error for Wrap {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    #[test]
    fn finds_a_cause_through_wrappers_and_io_errors() {
        let cause = Wrap("cause".into());
        let error = Wrap(Box::new(std::io::Error::other(Wrap(Box::new(std::io::Error::other(cause))))));
        assert!(find::<std::io::Error>(&error).is_some());
        assert!(find::<Wrap>(&error).is_some());
        assert!(find::<fmt::Error>(&error).is_none());
    }
}
