//! Placeholder of the `redirect` layer.
