use std::error::Error;

/// What a person is told: the text of an error and of all its causes.
///
/// ```
/// use std::error::Error;
/// use std::{fmt, io};
///
/// #[derive(Debug)]
/// struct NotLoaded(io::Error);
///
/// impl fmt::Display for NotLoaded {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("not loaded")
///     }
/// }
///
/// impl Error for NotLoaded {
///     fn source(&self) -> Option<&(dyn Error + 'static)> {
///         Some(&self.0)
///     }
/// }
///
/// assert_eq!(sortie_testkit::told(&NotLoaded(io::Error::other("the disk is gone"))), "not loaded: the disk is gone");
/// ```
#[must_use]
pub fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}
