//! Placeholder of the `auth` layer.
