//! Placeholder of the `retry` layer.
