use http::Extensions;

/// An override of a layer's options for one request, carried in the request's extensions.
///
/// Three things differ: *absent* means what the session or the mount configured, [`Off`](Self::Off) switches the
/// layer off for this request, and [`Use`](Self::Use) is the value to use instead. `T` is the very type that
/// configures the layer.
///
/// ```
/// use sortie_core::PerRequest;
///
/// let mut request = http::Request::new(());
/// assert_eq!(PerRequest::resolve(request.extensions(), Some(&20)), Some(&20));
/// request.extensions_mut().insert(PerRequest::Use(5));
/// assert_eq!(PerRequest::resolve(request.extensions(), Some(&20)), Some(&5));
/// request.extensions_mut().insert(PerRequest::<i32>::Off);
/// assert_eq!(PerRequest::resolve(request.extensions(), Some(&20)), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "absent, off and a value are all there is")]
pub enum PerRequest<T> {
    /// This value, whatever the session or the mount says.
    Use(T),
    /// Nothing, whatever the session or the mount says.
    Off,
}

impl<T: Clone + Send + Sync + 'static> PerRequest<T> {
    /// What this request asks for; `None` where it does not say.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The value that counts for this request, given the layer's own.
    #[must_use]
    pub fn resolve<'a>(extensions: &'a Extensions, layer: Option<&'a T>) -> Option<&'a T> {
        match Self::of(extensions) {
            Some(Self::Use(value)) => Some(value),
            Some(Self::Off) => None,
            None => layer,
        }
    }
}
